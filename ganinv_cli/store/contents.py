"""Read the contents of one open results file: rows, constants and figures."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import h5py
import numpy as np

from ganinv_cli.files.hdf5 import list_chunks
from ganinv_cli.store import checksums, columns, damage, schema
from ganinv_cli.store.schema import TRIAL, Kind, column_path
from ganinv_cli.store.validation import OpenResults

CONTIGUOUS_GAP = 1024  # rows that are faster to read than to skip, in a dataset without chunks
BLOCK_BYTES = checksums.BLOCK_BYTES  # of a dataset, read at once


class FileSummary(NamedTuple):
    """The contents of a results file, without the values of the columns."""

    attributes: dict[str, Any]  # decoded
    trials: dict[str, np.ndarray]  # group -> (rows,), each row's number; -1 if it was not run
    columns: dict[str, list[str]]  # group -> names
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
    """Return the summary of a file; of the columns only the trial numbers are read.

    Raises OSError if they are damaged.
    """
    return _make_summary(opened, read_all)


def read_intact_summary(opened: OpenResults) -> FileSummary:
    """Return the summary of the rows and figures of a file that are intact; all values are read."""
    summary = _make_summary(opened, lambda data: np.zeros(0, np.int64))
    file, about = opened
    rows = damage.find_intact_rows(file, summary.columns, about["finished"] != "")
    lost = {group: of.lost for group, of in rows.items() if len(of.lost)}
    figures = damage.find_damaged_figures(file, about["figures"])
    intact = [name for name in about["figures"] if name not in figures]
    return summary._replace(
        attributes=about | {"figures": intact},
        trials={group: rows[group].trials for group in summary.trials},
        damage=damage.Damage(lost, figures),
    )


def _make_summary(
    opened: OpenResults, read_trials: Callable[[h5py.Dataset], np.ndarray]
) -> FileSummary:
    file, attributes = opened
    groups = attributes["groups"]
    return FileSummary(
        attributes,
        {group: read_trials(file[column_path(group, TRIAL)]) for group in groups},
        {group: _list_columns(file, group) for group in groups},
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


def read_all(data: h5py.Dataset) -> np.ndarray:
    """Return data[:] of numbers, without reading chunks that were never written."""
    checksums.check_index(data)
    if not data.chunks:
        return np.asarray(data[:])
    length, written = data.chunks[0], [chunk.chunk_offset[0] for chunk in list_chunks(data.id)]
    if 2 * len(written) * length > len(data):
        return np.asarray(data[:])
    values = np.full(data.shape, data.fillvalue, data.dtype)
    for first in written:
        values[first : first + length] = data[first : first + length]
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


def _list_columns(file: h5py.File, group: str) -> list[str]:
    """Return the columns that a group has. HDF5 lists names faster than it looks one up."""
    whole, known = file[group or "/"], schema.get_columns(group)
    names = set(whole)
    for folder in names & {name.rpartition("/")[0] for name in known}:
        names |= {f"{folder}/{name}" for name in whole[folder]}
    return [name for name in known if name in names]
