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
from typing import Any, NamedTuple, cast

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5o

from ganinv_cli.errors import ResultsError
from ganinv_cli.store.columns import CONSTANTS, TRIAL, column_path, get_group_kind
from ganinv_cli.store.damage import explain_damage, open_hdf5
from ganinv_cli.store.provenance import decode_attributes, encode_attributes
from ganinv_cli.store.rows import Group, GroupRows, Kind, Layout, join_constants, join_layouts

ATTRIBUTE = "attributes_sha256"  # of "/": over all attributes of "/" and figures, and constants
FORMAT = ("v110", "v110")  # of HDF5: has checksums of all but texts and arrays
# gzip makes a chunk's rows that were not run small. Arrays have Fletcher-32 sums.
STORAGE: Mapping[str, Any] = {"fletcher32": True, "compression": "gzip", "compression_opts": 1}
CHUNK_BYTES = 1 << 19  # of the rows of a group whose values are a chunk of each column
BLOCK_CHUNKS = 32  # whose rows are in memory at a time


@dataclass(frozen=True)
class Figure:
    """Images stored in the results file: a row per panel, a column per trial."""

    pictures: np.ndarray  # (panels, trials, height, width, channels) uint8
    panels: tuple[str, ...]
    trials: tuple[int, ...]


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
    figures: dict[str, Figure]
    complete: bool  # whether the run has finished, and no later run added trials
    selection: tuple[NamedImage, ...] | None = None  # to show, in order; None: all, as stored


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
            found = {name: file[name][()] for name in CONSTANTS.keys() & paths}
            self.constants = join_constants({}, found)
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
            low, high = int(trials.min()), 1 + int(trials.max())
            found = {name: file[column_path(group, name)][low:high] for name in names}
        return {name: values[trials - low] for name, values in found.items()}

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


def write_results(path: Path, results: Results) -> None:
    """Write a finished file from rows of other files: row = trial number, a block at a time.

    Chunks without trials are not written, and are read as rows that were not run. HDF5 aborts the
    process if a write fails, so it writes only to memory, or to space that is already reserved.
    Raises OSError if the disk is full, ResultsError if a file that has rows is damaged.
    """
    groups = cast("Mapping[str, GroupRows]", results.groups)
    skeleton = _build_skeleton(results, groups)
    with path.open("wb") as file:
        file.write(skeleton)
        file.flush()
        if hasattr(os, "posix_fallocate"):  # macOS has none
            size = len(skeleton) + (1 << 20) + sum(map(_count_bytes, groups.values()))
            os.posix_fallocate(file.fileno(), 0, size)
    with h5py.File(path, "r+", libver=FORMAT, locking=False) as file:
        for name, group in groups.items():
            _write_rows(file, name, group)


def _build_skeleton(results: Results, groups: Mapping[str, GroupRows]) -> bytes:
    """Return the content of the file without the rows."""
    image = io.BytesIO()
    with h5py.File(image, "w", libver=FORMAT) as file:
        names = {"groups": list(groups), "figures": list(results.figures)}
        file.attrs.update(encode_attributes(results.attributes | names))
        for group_name, group in groups.items():
            length = _count_rows(group)
            for name, kind in group.kinds.items():
                data = file.create_dataset(
                    column_path(group_name, name),
                    (length, *kind.shape),
                    kind.dtype,
                    chunks=(min(_count_chunk_rows(group), length), *kind.shape),
                    fillvalue=-1 if name == TRIAL else kind._replace(shape=()).empty(1)[0],
                    track_times=False,
                    **STORAGE,
                )
                if name != TRIAL:
                    column = get_group_kind(group_name).columns[name]
                    data.attrs.update({"unit": column.unit, "meaning": column.meaning})
            if "z_start" in group:
                start = column_path(group_name, "z_start")
                file[column_path(group_name, "first/z_start")] = file[start]
        for name, values in results.constants.items():
            file.create_dataset(name, data=values, track_times=False)
        for name, figure in results.figures.items():
            panels = file.create_group(name)
            panels.attrs["panels"] = list(figure.panels)
            panels.attrs["trials"] = np.array(figure.trials, np.int64)
            chunks = (1, 1, *figure.pictures.shape[2:])
            panels.create_dataset("pictures", data=figure.pictures, chunks=chunks, **STORAGE)
        write_attributes_sum(file)
    return image.getvalue()


