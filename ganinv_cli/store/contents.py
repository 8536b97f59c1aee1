"""Read the contents of one open results file: rows, constants and figures."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import h5py
import numpy as np

from ganinv_cli.store import checksums, columns, damage, schema
from ganinv_cli.store.checksums import TrialRows
from ganinv_cli.store.schema import TRIAL, Kind, Layout, column_path
from ganinv_cli.store.validation import OpenResults

CONTIGUOUS_GAP = 1024  # rows that are faster to read than to skip, in a dataset without chunks
BLOCK_BYTES = checksums.BLOCK_BYTES  # of a dataset, read at once


class FileSummary(NamedTuple):
    """The contents of a results file, without the values of the columns."""

    attributes: dict[str, Any]  # decoded
    trials: dict[str, TrialRows]  # by group; only the rows that were run
    layout: Layout
    constants: dict[str, np.ndarray]
    damage: damage.Damage  # empty if it was not looked for


@dataclass(frozen=True)
class Figure:
    """Images stored in the results file: a row per panel, a column per trial."""

    pictures: np.ndarray  # (panels, trials, height, width, channels) uint8
    panels: tuple[str, ...]
    trials: tuple[int, ...]

    def __post_init__(self) -> None:
        ahead = (len(self.panels), len(self.trials))
        if self.pictures.dtype != np.uint8 or self.pictures.ndim != 5:
            raise ValueError("pictures are (panels, trials, height, width, channels) uint8")
        if self.pictures.shape[:2] != ahead:
            raise ValueError(f"{self.pictures.shape[:2]} pictures for {ahead} panels and trials")

    def write(self, group: h5py.Group) -> None:
        """Write the figure into an empty group of a results file."""
        checksums.write_rows(group, "pictures", self.pictures)
        checksums.write_index_sum(group["pictures"])
        group.attrs["panels"] = list(self.panels)
        group.attrs["trials"] = np.array(self.trials, np.int64)


def read_summary(opened: OpenResults) -> FileSummary:
    """Return the summary of a file; of the columns only trial numbers and outcomes are read.

    Raises OSError if they are damaged, ValueError if they are no trials or outcomes.
    """
    trials = {
        group: _read_trials(opened.file[column_path(group, TRIAL)])
        for group in opened.attributes["groups"]
    }
    return _make_summary(opened, trials)


def read_intact_summary(opened: OpenResults) -> FileSummary:
    """Return the summary of the rows and figures of a file that are intact; all values are read.

    Raises ValueError if intact rows are no trials, or have other outcomes.
    """
    file, about = opened.file, opened.attributes
    rows = damage.find_intact_rows(opened)
    summary = _make_summary(opened, {group: rows[group].found for group in about["groups"]})
    lost = {group: of.lost for group, of in rows.items() if len(of.lost)}
    figures = damage.find_damaged_figures(file, about["figures"])
    intact = [name for name in about["figures"] if name not in figures]
    return summary._replace(
        attributes=about | {"figures": intact}, damage=damage.Damage(lost, figures)
    )


def _make_summary(opened: OpenResults, trials: dict[str, TrialRows]) -> FileSummary:
    file, attributes, layout = opened
    for group, found in trials.items():
        _check_rows(opened, group, found)
    return FileSummary(
        attributes,
        trials,
        layout,
        {each.name: file[each.name][()] for each in columns.CONSTANTS if each.name in file},
        damage.Damage({}, []),
    )


def read_figures(file: h5py.File, names: Iterable[str]) -> dict[str, Figure]:
    """Return figures of a file by their names."""
    return {name: read_figure(file[name]) for name in names}


def read_figure(group: h5py.Group) -> Figure:
    """Return the figure that `Figure.write` wrote."""
    checksums.check_index(group["pictures"])
    return Figure(
        group["pictures"][()],
        tuple(str(panel) for panel in group.attrs["panels"]),
        tuple(int(trial) for trial in group.attrs["trials"]),
    )


def get_kind(data: h5py.Dataset) -> Kind:
    """Return the kind of a column."""
    return Kind(str(data.dtype), data.shape[1:])


def copy_rows(data: h5py.Dataset, rows: np.ndarray, values: np.ndarray, places: np.ndarray) -> None:
    """Set values[places] = data[rows], at most BLOCK_BYTES at a time.

    The rows, (n,) int, may be in any order and occur twice. Rows far from them are not read.
    """
    checksums.check_index(data)
    row_bytes = values.itemsize * math.prod(values.shape[1:])
    length = max(1, BLOCK_BYTES // max(1, row_bytes))
    for low in range(0, len(rows), length):
        block = slice(low, low + length)
        wanted, place = np.unique(rows[block], return_inverse=True)
        values[places[block]] = _read_sorted_rows(data, wanted, length)[place]


def read_rows(data: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Return data[rows] as `copy_rows` reads it, for rows (n,) int."""
    values = np.empty((len(rows), *data.shape[1:]), data.dtype)
    copy_rows(data, rows, values, np.arange(len(rows)))
    return values


def iterate_pieces(ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the first place and the end of each piece of a sequence that is not empty.

    `ends`, bool (len - 1,), is true after the last place of a piece.
    """
    low = 0
    for high in [*(np.flatnonzero(ends) + 1).tolist(), len(ends) + 1]:
        yield low, high
        low = high


def _read_sorted_rows(data: h5py.Dataset, rows: np.ndarray, length: int) -> np.ndarray:
    """Return data[rows] of sorted rows, each once, in reads of at most `length` rows."""
    if rows[-1] - rows[0] + 1 == len(rows):  # consecutive rows, as in every part
        return np.asarray(data[rows[0] : rows[-1] + 1])
    gap = data.chunks[0] if data.chunks else CONTIGUOUS_GAP
    values = np.empty((len(rows), *data.shape[1:]), data.dtype)
    for low, high in iterate_pieces((np.diff(rows) > gap) | (np.diff(rows // length) > 0)):
        first, end = int(rows[low]), int(rows[high - 1]) + 1
        stretch = data[first:end]
        together = end - first == high - low
        values[low:high] = stretch if together else stretch[rows[low:high] - first]
    return values


def _read_trials(data: h5py.Dataset) -> TrialRows:
    """Return the rows that were run. Raises OSError if any is damaged."""
    found = checksums.read_trials(data)
    if (found.trials == checksums.UNREADABLE).any():
        raise OSError(f"{data.name} does not match its checksums")
    return found


def _check_rows(opened: OpenResults, group: str, found: TrialRows) -> None:
    """Raise ValueError if rows are not of these trials, or have no known outcome."""
    finished = opened.attributes["finished"] != ""
    schema.check_trials(group, found.trials, rows=found.rows if finished else None)
    for name in schema.OUTCOME_COLUMNS:
        if (group, name) in opened.layout:
            outcomes = read_rows(opened.file[column_path(group, name)], found.rows)
            schema.check_outcomes(group, name, outcomes)
