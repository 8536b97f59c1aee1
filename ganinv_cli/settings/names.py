"""The names that the command line, the configs and the results share."""

from collections.abc import Sequence

SOLVERS = ("gd", "lbfgs")  # a file each in solvers/
MIXED_PRECISION_SOLVERS = ("lbfgs",)  # the solvers whose first gradients may be bfloat16
ENGINES = ("local", "ray")
PRECISIONS = ("auto", "float32", "mixed")  # of the gradients; see resources.mixed
STARTS = ("random", "encoder")  # a draw from the prior, or what solvers/learned.py finds
STYLES = {  # of the tables, each with the ending of its file; a function each in report/render.py
    "text": "txt",
    "markdown": "md",
    "csv": "csv",
    "latex": "tex",
    "json": "json",
}


def variance_group(variance: float, rule: str) -> str:
    """Of the results file: the trials under a rule at one variance of noise."""
    return f"variance={variance:g}/{rule}"


def image_group(number: int, rule: str = "") -> str:
    """Of the results file: an image by its number, or its recoveries under a rule."""
    return f"image={number:04d}/{rule}".rstrip("/")


def image_number(group: str) -> int:
    """The other way round."""
    return int(group.removeprefix("image=").partition("/")[0])


def representative_rule(clip: Sequence[str]) -> str:
    """Whose pictures stand for a run's: the paper's own rule where it was run, or the first."""
    return "stochastic" if "stochastic" in clip else clip[0]
