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
STARTS = ("random", "encoder")  # a draw from the prior, or the z found by encoder/start.py
STYLES = {  # formats of the tables, each with the suffix of its file
    "text": "txt",
    "markdown": "md",
    "csv": "csv",
    "latex": "tex",
    "json": "json",
}


def variance_group(variance: float, rule: str) -> str:
    """Return the name of the HDF5 group for the trials of a rule at one variance of noise."""
    return f"variance={variance:g}/{rule}"


def image_group(number: int, rule: str = "") -> str:
    """Return the name of the HDF5 group for an image, or for its recoveries under a rule."""
    return f"image={number:04d}/{rule}".rstrip("/")


def image_number(group: str) -> int:
    """Return the image's number from the name of its group."""
    return int(group.removeprefix("image=").partition("/")[0])


def representative_rule(clip: Sequence[str]) -> str:
    """Return the rule that pictures of a run show: the paper's own if it was run, or the first."""
    return "stochastic" if "stochastic" in clip else clip[0]
