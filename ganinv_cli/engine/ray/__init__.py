"""Run jobs on the workers of a Ray cluster."""
