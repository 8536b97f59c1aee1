"""The names that the command line, the configs and the results share."""

RULES = ("none", "standard", "stochastic", "wall")  # in the tables' order; see clipping.py
SOLVERS = ("gd", "lbfgs")  # a file each in solvers/
STYLES = {  # of the tables, each with the ending of its file; a function each in report/render.py
    "text": "txt",
    "markdown": "md",
    "csv": "csv",
    "latex": "tex",
    "json": "json",
}
