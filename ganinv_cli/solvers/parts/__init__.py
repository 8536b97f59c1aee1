"""What solvers are composed of."""
