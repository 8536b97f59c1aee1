"""The names that the command line, the configs and the results share."""

RULES = ("none", "standard", "stochastic", "wall")  # a function or a setting in clipping.py
SOLVERS = ("gd", "lbfgs")  # a file each in solvers/
