"""Generators that are graphs of TensorFlow operations."""
