"""The pictures of verdicts.py, and its tables."""
