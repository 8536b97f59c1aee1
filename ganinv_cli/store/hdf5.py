"""The finished results file: write it from the rows of other files, and read it."""

import contextlib
import hashlib
import io
import json
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5o

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import columns, rows
from ganinv_cli.store.damage import explain_damage, open_hdf5
from ganinv_cli.store.provenance import decode_attributes
from ganinv_cli.store.rows import TRIAL, TRIAL_KIND, GroupRows, Kind, Layout, column_path

ATTRIBUTE = "attributes_sha256"  # of "/": over all attributes of "/" and figures, and constants
FORMAT = ("v110", "v110")  # of HDF5: has checksums of all but texts and arrays
# Arrays have Fletcher-32 sums. gzip with level 0 does not compress; its frame is not all zeros, as
# a block that the disk lost and its sum are.
STORAGE: Mapping[str, Any] = {"fletcher32": True, "compression": "gzip", "compression_opts": 0}
CHUNK_ROWS = 1024  # at most
CHUNK_BYTES = 1 << 18  # at most
INDEX_BYTES = 24  # of the index per chunk, whether it is written or not
FRAME_BYTES = 128  # of gzip, checksum and alignment per chunk that is written, at most
BLOCK_BYTES = 1 << 25  # of rows in memory at a time
GAP_ROWS = 64  # rows that are faster to read than to skip


@dataclass(frozen=True)
class Figure:
    """Images stored in the results file: a row per panel, a column per trial."""

    pictures: np.ndarray  # (panels, trials, height, width, channels) uint8
    panels: tuple[str, ...]
    trials: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.pictures.dtype != np.uint8 or self.pictures.ndim != 5:
            raise ValueError("pictures are (panels, trials, height, width, channels) uint8")
        if self.pictures.shape[:2] != (len(self.panels), len(self.trials)):
            raise ValueError(f"{self.pictures.shape[:2]} pictures for {self.panels} {self.trials}")


class ResultsFile:
    """A finished results file, as a source of rows: row = trial number."""

    def __init__(self, path: Path) -> None:
        """Open and check a file, which stays readable if another one replaces it.

        Raises ResultsError if it is missing, unreadable, not from ganinv or damaged.
        """
        self.path = path
        with explain_damage(path):
            self._content = open_hdf5(path)
            weakref.finalize(self, self._content.close)
        with self._open() as file:
            stored = _read_attributes(file)
            if not {"schema", "command"} <= stored.keys():
                raise ResultsError(
                    f"{path} is an HDF5 file that ganinv did not write; give a results file of "
                    "ganinv"
                )
            self.attributes = decode_attributes(path, stored)
            self.layout, paths = _read_layout(file, self.attributes)
            if ATTRIBUTE in stored and stored[ATTRIBUTE] != _sum_attributes(file, paths):
                raise ValueError("its attributes do not match their checksum")
            self.constants = {
                name: file[name][()] for name in columns.CONSTANTS_BY_NAME.keys() & paths
            }
            for name, value in self.constants.items():
                rows.conform_constant(name, np.asarray(value))
            self._trials = {group: _read_trials(file, group) for group in self.groups}

    @property
    def groups(self) -> list[str]:
        return list(self.attributes["groups"])

    def list_trials(self, group: str) -> np.ndarray:
        """Return the trials that were run, (rows,) int64 sorted."""
        return self._trials[group]

    def read_rows(self, group: str, names: Sequence[str], at: np.ndarray) -> dict[str, np.ndarray]:
        """Return columns at these rows of `list_trials`, (n,) int, in any order."""
        trials = self._trials[group][at]
        with self._open() as file:
            return {name: _read_array(file[column_path(group, name)], trials) for name in names}

    def read_figures(self) -> dict[str, Figure]:
        """Return the figures by name."""
        with self._open() as file:
            return {
                name: Figure(
                    file[name]["pictures"][()],
                    tuple(str(panel) for panel in file[name].attrs["panels"]),
                    tuple(int(trial) for trial in file[name].attrs["trials"]),
                )
                for name in self.attributes["figures"]
            }

    @contextlib.contextmanager
    def _open(self) -> Iterator[h5py.File]:
        """Open the file for one read, so that this or another program can open or replace it."""
        status = os.fstat(self._content.fileno())
        has_name = self.path.exists() and os.path.samestat(status, self.path.stat())
        # Through Python's file only if another file has its name: signals disturb Python's code.
        source = self.path if has_name else self._content
        # A file is never changed after its renaming, so HDF5's own lock is not needed.
        with explain_damage(self.path), h5py.File(source, "r", locking=False) as file:
            yield file


def check_links(file: h5py.File, paths: Iterable[str]) -> set[str]:
    """Return which of these paths are in a file.

    Raises ValueError if one is a link that leads elsewhere, or an array that has its values in
    another file.
    """
    plain: dict[str, bool] = {}
    for path in paths:
        names = path.split("/")
        for depth in range(1, len(names) + 1):
            part = "/".join(names[:depth])
            if part not in plain:
                plain[part] = _is_plain(file, part)
            if not plain[part]:
                break
    return {path for path in paths if plain.get(path)}


