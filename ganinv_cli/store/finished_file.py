"""Write the finished file from parts and earlier finished files."""

import functools
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from ganinv_cli.store import checksums, schema
from ganinv_cli.store.catalogue import CommittedRows, read_block
from ganinv_cli.store.contents import Figure, iterate_pieces
from ganinv_cli.store.schema import TRIAL, TRIAL_KIND, Kind, column_path

BLOCK_BYTES = 1 << 26  # in memory at a time
CHUNK_BYTES = checksums.CHUNK_BYTES  # of a dataset's chunk, at most
INDEX_BYTES = 256 + checksums.STORAGE_BYTES  # of index and checksums per chunk, at most
GAP_ROWS = 64  # smaller gaps between trials are filled rather than skipped


def write_finished_file(
    path: Path,
    rows: CommittedRows,
    attributes: Mapping[str, int | str],
    figures: Mapping[str, Figure],
) -> None:
    """Write every committed row to `path`, row = trial number. Raises OSError if the disk is full.

    A chunk without trials is not written, and is read as rows that were not run. HDF5 aborts the
    process if a write fails, so it writes only to memory, or to space that is already reserved.
    """
    tables = [
        _Table(group, kinds, rows.list_trials(group))
        for group, kinds in _collect_kinds(rows).items()
    ]
    skeleton = _build_skeleton(tables, rows.constants, attributes, figures)
    with path.open("wb") as file:
        file.write(skeleton)
        file.flush()
        _reserve_space(
            file.fileno(), len(skeleton) + (1 << 20) + sum(table.reserved_bytes for table in tables)
        )
    with h5py.File(path, "r+", locking=False) as file:
        for table in tables:
            trials = rows.list_trials(table.group)
            numbers = _bridge_gaps(trials)
            for low in range(0, len(numbers), table.block_rows):
                _write_rows(file, table, rows, trials, numbers[low : low + table.block_rows])
            for name in table.kinds:
                checksums.write_index_sum(file[column_path(table.group, name)])


def _write_rows(
    file: h5py.File, table: "_Table", rows: CommittedRows, trials: np.ndarray, numbers: np.ndarray
) -> None:
    """Write the rows of `numbers`, sorted, in chunks that hold any of the trials."""
    present = trials[(trials >= numbers[0]) & (trials <= numbers[-1])]
    if not len(present):
        return
    found = read_block(rows, table.group, table.kinds, numbers)
    for name, values in found.items():
        data, chunk = file[column_path(table.group, name)], table.chunk_rows[name]
        at = np.flatnonzero(np.isin(numbers // chunk, _occupied_chunks(present, chunk)))
        for low, high in iterate_pieces(np.diff(numbers[at]) != 1):
            first = int(numbers[at[low]])
            data[first : first + high - low] = values[at[low] : at[high - 1] + 1]


class _Table:
    """The sizes of a group's rows, blocks and chunks."""

    def __init__(self, group: str, kinds: dict[str, Kind], trials: np.ndarray) -> None:
        self.group, self.kinds = group, kinds
        self.rows = 1 + int(trials.max(initial=0))
        row_bytes = sum(kind.row_bytes for kind in kinds.values())
        self.block_rows = _round_down_to_power_of_two(
            BLOCK_BYTES // max(1, row_bytes)
        )  # rows in memory at a time

        @functools.cache
        def count_chunks(chunk: int) -> int:
            return len(_occupied_chunks(trials, chunk))

        self.chunk_rows = {
            name: self._choose_chunk_rows(kind, count_chunks) for name, kind in kinds.items()
        }
        rooms = (
            _count_stored_bytes(kind, self.chunk_rows[name], count_chunks)
            for name, kind in kinds.items()
        )
        self.reserved_bytes = sum(rooms) + (1 << 13) * len(
            kinds
        )  # an upper limit of rows and indices

    def _choose_chunk_rows(self, kind: Kind, count: Callable[[int], int]) -> int:
        """Return the rows per chunk: the most that store at most 1.25 times the least bytes.

        It is a power of two and at most a block, so that a chunk is written once; or all rows.
        """
        most = min(
            checksums.CHUNK_ROWS,
            _round_down_to_power_of_two(CHUNK_BYTES // max(1, kind.row_bytes)),
            self.block_rows,
            self.rows,
        )
        sizes = [most, *(1 << power for power in reversed(range((most - 1).bit_length())))]
        rooms = [_count_stored_bytes(kind, size, count) for size in sizes]
        return next(s for s, room in zip(sizes, rooms, strict=True) if room <= 1.25 * min(rooms))


def _build_skeleton(
    tables: Sequence[_Table],
    constants: Mapping[str, np.ndarray],
    attributes: Mapping[str, int | str],
    figures: Mapping[str, Figure],
) -> bytes:
    """Return the content of the file without the rows."""
    image = io.BytesIO()
    with h5py.File(image, "w", libver=checksums.SPARSE) as file:
        file.attrs.update(attributes)
        for table in tables:
            for name, kind in table.kinds.items():
                data = file.create_dataset(
                    column_path(table.group, name),
                    (table.rows, *kind.shape),
                    kind.dtype,
                    chunks=(table.chunk_rows[name], *kind.shape),
                    fillvalue=_fill_value(name, kind),
                    track_times=False,
                    **checksums.STORAGE,
                )
                data.attrs[checksums.INDEX_ATTRIBUTE] = np.uint32(0)
                if name != TRIAL:
                    column = schema.get_columns(table.group)[name]
                    data.attrs.update({"unit": column.unit, "meaning": column.meaning})
            if "z_start" in table.kinds:
                start = column_path(table.group, "z_start")
                file[column_path(table.group, "first/z_start")] = file[start]
        for name, values in constants.items():
            file.create_dataset(name, data=values, track_times=False)
        for name, figure in figures.items():
            figure.write(file.create_group(name))
        checksums.write_attributes_sum(file)
    return image.getvalue()


def _collect_kinds(rows: CommittedRows) -> dict[str, dict[str, Kind]]:
    kinds: dict[str, dict[str, Kind]] = {group: {TRIAL: TRIAL_KIND} for group in rows.groups}
    for (group, name), kind in rows.layout.items():
        if group in kinds:
            kinds[group][name] = kind
    return kinds


def _fill_value(name: str, kind: Kind) -> np.generic:
    """Return the value of a column in rows that were not run."""
    fill: np.generic = np.int64(-1) if name == TRIAL else kind._replace(shape=()).empty(1)[0]
    return fill


def _occupied_chunks(trials: np.ndarray, chunk: int) -> np.ndarray:
    """Return the numbers of the chunks that hold any of the sorted trials."""
    numbers = trials // chunk
    return numbers[np.diff(numbers, prepend=-1) > 0]


def _bridge_gaps(trials: np.ndarray) -> np.ndarray:
    """Return the sorted trials, and the numbers in gaps of at most GAP_ROWS between them."""
    if not len(trials):
        return trials
    pieces = iterate_pieces(np.diff(trials) > GAP_ROWS)
    return np.concatenate([np.arange(trials[low], trials[high - 1] + 1) for low, high in pieces])


def _count_stored_bytes(kind: Kind, chunk: int, count: Callable[[int], int]) -> int:
    return count(chunk) * (chunk * kind.row_bytes + INDEX_BYTES)


def _round_down_to_power_of_two(number: int) -> int:
    return 1 << max(0, number.bit_length() - 1)


def _reserve_space(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):  # macOS has none
        os.posix_fallocate(descriptor, 0, size)
