"""Parts that solvers are composed of."""
