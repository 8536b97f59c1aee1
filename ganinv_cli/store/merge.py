"""Many parts, and perhaps an earlier finished file, into one finished file."""

import io
import os
from collections.abc import Mapping, Sequence
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
    tables = [_Table(catalogue, group, kinds) for group, kinds in _kinds(catalogue).items()]
    skeleton = _skeleton(tables, catalogue, attributes, figures)
    with path.open("wb") as file:
        file.write(skeleton)
        file.flush()
        _reserve(file.fileno(), len(skeleton) + (1 << 20) + sum(table.room for table in tables))
    with h5py.File(path, "r+", locking=False) as file:
        for table in tables:
            for low in range(0, table.rows, table.block):
                high = min(low + table.block, table.rows)
                for name, values in _block(catalogue, table, low, high).items():
                    file[inside(table.group, name)][low:high] = values


class _Table:
    """The rows of one group, and how they are cut."""

    def __init__(self, catalogue: Catalogue, group: str, kinds: dict[str, schema.Kind]) -> None:
        self.group, self.kinds = group, kinds
        self.rows = max(1, catalogue.rows(group))
        row_bytes = sum(kind.row_bytes for kind in kinds.values())
        self.block = _power_of_two(BLOCK_BYTES // max(1, row_bytes))  # rows in memory at a time

    def chunk(self, kind: schema.Kind) -> int:
        """Rows in a chunk: a power of two no larger than a block, so each is written once."""
        return min(_power_of_two(CHUNK_BYTES // max(1, kind.row_bytes)), self.block, self.rows)

    @property
    def room(self) -> int:
        """No less than the bytes that the rows and the index of their chunks take."""
        room = 0
        for kind in self.kinds.values():
            chunk = self.chunk(kind)
            room += -(-self.rows // chunk) * (chunk * kind.row_bytes + 256) + (1 << 13)
        return room


def _skeleton(
    tables: Sequence[_Table],
    catalogue: Catalogue,
    attributes: Mapping[str, int | str],
    figures: Mapping[str, Figure],
) -> bytes:
    """The file with everything but the rows."""
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs.update(attributes)
        for table in tables:
            for name, kind in table.kinds.items():
                data = file.create_dataset(
                    inside(table.group, name),
                    (table.rows, *kind.shape),
                    kind.dtype,
                    chunks=(table.chunk(kind), *kind.shape),
                    track_times=False,
                )
                if name != TRIAL:
                    column = schema.columns(table.group)[name]
                    data.attrs.update({"unit": column.unit, "meaning": column.meaning})
            if "z_start" in table.kinds:
                start = inside(table.group, "z_start")
                file[inside(table.group, "first/z_start")] = file[start]
        for name, values in catalogue.constants.items():
            file.create_dataset(name, data=values, track_times=False)
        for name, figure in figures.items():
            figure.write(file.create_group(name))
    return image.getvalue()


def _block(catalogue: Catalogue, table: _Table, low: int, high: int) -> dict[str, np.ndarray]:
    """Column -> rows low to high."""
    rows = {name: kind.empty(high - low) for name, kind in table.kinds.items()}
    rows[TRIAL][:] = -1
    for stored in reversed(catalogue.stored):  # the first file has the last word
        least, most = stored.spans.get(table.group, (high, low))
        if least < high and most >= low:
            with files.opened(stored.path) as file:
                _copy(file[table.group or "/"], low, high, rows)
    return rows


def _copy(source: h5py.Group, low: int, high: int, rows: Mapping[str, np.ndarray]) -> None:
    trial = source[TRIAL][:]
    at = np.flatnonzero((trial >= low) & (trial < high))
    for name, values in rows.items() if len(at) else ():
        data = source.get(name)
        if data is not None:
            values[trial[at] - low] = data[at[0] : at[-1] + 1][at - at[0]]


def _kinds(catalogue: Catalogue) -> dict[str, dict[str, schema.Kind]]:
    kinds: dict[str, dict[str, schema.Kind]] = {
        group: {TRIAL: _TRIAL} for group in catalogue.groups
    }
    for (group, name), kind in catalogue.layout.items():
        kinds[group][name] = kind
    return kinds


def _power_of_two(number: int) -> int:
    return 1 << max(0, number.bit_length() - 1)


def _reserve(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):  # macOS has none
        os.posix_fallocate(descriptor, 0, size)
