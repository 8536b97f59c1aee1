"""Trace functions to networks, for formats whose generators TensorFlow runs."""
