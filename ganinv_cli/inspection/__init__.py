"""Describe a generator, and measure how hard it is to invert."""
