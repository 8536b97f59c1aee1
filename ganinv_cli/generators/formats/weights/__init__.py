"""Generators from files of weights alone: the order of the layers, and their geometry."""
