"""The names that the command line, the configs and the results share."""

import pkgutil
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any


def _list_solvers() -> tuple[str, ...]:
    """Return the names of the files in solvers/, without importing them."""
    files = pkgutil.iter_modules([str(Path(__file__).parents[1] / "inversion" / "solvers")])
    return tuple(sorted(file.name for file in files if not file.ispkg))


SOLVERS = _list_solvers()
FIGURE_FORMATS = ("png", "pdf", "svg")
USUAL_STYLES = ("text", "csv", "json")  # whose files a run's folder has
STYLES = {  # formats of the tables, each with the suffix of its file
    "text": "txt",
    "markdown": "md",
    "csv": "csv",
    "latex": "tex",
    "json": "json",
}


IMAGES = "images"  # the group with a row for each image
COMPARED = "lbfgs"  # the solver that `recover` compares with, and the group of its trials


def name_starts(rule: str) -> str:
    """Return the name of the group with a row for each start of each image under a rule."""
    return f"{rule}/starts"


def name_certificates(rule: str) -> str:
    """Return the name of the group with a row for each image under a rule."""
    return f"{rule}/certificates"


def list_trial_groups(settings: Mapping[str, Any]) -> list[str]:
    """Return the groups of trials that a finished run has, from the config of its results.

    There is one for each rule, and for each case if there are several; all images share theirs.
    """
    rules, cases = list(settings.get("clip", ())), settings.get("cases")
    if "images" in settings:
        return list(map(name_starts, rules))
    return [f"{case}/{rule}" for case in cases for rule in rules] if cases else rules


def representative_rule(clip: Sequence[str]) -> str:
    """Return the rule that pictures of a run show: the paper's own if it was run, or the first."""
    return "stochastic" if "stochastic" in clip else clip[0]


def name_generators(checkpoints: Sequence[str]) -> list[str]:
    """Return a distinct name for each checkpoint, which may be part of a file's name.

    It is the file's name without its suffix, preceded by as many of its folders as it takes to tell
    the checkpoints apart, or by a number if their paths are equal: `weights` of `faces/weights.pt`
    alone, `faces-weights` beside `cats/weights.pt`.
    """
    parts = [_list_name_parts(checkpoint) for checkpoint in checkpoints]
    numbered = [f"{number}-{each[-1]}" for number, each in enumerate(parts, start=1)]
    return tell_apart(parts, "-") or numbered


def name_images(paths: Sequence[str], depth: int = 1) -> list[str]:
    """Return the last `depth` parts of each image's path, more if others have the same name.

    A place in a NumPy file, as in `a.npz[x/y]`, belongs to the name.
    """
    parts = [tuple(re.split(r"/(?![^[]*\]$)", path)) for path in paths]
    by_name: dict[str, list[tuple[str, ...]]] = {}
    for path in dict.fromkeys(parts):
        by_name.setdefault(path[-1], []).append(path)
    names: dict[tuple[str, ...], str] = {}
    for same in by_name.values():
        names |= zip(same, tell_apart(same, "/", depth) or map("/".join, same), strict=True)
    return [names[path] for path in parts]


def tell_apart(paths: Sequence[Sequence[str]], separator: str, least: int = 1) -> list[str] | None:
    """Return the last parts of each path, as few as tell all of them apart; None if none do."""
    for depth in range(least, max(map(len, paths), default=0) + 1):
        names = [separator.join(path[-depth:]) for path in paths]
        if len({name.casefold() for name in names}) == len(names):  # some systems ignore case
            return names
    return None


def _list_name_parts(checkpoint: str) -> list[str]:
    """Return the path's parts in characters that every system accepts, the last without suffix."""
    *folders, file = PurePath(checkpoint).parts or ("",)
    parts = [*folders, re.sub(r"\.\w+$", "", file)]  # keeps the number of DCGAN.model-9000
    safe = (re.sub(r"[^A-Za-z0-9._-]", "_", part).strip("._") for part in parts)
    return [part for part in safe if part] or ["generator"]
