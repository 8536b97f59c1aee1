"""The finished results file: write it from the rows of a run, and read it by column."""

import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5a

from ganinv_cli.errors import ResultsError
from ganinv_cli.outcome import THRESHOLD
from ganinv_cli.results.store.attributes import decode_attributes, encode_attributes
from ganinv_cli.results.store.columns import (
    CONSTANTS,
    IMAGE,
    TRIAL,
    get_columns,
    has_numbered_rows,
    read_constants,
)
from ganinv_cli.results.store.damage import ChangedError, explain_damaged_results
from ganinv_cli.results.store.declared import (
    Sizes,
    check_constants,
    check_layout,
    check_order,
    check_values,
)
from ganinv_cli.results.store.rows import (
    Figure,
    Group,
    LazyRows,
    decode_text,
    get_dtypes,
    get_numbers,
    make_empty,
    read_rows,
)
from ganinv_cli.results.store.sink import Sink

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SEAL = bytes.fromhex("41c6d2f08b7e4359a0f3127d9ce58b64")  # random: begins the file's checksum
_SEAL = struct.Struct("<16sQI")  # after all that HDF5 reads: SEAL, bytes before it, their CRC-32
PIECE_BYTES = 1 << 22
FORMAT = ("v110", "v110")  # of HDF5
STORAGE: Mapping[str, Any] = {"compression": "gzip", "compression_opts": 1}
CHUNK_BYTES = 1 << 19  # of the rows of a group that are a chunk of each column
SLICE_CHUNKS = 128  # whose rows are in memory at a time


@dataclass(frozen=True)
class Image:
    """An image of a run; it is equal to another one of its number and name."""

    number: int  # in the file, from 0
    name: str  # in the file, or in a command, which may name the same image twice
    columns: Group = field(default_factory=dict, compare=False, repr=False)  # its row, once read

    @property
    def sha256(self) -> str:
        """The hash of the file's bytes."""
        return decode_text(self.columns, "sha256")

    @property
    def changes(self) -> str:
        """Changes made to the file to make it an input; empty for none worth a note."""
        return decode_text(self.columns, "changes")

    @property
    def error(self) -> str:
        """Why the file could not be read; empty if it was read."""
        return decode_text(self.columns, "error")

    @property
    def target(self) -> np.ndarray:
        """The image at the generator's size, (height, width, channels) uint8."""
        return np.asarray(self.columns["target"][0])

    @property
    def target_float(self) -> np.ndarray | None:
        """The same as floats in [-1, 1]; None if 8 bits hold it."""
        floats = self.columns["target_float"][0] if "target_float" in self.columns else None
        return None if floats is None or np.isnan(floats).any() else np.asarray(floats)

    @property
    def size(self) -> int:
        """How many pixels times channels count."""
        return int(self.columns["pixels_counted"][0])


@dataclass(frozen=True)
class Results:
    """Everything that a run has committed."""

    attributes: dict[str, Any]  # of "/"; config, identity and versions as values
    groups: Mapping[str, Group]  # sorted by number; only the rows that there are
    constants: dict[str, np.ndarray]
    figures: Mapping[str, Figure]
    complete: bool  # whether the run has finished, and no later run added trials
    notes: tuple[str, ...] = ()  # sentences on what is damaged, which counts as not committed
    selection: tuple[Image, ...] | None = None  # to show, in order; None: all, as stored
    threshold: float = THRESHOLD  # by which z counts as recovered; how results are shown


