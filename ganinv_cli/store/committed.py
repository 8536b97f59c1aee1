"""Rows that lie in many files, put together block by block."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ganinv_cli.store import files
from ganinv_cli.store.catalogue import Catalogue, Stored
from ganinv_cli.store.chunks import taken
from ganinv_cli.store.schema import TRIAL, Kind, Layout


@dataclass(frozen=True)
class Committed:
    """The rows that a finished file is to hold, and the files they lie in."""

    groups: Sequence[str]
    layout: Layout  # of these groups at least
    constants: Mapping[str, np.ndarray]
    trials: Callable[[str], np.ndarray]  # a group's numbers, sorted
    sources: Callable[[str, int, int], Sequence["Source"]]  # of a group's rows from low to high


class Source(NamedTuple):
    """A file that has some rows; where two have the same one, the first counts."""

    path: Path
    trials: np.ndarray | None  # the rows to take, each at its trial's number; None: look for them


def committed(catalogue: Catalogue) -> Committed:
    """Everything that is committed of one run."""
    sources = functools.partial(spanning, catalogue.stored)
    return Committed(
        catalogue.groups, catalogue.layout, catalogue.constants, catalogue.trials, sources
    )


def spanning(stored: Sequence[Stored], group: str, low: int, high: int) -> list[Source]:
    """The files that may have rows of a group from low to high."""
    spans = ((each.path, each.spans.get(group, (high, low))) for each in stored)
    return [Source(path, None) for path, (least, most) in spans if least < high and most >= low]


def block(
    rows: Committed, group: str, kinds: Mapping[str, Kind], numbers: np.ndarray
) -> dict[str, np.ndarray]:
    """Column -> the rows of a group with these numbers, sorted; "trial" is -1 where there is none.

    "trial" is one of the columns asked for.
    """
    found = {name: kind.empty(len(numbers)) for name, kind in kinds.items()}
    found[TRIAL][:] = -1
    low, high = int(numbers[0]), int(numbers[-1]) + 1
    for source in reversed(rows.sources(group, low, high)):  # the first has the last word
        with files.opened(source.path) as file:
            held = file[group or "/"]
            if source.trials is not None:
                trials, at = (source.trials[np.isin(source.trials, numbers)],) * 2
            elif file.attrs["finished"] != "":
                trials, at = _placed(held[TRIAL], numbers)
            else:
                trials, at = _unplaced(held[TRIAL], numbers)
            places = np.searchsorted(numbers, trials)
            for name in kinds if len(trials) else ():
                if name in held:
                    found[name][places] = taken(held[name], at)
    return found


def _placed(trial: h5py.Dataset, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the numbers a file has, each in the row of its number, and these rows."""
    there = numbers[numbers < len(trial)]
    run = there[taken(trial, there) >= 0] if len(there) else there
    return run, run


def _unplaced(trial: h5py.Dataset, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the numbers a file has, in whatever row, and their rows, sorted."""
    all_of_it = trial[:]
    at = np.flatnonzero(np.isin(all_of_it, numbers))
    return all_of_it[at], at
