"""Load any generator: read it in some format, and compute it as a network."""