def write_attributes_sum(file: h5py.File) -> None:
    """Write the checksum over the attributes of "/" and of the figures, and over the constants."""
    file.attrs[ATTRIBUTE] = _sum_attributes(file, set(file))


def write_results(
    path: Path,
    groups: Mapping[str, GroupRows],
    attributes: Mapping[str, int | str],
    constants: Mapping[str, np.ndarray],
    figures: Mapping[str, Figure],
) -> None:
    """Write a finished file: row = trial number, and a block of rows in memory at a time.

    A chunk without trials is not written, and is read as rows that were not run. HDF5 aborts the
    process if a write fails, so it writes only to memory, or to space that is already reserved.
    Raises OSError if the disk is full, ResultsError if a file that has rows is damaged.
    """
    tables = [_Table(name, group) for name, group in groups.items()]
    skeleton = _build_skeleton(tables, attributes, constants, figures)
    with path.open("wb") as file:
        file.write(skeleton)
        file.flush()
        if hasattr(os, "posix_fallocate"):  # macOS has none
            size = len(skeleton) + (1 << 20) + sum(table.reserved_bytes for table in tables)
            os.posix_fallocate(file.fileno(), 0, size)
    with h5py.File(path, "r+", libver=FORMAT, locking=False) as file:
        for table in tables:
            for low in range(0, table.rows, table.block_rows):
                table.write_block(file, low)


