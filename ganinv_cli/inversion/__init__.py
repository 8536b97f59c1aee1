"""Find z: the objective, the solvers, refinement, and the one loop."""
