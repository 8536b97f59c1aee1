"""Rows that lie in many files, put together block by block."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ganinv_cli.store import files
from ganinv_cli.store.catalogue import Catalogue, CommittedFile
from ganinv_cli.store.chunks import read_rows
from ganinv_cli.store.schema import TRIAL, Kind, Layout


@dataclass(frozen=True)
class CommittedRows:
    """The rows that a finished file is to hold, and the files they lie in."""

    groups: Sequence[str]
    layout: Layout  # of these groups at least
    constants: Mapping[str, np.ndarray]
    list_trials: Callable[[str], np.ndarray]  # a group's numbers, sorted
    list_sources: Callable[
        [str, int, int], Sequence["RowSource"]
    ]  # of a group's rows from low to high


class RowSource(NamedTuple):
    """A file that has some rows; where two have the same one, the first counts."""

    path: Path
    trials: np.ndarray | None  # the rows to take, each at its trial's number; None: look for them


def collect_rows(catalogue: Catalogue) -> CommittedRows:
    """Everything that is committed of one run."""
    sources = functools.partial(list_overlapping_files, catalogue.files)
    return CommittedRows(
        catalogue.groups, catalogue.layout, catalogue.constants, catalogue.list_trials, sources
    )


def list_overlapping_files(
    candidates: Sequence[CommittedFile], group: str, low: int, high: int
) -> list[RowSource]:
    """The files that may have rows of a group from low to high."""
    spans = ((each.path, each.spans.get(group, (high, low))) for each in candidates)
    return [RowSource(path, None) for path, (least, most) in spans if least < high and most >= low]


def read_block(
    rows: CommittedRows, group: str, kinds: Mapping[str, Kind], numbers: np.ndarray
) -> dict[str, np.ndarray]:
    """Column -> the rows of a group with these numbers, sorted; "trial" is -1 where there is none.

    "trial" is one of the columns asked for.
    """
    found = {name: kind.empty(len(numbers)) for name, kind in kinds.items()}
    found[TRIAL][:] = -1
    low, high = int(numbers[0]), int(numbers[-1]) + 1
    for source in reversed(rows.list_sources(group, low, high)):  # the first has the last word
        with files.open_results(source.path) as file:
            columns = file[group or "/"]
            if source.trials is not None:
                trials, at = (source.trials[np.isin(source.trials, numbers)],) * 2
            elif file.attrs["finished"] != "":
                trials, at = _locate_by_index(columns[TRIAL], numbers)
            else:
                trials, at = _locate_by_search(columns[TRIAL], numbers)
            places = np.searchsorted(numbers, trials)
            for name in kinds if len(trials) else ():
                if name in columns:
                    found[name][places] = read_rows(columns[name], at)
    return found


def _locate_by_index(trial: h5py.Dataset, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the numbers a file has, each in the row of its number, and these rows."""
    there = numbers[numbers < len(trial)]
    run = there[read_rows(trial, there) >= 0] if len(there) else there
    return run, run


def _locate_by_search(trial: h5py.Dataset, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the numbers a file has, in whatever row, and their rows, sorted."""
    stored = trial[:]
    at = np.flatnonzero(np.isin(stored, numbers))
    return stored[at], at
