"""Generators of weights alone, in whatever file: in which order they act, and how."""
