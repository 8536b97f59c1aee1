"""Groups and arrays of a Keras file in HDF5, and the sentences if they cannot be read."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from ganinv_cli.files import hdf5
from ganinv_cli.files.hdf5 import MAX_NAMES, DamagedHdf5Error, Hdf5Error
from ganinv_cli.formats.interface import MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.reading import damaged_error
from ganinv_cli.limits import is_bomb

Shape = tuple[int, ...]

FLOAT_TYPES = {np.dtype(kind) for kind in ("float16", "float32", "float64")}


@contextmanager
def open_root(file: Path | BinaryIO) -> Iterator["Group"]:
    """Open the root group of a file. Raises UnreadableError, also while it is read."""
    try:
        with hdf5.open_file(file) as root:
            yield Group(root)
    except DamagedHdf5Error as error:
        raise damaged_error(str(error)) from None
    except Hdf5Error as error:
        raise UnreadableError(f"{error}; save the model again with Keras") from None


class Group:
    """A group: groups and arrays by name, and attributes that are text."""

    def __init__(self, group: Any) -> None:
        self._group = group

    @property
    def path(self) -> str:
        return str(self._group.name)

    @property
    @hdf5.translate_errors("it cannot be listed")
    def names(self) -> list[str]:
        if len(self._group) > MAX_NAMES:
            raise UnreadableError(
                f"{self.path} holds {len(self._group):,} entries, but at most {MAX_NAMES:,} were "
                "expected; it is no generator"
            )
        return [name for name in self._group if isinstance(name, str)]  # not bytes

    def find_group(self, path: str) -> "Group | None":
        """Return what has this path, or None."""
        found = self._find(path)
        return None if found is None or isinstance(found, h5py.Dataset) else Group(found)

    def find_array(self, path: str) -> "Array | None":
        """Return what has this path, or None."""
        found = self._find(path)
        return Array(found) if isinstance(found, h5py.Dataset) else None

    @hdf5.translate_errors("something in it cannot be found")
    def _find(self, path: str) -> Any:
        node = self._group
        for part in path.strip("/").split("/"):
            node = node.get(part) if isinstance(node, h5py.Group) else None
        return node

    def read_text(self, name: str) -> str | None:
        """Return an attribute that is one text, or None."""
        found = self._read_attribute(name)
        return found[0] if found else None

    def read_texts(self, name: str) -> list[str]:
        """Return an attribute that is a list of texts; Keras splits a long one."""
        found = self._read_attribute(name)
        number = 0
        while found is None or number:
            part = self._read_attribute(f"{name}{number}")
            if part is None or number > MAX_NAMES:
                break
            found, number = [*(found or []), *part], number + 1
        return found or []

    @hdf5.translate_errors("an attribute cannot be read")
    def _read_attribute(self, name: str) -> list[str] | None:
        return hdf5.read_texts(self._group, name)


class Array:
    """An array in the file."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    @property
    @hdf5.translate_errors("an array cannot be read")
    def shape(self) -> Shape:
        return tuple(self._dataset.shape or ())

    @hdf5.translate_errors("an array cannot be read")
    def read_values(self) -> np.ndarray:
        """Return a read-only float32 array. Check `shape` before the call."""
        self._check_dataset()
        values = self._dataset[()]
        if values.dtype.kind == "V":  # bfloat16 is the upper half of a float32
            values = (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # infinite values are refused later
            array = np.asarray(values, np.float32)
        array.setflags(write=False)
        return array

    def _check_dataset(self) -> None:
        dataset = self._dataset
        half = dataset.dtype.kind == "V" and dataset.dtype.itemsize == 2
        if dataset.dtype not in FLOAT_TYPES and not (
            half and dataset.attrs.get("dtype") == "bfloat16"
        ):
            raise UnreadableError(
                f"{dataset.name} holds {dataset.dtype}, but floats were expected; use a model "
                "that was not quantised"
            )
        if max(dataset.size, math.prod(dataset.chunks or ())) > MAX_WEIGHTS:
            raise UnreadableError(f"{dataset.name} is larger than {MAX_WEIGHTS:,} values")
        size, stored = dataset.nbytes, dataset.id.get_storage_size()
        if is_bomb(size, stored):
            raise damaged_error(f"{dataset.name} has {size:,} bytes, of which {stored:,} are there")
