"""Find z: the objective, the solvers, polishing, and the one loop."""
