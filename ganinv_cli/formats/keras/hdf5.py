"""Read HDF5 safely: no other file is opened, and sizes are checked before arrays are read."""

import math
import mmap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from ganinv_cli.formats.interface import MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.reading import translate_errors

Shape = tuple[int, ...]

MAX_TEXT = 1 << 22  # bytes of an attribute; a config has some kilobytes
MAX_NAMES = 10_000  # in one group or attribute
ALLOWED_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, checksum, LZF: others would load a plugin
FLOAT_TYPES = {np.dtype(kind) for kind in ("float16", "float32", "float64")}
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_COLLECTION_SIGNATURE = b"GCOL\x01"
_HEADER_BYTES = 16  # bytes of a collection, and of each text in it
_MIN_COLLECTION_BYTES = 4096  # bytes of a collection


@contextmanager
def open_root(file: Path | IO[bytes]) -> Iterator["Group"]:
    """Open the root group of a file. Raises UnreadableError."""
    with _translate_errors("it cannot be read as HDF5"):
        _check_heaps(file)
        root = h5py.File(file, "r")
    with root:
        yield Group(root)


@contextmanager
def _translate_errors(problem: str) -> Iterator[None]:
    """Turn h5py's errors for damaged files into UnreadableError."""
    errors = (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError)
    with translate_errors(f"{problem}, the file is damaged or incomplete", *errors):
        yield


class Group:
    """A group: groups and arrays by name, and attributes that are text."""

    def __init__(self, group: Any) -> None:
        self._group = group

    @property
    def path(self) -> str:
        return str(self._group.name)

    @property
    @_translate_errors("it cannot be listed")
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

    @_translate_errors("something in it cannot be found")
    def _find(self, path: str) -> Any:
        """Follow a path; each part is checked, since any could link to another file."""
        node = self._group
        for part in path.strip("/").split("/"):
            if not isinstance(node, h5py.Group):
                return None
            link = node.get(part, getlink=True)
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise UnreadableError(
                    f"{node.name.rstrip('/')}/{part} is a link that leads elsewhere; expected the "
                    "weights themselves; save the model again with Keras"
                )
            node = node[part]
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

    @_translate_errors("an attribute cannot be read")
    def _read_attribute(self, name: str) -> list[str] | None:
        if name not in self._group.attrs:
            return None
        stored = self._group.attrs.get_id(name)
        size = math.prod(stored.shape or ())
        if size > MAX_NAMES or size * stored.dtype.itemsize > MAX_TEXT:
            raise UnreadableError(f"attribute {name} of {self.path} is too long to be Keras's")
        if not size:
            return []
        if h5py.check_string_dtype(stored.dtype) is None:
            raise UnreadableError(f"attribute {name} of {self.path} is not text")
        values = self._group.attrs[name]
        listed = values.ravel().tolist() if isinstance(values, np.ndarray) else [values]
        texts = [each.decode() if isinstance(each, bytes) else each for each in listed]
        if sum(map(len, texts)) > MAX_TEXT:
            raise UnreadableError(f"attribute {name} of {self.path} is too long to be Keras's")
        return texts


class Array:
    """An array in the file."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    @property
    @_translate_errors("an array cannot be read")
    def shape(self) -> Shape:
        return tuple(self._dataset.shape or ())

    @_translate_errors("an array cannot be read")
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
        if dataset.external or dataset.is_virtual:
            raise UnreadableError(
                f"{dataset.name} keeps its values in another file; expected the weights "
                "themselves; save the model again with Keras"
            )
        half = dataset.dtype.kind == "V" and dataset.dtype.itemsize == 2
        if dataset.dtype not in FLOAT_TYPES and not (
            half and dataset.attrs.get("dtype") == "bfloat16"
        ):
            raise UnreadableError(
                f"{dataset.name} holds {dataset.dtype}, but floats were expected; use a model "
                "that was not quantised"
            )
        plan = dataset.id.get_create_plist()
        filters = {plan.get_filter(number)[0] for number in range(plan.get_nfilters())}
        if not filters <= ALLOWED_FILTERS:
            raise UnreadableError(
                f"{dataset.name} is compressed in a way that Keras does not use; save the model "
                "again with Keras"
            )
        if max(dataset.size, math.prod(dataset.chunks or ())) > MAX_WEIGHTS:
            raise UnreadableError(f"{dataset.name} is larger than {MAX_WEIGHTS:,} values")


def _check_heaps(file: Path | IO[bytes]) -> None:
    """Raise UnreadableError if a global heap is damaged, else the library would read forever."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            _check_heaps(opened)
        return
    try:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise UnreadableError("is empty, but HDF5 was expected") from None
    with closing(content):
        if not (
            _has_8_byte_offsets(content)
            and all(_is_intact(content, at) for at in _find_collections(content))
        ):
            raise UnreadableError(
                "it cannot be read as HDF5, it is damaged or not what Keras wrote; copy it again "
                "from its source"
            )


def _has_8_byte_offsets(content: mmap.mmap) -> bool:
    """Return whether offsets have 8 bytes, as in all but tiny old files."""
    first = content[:16]
    place = 13 if first[8:9] < b"\x02" else 9  # by the version
    return first.startswith(_SIGNATURE) and first[place : place + 2] == b"\x08\x08"


def _find_collections(content: mmap.mmap) -> Iterator[int]:
    """Yield the offset of each global heap."""
    offset = content.find(_COLLECTION_SIGNATURE)
    while offset >= 0:
        yield offset
        offset = content.find(_COLLECTION_SIGNATURE, offset + 1)


def _is_intact(content: mmap.mmap, start: int) -> bool:
    """Return whether the texts of a heap follow one another to its end."""
    size = int.from_bytes(content[start + 8 : start + _HEADER_BYTES], "little")
    if size < _MIN_COLLECTION_BYTES or start + size > len(content):
        return True  # the library refuses it, if it is a heap at all
    offset, end = start + _HEADER_BYTES, start + size
    while offset + _HEADER_BYTES <= end:
        number = int.from_bytes(content[offset : offset + 2], "little")
        length = int.from_bytes(content[offset + 8 : offset + _HEADER_BYTES], "little")
        offset += (
            _HEADER_BYTES + -(-length // 8) * 8 if number else length
        )  # object 0 is the free space
        if offset > end or (number == 0 and length < _HEADER_BYTES):
            return False
    return True
