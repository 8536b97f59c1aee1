"""Merge results files of one run."""
