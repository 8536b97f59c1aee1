"""Many parts, and perhaps an earlier finished file, into one finished file."""

import io
import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from ganinv_cli.store import files, schema
from ganinv_cli.store.catalogue import Catalogue
from ganinv_cli.store.figure import Figure
from ganinv_cli.store.schema import TRIAL, inside

BLOCK_BYTES = 1 << 26  # held in memory at a time
CHUNK_BYTES = 1 << 18  # of a dataset, read at once
_TRIAL = schema.Kind("int64", ())


def write(
    path: Path,
    catalogue: Catalogue,
    attributes: Mapping[str, int | str],
    figures: Mapping[str, Figure],
) -> None:
    """Write every committed row to `path`, row = trial number. OSError where there is no room.

    HDF5 brings the process down when a write fails, so it only ever writes to memory, or into space
    that the file has already.
    """
    block = _block_rows(catalogue)
    skeleton = _skeleton(catalogue, attributes, figures, block)
    with path.open("wb") as file:
        file.write(skeleton)
        file.flush()
        _reserve(file.fileno(), len(skeleton) + _room(catalogue, block))
    with h5py.File(path, "r+", locking=False) as file:
        for low in range(0, catalogue.rows, block):
            high = min(low + block, catalogue.rows)
            for name, values in _block(catalogue, low, high).items():
                file[name][low:high] = values


def _skeleton(
    catalogue: Catalogue,
    attributes: Mapping[str, int | str],
    figures: Mapping[str, Figure],
    block: int,
) -> bytes:
    """The file with everything but the rows."""
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs.update(attributes)
        for (group, name), kind in _kinds(catalogue).items():
            data = file.create_dataset(
                inside(group, name),
                (catalogue.rows, *kind.shape),
                kind.dtype,
                chunks=(_chunk(catalogue, kind, block), *kind.shape),
                track_times=False,
            )
            if name != TRIAL:
                column = schema.columns(group)[name]
                data.attrs.update({"unit": column.unit, "meaning": column.meaning})
        for group in catalogue.groups:
            if inside(group, "z_start") in file:
                file[inside(group, "first/z_start")] = file[inside(group, "z_start")]
        for name, values in catalogue.constants.items():
            file.create_dataset(name, data=values, track_times=False)
        for name, figure in figures.items():
            figure.write(file.create_group(name))
    return image.getvalue()


def _block(catalogue: Catalogue, low: int, high: int) -> dict[str, np.ndarray]:
    """HDF5 path -> rows low to high."""
    kinds = _kinds(catalogue)
    rows = {inside(*key): kind.empty(high - low) for key, kind in kinds.items()}
    for group in catalogue.groups:
        rows[inside(group, TRIAL)][:] = -1
    for stored in reversed(catalogue.stored):  # the first file has the last word
        if stored.least < high and stored.most >= low:
            with files.opened(stored.path) as file:
                for group in catalogue.groups:
                    _copy(file, group, low, high, rows)
    return rows


def _copy(file: h5py.File, group: str, low: int, high: int, rows: Mapping[str, np.ndarray]) -> None:
    source = file.get(group or "/")
    if source is None or TRIAL not in source:
        return
    trial = source[TRIAL][:]
    at = np.flatnonzero((trial >= low) & (trial < high))
    if not len(at):
        return
    for name in (TRIAL, *schema.columns(group)):
        data = source.get(name)
        if data is not None:
            rows[inside(group, name)][trial[at] - low] = data[at[0] : at[-1] + 1][at - at[0]]


def _kinds(catalogue: Catalogue) -> schema.Layout:
    return {(group, TRIAL): _TRIAL for group in catalogue.groups} | catalogue.layout


def _block_rows(catalogue: Catalogue) -> int:
    """Rows of all groups that are in memory at a time."""
    row_bytes = sum(kind.row_bytes for kind in _kinds(catalogue).values())
    return _power_of_two(BLOCK_BYTES // max(1, row_bytes))


def _chunk(catalogue: Catalogue, kind: schema.Kind, block: int) -> int:
    """Rows in a chunk: a power of two no larger than a block, so each is written once."""
    chunk = _power_of_two(CHUNK_BYTES // max(1, kind.row_bytes))
    return min(chunk, block, catalogue.rows)


def _power_of_two(number: int) -> int:
    return 1 << max(0, number.bit_length() - 1)


def _room(catalogue: Catalogue, block: int) -> int:
    """No less than the bytes that the rows and the index of their chunks take."""
    room = 1 << 20
    for kind in _kinds(catalogue).values():
        chunk = _chunk(catalogue, kind, block)
        chunks = -(-catalogue.rows // chunk)
        room += chunks * (chunk * kind.row_bytes + 256) + (1 << 13)
    return room


def _reserve(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):  # macOS has none
        os.posix_fallocate(descriptor, 0, size)
