"""What a generator is, and how hard it is to invert."""