class FileRows(LazyRows):
    """The rows of a group in a finished file, as long as it is not changed or replaced."""

    def __init__(
        self, path: Path, state: tuple[int, int, int], group: str, root: h5py.File, sizes: Sizes
    ) -> None:
        self._path, self._state, self._group = path, state, group
        self.place = f"{path}: {group or 'the root'}"
        layout = _read_layout(root, group, sizes)
        key = IMAGE if IMAGE in layout else TRIAL
        numbers = root[f"{group}/{key}"][()]
        rows = np.flatnonzero(numbers != -1)
        self._rows = None if len(rows) == len(numbers) else rows  # None: all
        super().__init__(layout, len(rows))

    def _read(self, names: Sequence[str], rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        if self._rows is not None:
            rows = self._rows[rows]
        if isinstance(rows, slice):
            return self._read_range(names, rows)
        low, high = int(rows.min(initial=0)), 1 + int(rows.max(initial=0))
        found = self._read_range(names, slice(low, high))
        return {name: values[rows - low] for name, values in found.items()}

    def _read_range(self, names: Sequence[str], rows: slice) -> dict[str, np.ndarray]:
        """Return columns in a range of rows of the file. Raises ChangedError."""
        with explain_damaged_results(self._path), _open_hdf5(self._path, self._state) as root:
            found = {name: root[f"{self._group}/{name}"][rows] for name in names}
            for name, values in found.items():
                check_values(f"{self._group}/{name}", get_columns(self._group)[name], values)
        return found


def _get_state(about: os.stat_result) -> tuple[int, int, int]:
    """Return what changes if a file is replaced, or a program writes to it."""
    return about.st_ino, about.st_size, about.st_mtime_ns


@contextmanager
def _open_hdf5(path: Path, state: tuple[int, int, int]) -> Iterator[h5py.File]:
    """Open a file for one read. Raises ChangedError if it has another state before or after it."""
    if _get_state(path.stat()) != state:
        raise ChangedError(path)
    # A file is never changed after its renaming, so HDF5's own lock is not needed.
    with h5py.File(path, "r", locking=False) as root:
        yield root
        if _get_state(os.fstat(root.id.get_vfd_handle())) != state:
            raise ChangedError(path)


def read_file(path: Path) -> Results:
    """Read and check a finished file; its columns are read when they are used.

    Raises ResultsError if it is missing, unreadable, of another version, not from ganinv or
    damaged.
    """
    with explain_damaged_results(path):
        state, is_sealed = _get_state(path.stat()), _check_seal(path)
        with _open_hdf5(path, state) as root:
            stored = _read_attributes(root)
            if not {"schema", "command"} <= stored.keys():
                raise ResultsError(
                    f"{path} is an HDF5 file that ganinv did not write; give a results file of "
                    "ganinv"
                )
            attributes = decode_attributes(path, stored)
            if not is_sealed:
                raise ValueError("its checksum is missing, as if another program changed it")
            sizes: Sizes = {}
            stored_constants = {name: root[name] for name in CONSTANTS if name in root}
            check_constants(CONSTANTS, stored_constants, sizes)
            constants = {name: data[()] for name, data in stored_constants.items()}
            groups = {n: FileRows(path, state, n, root, sizes) for n in attributes["groups"]}
            figures = {name: _read_figure(root[name]) for name in attributes["figures"]}
        for name, rows in groups.items():
            check_order(name, rows)
    return Results(attributes, groups, read_constants(constants), figures, complete=True)


def write_file(path: Path, results: Results) -> None:
    """Write a finished file, a slice of rows at a time.

    In the file of a whole run the row is the number of its trial or image; rows without one are
    empty. A shard's file has its own rows alone. Raises OSError if the disk is full, ResultsError
    if a file that has the rows is damaged.
    """
    is_whole = not results.attributes["config"].get("shard")
    with Sink(path) as file, h5py.File(file, "w", libver=FORMAT) as root:
        for name, figure in results.figures.items():
            _write_figure(root.create_group(name), figure)
        for name, values in results.constants.items():
            root.create_dataset(name, data=values, track_times=False)
        names = {"groups": list(results.groups), "figures": list(results.figures)}
        root.attrs.update(encode_attributes(results.attributes | names))
        for name, rows in results.groups.items():
            _write_rows(root, name, rows, is_whole and has_numbered_rows(name))
    seal_file(path)


def seal_file(path: Path) -> None:
    """Write the checksum of a whole file at its end, where HDF5 does not look.

    A program that writes to the file with HDF5 removes it.
    """
    with path.open("r+b") as file:
        file.write(_make_seal(file, path.stat().st_size))


def _write_rows(root: h5py.File, group: str, rows: Group, is_whole: bool) -> None:
    """Write the rows of a group, at the places of their numbers if the run is whole."""
    dtypes = get_dtypes(rows)
    numbers = get_numbers(rows)
    places = numbers if is_whole else np.arange(len(numbers))
    length = 1 + int(places.max(initial=0))
    chunk_rows = max(1, CHUNK_BYTES // sum(dtype.itemsize for dtype in dtypes.values()))
    for name, dtype in dtypes.items():
        column = get_columns(group)[name]
        data = root.create_dataset(
            f"{group}/{name}",
            (length, *dtype.shape),
            dtype.base,
            chunks=(min(chunk_rows, length), *dtype.shape),
            fillvalue=-1 if name in (IMAGE, TRIAL) else make_empty(dtype.base, 1)[0],
            track_times=False,
            **STORAGE,
        )
        data.attrs.update({"unit": column.unit, "meaning": column.meaning})
    if "z_start" in rows:
        root[f"{group}/first/z_start"] = root[f"{group}/z_start"]
    step = SLICE_CHUNKS * chunk_rows
    for low in range(0, length, step):
        part = slice(*np.searchsorted(places, [low, low + step]))
        if part.start == part.stop:
            continue
        high = min(low + step, length)
        for name, values in read_rows(rows, list(dtypes), part).items():
            data = root[f"{group}/{name}"]
            if len(values) < high - low:
                whole = np.full((high - low, *data.shape[1:]), data.fillvalue, data.dtype)
                whole[places[part] - low] = values
                values = whole
            data[low:high] = values


def _write_figure(panels: h5py.Group, figure: Figure) -> None:
    panels.attrs["panels"] = list(figure.panels)
    panels.attrs["trials"] = np.array(figure.trials, np.int64)
    chunks = (1, 1, *figure.pictures.shape[2:])
    panels.create_dataset("pictures", data=figure.pictures, chunks=chunks, **STORAGE)


def _read_figure(panels: h5py.Group) -> Figure:
    names = tuple(str(panel) for panel in panels.attrs["panels"])
    trials, pictures = tuple(panels.attrs["trials"].tolist()), panels["pictures"][()]
    has_shape = pictures.ndim == 5 and pictures.shape[:2] == (len(names), len(trials))
    if pictures.dtype != np.uint8 or not has_shape:
        raise ValueError(f"the pictures of {panels.name} have another shape or type")
    return Figure(pictures, names, trials)


def _read_layout(root: h5py.File, group: str, sizes: Sizes) -> dict[str, np.dtype]:
    """Return the columns that the schema names and the file has, with the dtype of a row."""
    columns = {
        name: data
        for name in get_columns(group)
        if (data := root.get(f"{group}/{name}")) is not None
    }
    check_layout(group, get_columns(group), columns, sizes)
    return {name: np.dtype((data.dtype, data.shape[1:])) for name, data in columns.items()}


def _check_seal(path: Path) -> bool:
    """Return whether a file has a checksum.

    Raises ResultsError if it is not HDF5, ValueError if its content has changed.
    """
    with path.open("rb") as file:
        if file.read(len(SIGNATURE)) != SIGNATURE:
            file_of_part = path.with_suffix("")  # of recover.h5.log
            example = file_of_part if file_of_part.suffix else "recover.h5"
            raise ResultsError(f"{path} is not an HDF5 file; name a results file, e.g. {example}")
        size = max(file.seek(0, os.SEEK_END) - _SEAL.size, 0)
        file.seek(size)
        seal = file.read()
        if seal.startswith(SEAL) and seal != _make_seal(file, size):
            raise ValueError("its content does not match its checksum")
    return seal.startswith(SEAL)


def _make_seal(file: BinaryIO, size: int) -> bytes:
    """Return the seal of so many bytes, and leave the file at their end."""
    checksum, _ = 0, file.seek(0)
    for start in range(0, size, PIECE_BYTES):
        checksum = zlib.crc32(file.read(min(PIECE_BYTES, size - start)), checksum)
    return _SEAL.pack(SEAL, size, checksum)


def _read_attributes(holder: h5py.Group) -> dict[str, Any]:
    names: list[bytes] = []
    h5a.iterate(holder.id, names.append)  # `holder.attrs` calls Python code, which signals disturb
    values = {name.decode(): holder.attrs[name.decode()] for name in names}
    plain = np.ndarray | np.generic
    return {name: v.tolist() if isinstance(v, plain) else v for name, v in values.items()}
