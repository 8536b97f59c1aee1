"""The names that the command line, the configs and the results share."""

import pkgutil
from collections.abc import Sequence
from pathlib import Path


def _list_solvers() -> tuple[str, ...]:
    """Return the names of the files in solvers/ but the base class's, without importing them."""
    files = pkgutil.iter_modules([str(Path(__file__).parents[1] / "solvers")])
    return tuple(sorted(file.name for file in files if not file.ispkg and file.name != "solver"))


SOLVERS = _list_solvers()
ENGINES = ("local", "ray")
PRECISIONS = ("auto", "float32", "mixed")  # of the gradients; see settings/machine.py
STARTS = ("random", "encoder")  # a draw from the prior, or where encoder/start.py leads
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
