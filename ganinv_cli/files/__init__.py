"""Open, read and write files safely."""
