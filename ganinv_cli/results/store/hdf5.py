"""The finished results file: write it from the rows of a run's parts, and read it."""

import io
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import h5py
import numpy as np
from h5py import h5a

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import OpenFile
from ganinv_cli.outcome import THRESHOLD
from ganinv_cli.results.store.attributes import decode_attributes, encode_attributes
from ganinv_cli.results.store.columns import CONSTANTS, TRIAL, get_columns, read_constants
from ganinv_cli.results.store.damage import explain_damaged_results
from ganinv_cli.results.store.rows import Figure, Group, Part, Rows, make_empty

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SEAL = bytes.fromhex("41c6d2f08b7e4359a0f3127d9ce58b64")  # random: begins the file's checksum
_SEAL = struct.Struct("<16sQI")  # after all that HDF5 reads: SEAL, bytes before it, their CRC-32
PIECE_BYTES = 1 << 22
FORMAT = ("v110", "v110")  # of HDF5: has checksums of all but texts and arrays
# gzip makes a chunk's rows that were not run small. Arrays have Fletcher-32 sums.
STORAGE: Mapping[str, Any] = {"fletcher32": True, "compression": "gzip", "compression_opts": 1}
CHUNK_BYTES = 1 << 19  # of the rows of a group that are a chunk of each column
SLICE_CHUNKS = 32  # whose rows are in memory at a time


class NamedImage(NamedTuple):
    """An image of a results file."""

    number: int  # in the file
    name: str  # in the file, or in a command, which may name the same image twice


@dataclass(frozen=True)
class Results:
    """Everything that a run has committed."""

    attributes: dict[str, Any]  # of "/"; config, identity and versions as values
    groups: Mapping[str, Group]  # sorted by trial; only the trials that were run
    constants: dict[str, np.ndarray]
    figures: Mapping[str, Figure]
    complete: bool  # whether the run has finished, and no later run added trials
    notes: tuple[str, ...] = ()  # sentences on what is damaged, which counts as not committed
    selection: tuple[NamedImage, ...] | None = None  # to show, in order; None: all, as stored
    threshold: float = THRESHOLD  # by which z counts as recovered; how results are shown


def open_file(path: Path) -> Part:
    """Read and check a finished file, which stays readable if another one replaces it.

    Raises ResultsError if it is missing, unreadable, not from ganinv or damaged.
    """
    with explain_damaged_results(path):
        file = OpenFile(path)
        is_sealed = _check_seal(path, file)
        with _open_hdf5(file) as root:
            part = _read_part(path, file, root)
        if not is_sealed:  # by an earlier version, or another program changed it
            for group, trials in part.trials.items():
                part.read(group, part.layout[group].names or (), np.arange(len(trials)))
        return part


def write_results(path: Path, results: Results) -> None:
    """Write a finished file from the rows of parts: row = trial number, a slice at a time.

    Chunks without trials are not written, and are read as rows that were not run. HDF5 aborts the
    process if a write fails, so it writes only to memory, or to space that is already reserved.
    Raises OSError if the disk is full, ResultsError if a part that has rows is damaged.
    """
    groups = cast("Mapping[str, Rows]", results.groups)
    image = io.BytesIO()
    with h5py.File(image, "w", libver=FORMAT) as root:
        _create_columns(root, groups)
        _write_figures(root, results.figures)
        for name, values in results.constants.items():
            root.create_dataset(name, data=values, track_times=False)
        names = {"groups": list(groups), "figures": list(results.figures)}
        root.attrs.update(encode_attributes(results.attributes | names))
    with path.open("wb") as file:
        size = file.write(image.getvalue()) + (1 << 20) + sum(map(_count_bytes, groups.values()))
        file.flush()
        if hasattr(os, "posix_fallocate"):  # macOS has none
            os.posix_fallocate(file.fileno(), 0, size)
    with h5py.File(path, "r+", libver=FORMAT, locking=False) as root:
        for group, rows in groups.items():
            _write_rows(root, group, rows)
    seal_file(path)


def seal_file(path: Path) -> None:
    """Write the checksum of a whole file at its end, where HDF5 does not look.

    A program that writes to the file removes it.
    """
    seal = _make_seal(OpenFile(path), path.stat().st_size)
    with path.open("ab") as file:
        file.write(seal)


def _check_seal(path: Path, file: OpenFile) -> bool:
    """Return whether a file has a checksum.

    Raises ResultsError if it is not HDF5, ValueError if its content has changed.
    """
    if file.read(len(SIGNATURE), 0) != SIGNATURE:
        file_of_part = path.with_suffix("")  # of recover.h5.log
        example = file_of_part if file_of_part.suffix else "recover.h5"
        raise ResultsError(f"{path} is not an HDF5 file; name a results file, e.g. {example}")
    size = os.fstat(file.descriptor).st_size - _SEAL.size
    seal = file.read(_SEAL.size, max(size, 0))
    if seal.startswith(SEAL) and seal != _make_seal(file, size):
        raise ValueError("its content does not match its checksum")
    return seal.startswith(SEAL)


def _make_seal(file: OpenFile, size: int) -> bytes:
    checksum = 0
    for start in range(0, size, PIECE_BYTES):
        checksum = zlib.crc32(file.read(min(PIECE_BYTES, size - start), start), checksum)
    return _SEAL.pack(SEAL, size, checksum)


