"""Groups and arrays of a Keras file in HDF5, and the sentences if they cannot be read."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from ganinv_cli.files import is_bomb
from ganinv_cli.formats.interface import MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.reading import damaged_error, translate_errors
from ganinv_cli.store.damage import check_heaps
from ganinv_cli.store.hdf5 import check_links

Shape = tuple[int, ...]

MAX_TEXT = 1 << 22  # bytes of a text; a config has some kilobytes
MAX_NAMES = 10_000  # texts in an attribute, and entries of a group
_DAMAGED_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError)  # of h5py

FLOAT_TYPES = {np.dtype(kind) for kind in ("float16", "float32", "float64")}


@contextmanager
def open_root(file: Path | BinaryIO) -> Iterator["Group"]:
    """Open the root group of a file. Raises UnreadableError, also while it is read."""
    paths: list[bytes] = []
    with ExitStack() as stack:
        with translate_errors("it cannot be read as HDF5", *_DAMAGED_ERRORS):
            if isinstance(file, Path):
                file = stack.enter_context(file.open("rb"))
            check_heaps(file)
            root = stack.enter_context(h5py.File(file, "r"))
            root.id.links.visit(paths.append)
        with translate_errors("it is not a file that Keras writes", *_DAMAGED_ERRORS):
            check_links(root, [path.decode(errors="replace") for path in paths])
        yield Group(root)


class Group:
    """A group: groups and arrays by name, and attributes that are text."""

    def __init__(self, group: Any) -> None:
        self._group = group

    @property
    def path(self) -> str:
        return str(self._group.name)

    @property
    @translate_errors("it cannot be listed", *_DAMAGED_ERRORS)
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

    @translate_errors("something in it cannot be found", *_DAMAGED_ERRORS)
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

    @translate_errors("an attribute cannot be read", *_DAMAGED_ERRORS)
    def _read_attribute(self, name: str) -> list[str] | None:
        """Return the texts of an attribute, or None."""
        if name not in self._group.attrs:
            return None
        stored = self._group.attrs.get_id(name)
        number = math.prod(stored.shape or ())
        if not number:
            return []  # Keras stores an empty list as numbers
        if number > MAX_NAMES or h5py.check_string_dtype(stored.dtype) is None:
            raise ValueError(f"{name} of {self.path} is no text, or too long")
        texts = [
            each.decode() if isinstance(each, bytes) else str(each)
            for each in np.ravel(self._group.attrs[name])
        ]
        if sum(map(len, texts)) > MAX_TEXT:
            raise ValueError(f"{name} of {self.path} is too long")
        return texts


class Array:
    """An array in the file."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    @property
    @translate_errors("an array cannot be read", *_DAMAGED_ERRORS)
    def shape(self) -> Shape:
        return tuple(self._dataset.shape or ())

    @translate_errors("an array cannot be read", *_DAMAGED_ERRORS)
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
