"""Checks of a checkout that are not tests."""