def _open_hdf5(file: OpenFile) -> h5py.File:
    """Open a file for one read, so that this or another program can write or replace it."""
    # A file is never changed after its renaming, so HDF5's own lock is not needed.
    try:
        return h5py.File(f"/dev/fd/{file.descriptor}", "r", locking=False)
    except OSError:  # HDF5 asks for a name, and another file has it now
        return h5py.File(open(file.descriptor, "rb", closefd=False), "r")


def _read_part(path: Path, file: OpenFile, root: h5py.File) -> Part:
    stored = _read_attributes(root)
    if not {"schema", "command"} <= stored.keys():
        raise ResultsError(
            f"{path} is an HDF5 file that ganinv did not write; give a results file of ganinv"
        )
    attributes = decode_attributes(path, stored)
    constants = read_constants({name: root[name][()] for name in CONSTANTS if name in root})
    layout = {group: _read_layout(root, group) for group in attributes["groups"]}
    trials = {group: np.flatnonzero(root[f"{group}/{TRIAL}"][()] != -1) for group in layout}
    figures = {
        name: Figure(
            root[name]["pictures"][()],
            tuple(str(panel) for panel in root[name].attrs["panels"]),
            tuple(int(trial) for trial in root[name].attrs["trials"]),
        )
        for name in attributes["figures"]
    }

    def read(group: str, names: Sequence[str], at: np.ndarray) -> Group:
        places = trials[group][at]
        low, high = int(places.min(initial=0)), 1 + int(places.max(initial=0))
        with explain_damaged_results(path), _open_hdf5(file) as root:
            found = {name: root[f"{group}/{name}"][low:high] for name in names}
        return {name: values[places - low] for name, values in found.items()}

    return Part(path, attributes, constants, layout, trials, read, True, figures)


def _read_layout(root: h5py.File, group: str) -> np.dtype:
    """Return the columns that the schema names and the file has.

    Raises ValueError if a column is missing.
    """
    fields = []
    for name, column in get_columns(group).items():
        path = f"{group}/{name}"
        if path in root:
            fields.append((name, root[path].dtype, root[path].shape[1:]))
        elif not column.optional:
            raise ValueError(f"{path} is missing; some files of ganinv 1.0 are read by that alone")
    return np.dtype(fields)


def _create_columns(root: h5py.File, groups: Mapping[str, Rows]) -> None:
    for group, rows in groups.items():
        length, chunk_rows = _count_rows(rows), _count_chunk_rows(rows)
        for name, dtype in rows.dtypes.items():
            data = root.create_dataset(
                f"{group}/{name}",
                (length, *dtype.shape),
                dtype.base,
                chunks=(min(chunk_rows, length), *dtype.shape),
                fillvalue=-1 if name == TRIAL else make_empty(dtype.base, 1)[0],
                track_times=False,
                **STORAGE,
            )
            if name != TRIAL:
                column = get_columns(group)[name]
                data.attrs.update({"unit": column.unit, "meaning": column.meaning})
        if "z_start" in rows:
            root[f"{group}/first/z_start"] = root[f"{group}/z_start"]


def _write_figures(root: h5py.File, figures: Mapping[str, Figure]) -> None:
    for name, figure in figures.items():
        panels = root.create_group(name)
        panels.attrs["panels"] = list(figure.panels)
        panels.attrs["trials"] = np.array(figure.trials, np.int64)
        chunks = (1, 1, *figure.pictures.shape[2:])
        panels.create_dataset("pictures", data=figure.pictures, chunks=chunks, **STORAGE)


def _write_rows(root: h5py.File, group: str, rows: Rows) -> None:
    trials, size = rows[TRIAL], _count_chunk_rows(rows)
    step = SLICE_CHUNKS * size
    for low in np.unique(trials // step) * step:
        part = slice(*np.searchsorted(trials, [low, low + step]))
        places = trials[part] - low
        for name, values in rows.read([*rows], part).items():
            data = root[f"{group}/{name}"]
            shape = min(step, len(data) - low), *data.shape[1:]
            whole = np.full(shape, data.fillvalue, data.dtype)
            whole[places] = values
            for first in np.unique(places // size) * size:
                data[low + first : low + first + size] = whole[first : first + size]


def _count_rows(rows: Rows) -> int:
    return 1 + int(rows[TRIAL].max(initial=0))


def _count_chunk_rows(rows: Rows) -> int:
    return max(1, CHUNK_BYTES // sum(dtype.itemsize for dtype in rows.dtypes.values()))


def _count_bytes(rows: Rows) -> int:
    """Return more bytes than the rows of a group take in the file."""
    length, trials = _count_rows(rows), len(rows[TRIAL])
    chunks = -(-length // _count_chunk_rows(rows))
    return sum(
        # The trials, which gzip may make longer; the other rows; metadata.
        trials * (size + size // 8 + 16) + length * size // 64 + (1 << 13) + 256 * chunks
        for size in (dtype.itemsize for dtype in rows.dtypes.values())
    )


def _read_attributes(holder: h5py.Group) -> dict[str, Any]:
    names: list[bytes] = []
    h5a.iterate(holder.id, names.append)  # `holder.attrs` calls Python code, which signals disturb
    values = {name.decode(): holder.attrs[name.decode()] for name in names}
    plain = np.ndarray | np.generic
    return {name: v.tolist() if isinstance(v, plain) else v for name, v in values.items()}