class _Table:
    """The rows of a group in the file, and the sizes of its blocks and chunks."""

    def __init__(self, name: str, group: GroupRows) -> None:
        self.name = name
        self.kinds: dict[str, Kind] = {TRIAL: TRIAL_KIND, **group.kinds}
        self.rows = 1 + int(group[TRIAL].max(initial=0))
        self._group, self._trials = group, group[TRIAL]
        most = BLOCK_BYTES // max(1, sum(kind.row_bytes for kind in self.kinds.values()))
        self.block_rows = 1 << max(0, most.bit_length() - 1)
        sizes = [1 << power for power in reversed(range(CHUNK_ROWS.bit_length()))]
        self._occupied = {size: len(np.unique(self._trials // size)) for size in sizes}
        self.chunk_rows = {name: self._choose_chunk_rows(kind) for name, kind in self.kinds.items()}
        self.reserved_bytes = sum(
            (1 << 13) + self._count_bytes(kind, self.chunk_rows[name])
            for name, kind in self.kinds.items()
        )

    def write_block(self, file: h5py.File, low: int) -> None:
        """Write the rows from `low` on, in the chunks that have any of the trials."""
        part = slice(*np.searchsorted(self._trials, [low, low + self.block_rows]))
        trials = self._trials[part]
        if not len(trials):
            return
        found = {TRIAL: trials, **self._group.read(list(self._group.kinds), part)}
        for name, kind in self.kinds.items():
            rows = _make_empty_rows(name, kind, min(self.block_rows, self.rows - low))
            rows[trials - low] = found[name]
            size = self.chunk_rows[name]
            chunks = np.unique(trials // size)
            for run in np.split(chunks, np.flatnonzero(np.diff(chunks) > 1) + 1):
                first, end = int(run[0]) * size, min(int(run[-1] + 1) * size, self.rows)
                file[column_path(self.name, name)][first:end] = rows[first - low : end - low]

    def _choose_chunk_rows(self, kind: Kind) -> int:
        """Return the rows per chunk: the most that take at most 1.25 times the least bytes."""
        most = min(CHUNK_BYTES // max(1, kind.row_bytes), self.block_rows)
        sizes = [size for size in self._occupied if size <= max(1, most)]
        least = min(self._count_bytes(kind, size) for size in sizes)
        return next(size for size in sizes if self._count_bytes(kind, size) <= 1.25 * least)

    def _count_bytes(self, kind: Kind, size: int) -> int:
        written = self._occupied[size] * (min(size, self.rows) * kind.row_bytes + FRAME_BYTES)
        return -(-self.rows // size) * INDEX_BYTES + written


def _build_skeleton(
    tables: Sequence[_Table],
    attributes: Mapping[str, int | str],
    constants: Mapping[str, np.ndarray],
    figures: Mapping[str, Figure],
) -> bytes:
    """Return the content of the file without the rows."""
    image = io.BytesIO()
    with h5py.File(image, "w", libver=FORMAT) as file:
        file.attrs.update(attributes)
        for table in tables:
            for name, kind in table.kinds.items():
                data = file.create_dataset(
                    column_path(table.name, name),
                    (table.rows, *kind.shape),
                    kind.dtype,
                    chunks=(min(table.chunk_rows[name], table.rows), *kind.shape),
                    fillvalue=_make_empty_rows(name, kind._replace(shape=()), 1)[0],
                    track_times=False,
                    **STORAGE,
                )
                if name != TRIAL:
                    column = rows.get_columns(table.name)[name]
                    data.attrs.update({"unit": column.unit, "meaning": column.meaning})
            if "z_start" in table.kinds:
                start = column_path(table.name, "z_start")
                file[column_path(table.name, "first/z_start")] = file[start]
        for name, values in constants.items():
            file.create_dataset(name, data=values, track_times=False)
        for name, figure in figures.items():
            group = file.create_group(name)
            group.attrs["panels"] = list(figure.panels)
            group.attrs["trials"] = np.array(figure.trials, np.int64)
            pictures = figure.pictures
            chunks = (1, 1, *pictures.shape[2:])
            group.create_dataset("pictures", data=pictures, chunks=chunks, **STORAGE)
        write_attributes_sum(file)
    return image.getvalue()


def _make_empty_rows(name: str, kind: Kind, count: int) -> np.ndarray:
    """Return the values of a column in rows that were not run."""
    return np.full(count, -1, np.int64) if name == TRIAL else kind.empty(count)


def _read_layout(file: h5py.File, attributes: Mapping[str, Any]) -> tuple[Layout, set[str]]:
    """Return the kind of each column that the schema names, and which paths are in the file.

    Raises ValueError or KeyError if a column is missing, or is not as the schema has it.
    """
    known = {
        group: {TRIAL: "", **dict.fromkeys(rows.get_columns(group))}
        for group in attributes["groups"]
    }
    figures = attributes["figures"]
    paths = check_links(
        file,
        [
            *columns.CONSTANTS_BY_NAME,
            *(column_path(group, name) for group, names in known.items() for name in names),
            *(path for name in figures for path in (name, f"{name}/pictures")),
        ],
    )
    layout: Layout = {}
    for group, names in known.items():
        length = len(file[column_path(group, TRIAL)])
        for name in names:
            path = column_path(group, name)
            if path in paths:
                data = file[path]
                if not isinstance(data, h5py.Dataset) or data.shape[:1] != (length,):
                    raise ValueError(f"{path} has not {length:,} rows, as {TRIAL} has")
                layout[group, name] = Kind(str(data.dtype), data.shape[1:])
            elif name == TRIAL or rows.is_required(group, name):
                raise ValueError(f"{path} is missing")
        if layout.pop((group, TRIAL)) != TRIAL_KIND:
            raise ValueError(f"{column_path(group, TRIAL)} is not {TRIAL_KIND}")
    return rows.join_layouts({}, layout), paths


def _read_trials(file: h5py.File, group: str) -> np.ndarray:
    stored = file[column_path(group, TRIAL)][()]
    trials = np.flatnonzero(stored != -1)
    if not np.array_equal(stored[trials], trials):
        raise ValueError(f"{column_path(group, TRIAL)} has a number that is not its row's")
    return trials


def _read_array(data: h5py.Dataset, wanted: np.ndarray) -> np.ndarray:
    """Return data[wanted] for rows (n,) int in any order; rows far from them are not read."""
    ends = np.flatnonzero(np.abs(np.diff(wanted)) > GAP_ROWS) + 1
    found = [data[:0]]
    for piece in np.split(wanted, ends) if len(wanted) else []:
        low, high = int(piece.min()), int(piece.max()) + 1
        values = data[low:high]
        found.append(values if np.all(np.diff(piece) == 1) else values[piece - low])
    return np.concatenate(found)


def _is_plain(file: h5py.File, path: str) -> bool:
    """Return whether a path, of which the groups before its end are plain, is there."""
    name = path.encode()
    if not file.id.links.exists(name):
        return False
    if file.id.links.get_info(name).type != h5l.TYPE_HARD:
        raise ValueError(f"/{path} is a link that leads elsewhere")
    node = h5o.open(file.id, name)
    if isinstance(node, h5d.DatasetID):
        plan = node.get_create_plist()
        if plan.get_external_count() or plan.get_layout() == h5d.VIRTUAL:
            raise ValueError(f"/{path} keeps its values in another file")
    return True


def _sum_attributes(file: h5py.File, paths: Iterable[str]) -> str:
    """Return the SHA-256 of the attributes of "/" and of the figures, and of the constants."""
    said: dict[str, Any] = {"/": _read_attributes(file)}
    said["/"].pop(ATTRIBUTE, None)
    for name in json.loads(said["/"]["figures"]):
        said[name] = _read_attributes(file[name])
    for name in columns.CONSTANTS_BY_NAME.keys() & set(paths):
        said[name] = [str(file[name].dtype), file[name][()].tolist()]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _read_attributes(holder: h5py.Group) -> dict[str, Any]:
    names: list[bytes] = []
    h5a.iterate(holder.id, names.append)  # `holder.attrs` calls Python code, which signals disturb
    values = {name.decode(): holder.attrs[name.decode()] for name in names}
    plain = np.ndarray | np.generic
    return {name: v.tolist() if isinstance(v, plain) else v for name, v in values.items()}