def _write_rows(file: h5py.File, name: str, group: GroupRows) -> None:
    size = _count_chunk_rows(group)
    step = BLOCK_CHUNKS * size
    for low in np.unique(group[TRIAL] // step) * step:
        part = slice(*np.searchsorted(group[TRIAL], [low, low + step]))
        trials = group[TRIAL][part]
        for column, values in group.read(list(group.kinds), part).items():
            data = file[column_path(name, column)]
            rows = np.full(
                (min(step, len(data) - low), *data.shape[1:]), data.fillvalue, data.dtype
            )
            rows[trials - low] = values
            for first in np.unique(trials // size) * size:
                data[first : first + size] = rows[first - low : first - low + size]


def _count_rows(group: GroupRows) -> int:
    return 1 + int(group[TRIAL].max(initial=0))


def _count_chunk_rows(group: GroupRows) -> int:
    return max(1, CHUNK_BYTES // sum(kind.row_bytes for kind in group.kinds.values()))


def _count_bytes(group: GroupRows) -> int:
    """Return more bytes than the rows of a group take in the file."""
    rows, trials = _count_rows(group), len(group[TRIAL])
    chunks = -(-rows // _count_chunk_rows(group))
    return sum(
        # The trials, which gzip may make longer; the other rows; metadata.
        trials * (size + size // 8 + 16) + rows * size // 64 + (1 << 13) + 256 * chunks
        for size in (kind.row_bytes for kind in group.kinds.values())
    )


def _read_layout(file: h5py.File, attributes: Mapping[str, Any]) -> tuple[Layout, set[str]]:
    """Return the kind of each column that the schema names, and which paths are in the file.

    Raises ValueError or KeyError if a column is missing, or is not as the schema has it.
    """
    known = {
        column_path(group, name): (group, name, column)
        for group in attributes["groups"]
        for name, column in get_group_kind(group).columns.items()
    }
    figures = [path for name in attributes["figures"] for path in (name, f"{name}/pictures")]
    paths = check_links(file, [*CONSTANTS, *known, *figures])
    layout: Layout = {}
    for path, (group, name, column) in known.items():
        if path in paths:
            data, length = file[path], len(file[column_path(group, TRIAL)])
            if not isinstance(data, h5py.Dataset) or data.shape[:1] != (length,):
                raise ValueError(f"{path} has not {length:,} rows, as {TRIAL} has")
            layout[group, name] = Kind(str(data.dtype), data.shape[1:])
        elif not column.optional:
            raise ValueError(f"{path} is missing")
    return join_layouts({}, layout), paths


def _read_trials(file: h5py.File, group: str) -> np.ndarray:
    stored = file[column_path(group, TRIAL)][()]
    trials = np.flatnonzero(stored != -1)
    if not np.array_equal(stored[trials], trials):
        raise ValueError(f"{column_path(group, TRIAL)} has a number that is not its row's")
    return trials


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
    for name in CONSTANTS.keys() & set(paths):
        said[name] = [str(file[name].dtype), file[name][()].tolist()]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _read_attributes(holder: h5py.Group) -> dict[str, Any]:
    names: list[bytes] = []
    h5a.iterate(holder.id, names.append)  # `holder.attrs` calls Python code, which signals disturb
    values = {name.decode(): holder.attrs[name.decode()] for name in names}
    plain = np.ndarray | np.generic
    return {name: v.tolist() if isinstance(v, plain) else v for name, v in values.items()}
