"""HDF5 as data: nothing outside the file is opened, nothing is read before its size is known."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras import heaps as keras_heaps
from ganinv_cli.formats.limits import MOST_WEIGHTS

Shape = tuple[int, ...]

MOST_TEXT = 1 << 22  # bytes of an attribute; a config has some kilobytes
MOST_NAMES = 10_000  # in one group or attribute
ALLOWED_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, checksum, LZF: others would load a plugin
FLOAT_TYPES = {np.dtype(kind) for kind in ("float16", "float32", "float64")}


@contextmanager
def open_root(file: Path | IO[bytes]) -> Iterator["Group"]:
    """The root of a file. Raises UnreadableError."""
    with _convert_errors("it cannot be read as HDF5"):
        keras_heaps.check_heaps(file)
        root = h5py.File(file, "r")
    with root:
        yield Group(root)


@contextmanager
def _convert_errors(what: str) -> Iterator[None]:
    """Around h5py, which raises all of these for damaged files."""
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UnreadableError(
            f"{what}, the file is damaged or incomplete ({reason}); copy it again from its source"
        ) from None


class Group:
    """Groups and arrays by name, and attributes that are text."""

    def __init__(self, group: Any) -> None:
        self._group = group

    @property
    def path(self) -> str:
        return str(self._group.name)

    @property
    @_convert_errors("it cannot be listed")
    def names(self) -> list[str]:
        if len(self._group) > MOST_NAMES:
            raise UnreadableError(
                f"{self.path} holds {len(self._group):,} entries where at most {MOST_NAMES:,} were "
                "expected; it is no generator"
            )
        return [name for name in self._group if isinstance(name, str)]  # bytes are no text

    def find_group(self, path: str) -> "Group | None":
        """None where there is none."""
        found = self._find(path)
        return None if found is None or isinstance(found, h5py.Dataset) else Group(found)

    def find_array(self, path: str) -> "Array | None":
        """None where there is none."""
        found = self._find(path)
        return Array(found) if isinstance(found, h5py.Dataset) else None

    @_convert_errors("something in it cannot be found")
    def _find(self, path: str) -> Any:
        """Each part of the path is looked at, as any could lead to another file."""
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
        """An attribute that is one text; None where there is none."""
        found = self._read_attribute(name)
        return found[0] if found else None

    def read_texts(self, name: str) -> list[str]:
        """An attribute that is a list of them, which Keras splits up where it is long."""
        found = self._read_attribute(name)
        number = 0
        while found is None or number:
            part = self._read_attribute(f"{name}{number}")
            if part is None or number > MOST_NAMES:
                break
            found, number = [*(found or []), *part], number + 1
        return found or []

    @_convert_errors("an attribute cannot be read")
    def _read_attribute(self, name: str) -> list[str] | None:
        if name not in self._group.attrs:
            return None
        stored = self._group.attrs.get_id(name)
        size = math.prod(stored.shape or ())
        if size > MOST_NAMES or size * stored.dtype.itemsize > MOST_TEXT:
            raise UnreadableError(f"attribute {name} of {self.path} is too long to be Keras's")
        if not size:
            return []
        if h5py.check_string_dtype(stored.dtype) is None:
            raise UnreadableError(f"attribute {name} of {self.path} is no text, as Keras has it")
        values = self._group.attrs[name]
        listed = values.ravel().tolist() if isinstance(values, np.ndarray) else [values]
        texts = [each.decode() if isinstance(each, bytes) else each for each in listed]
        if sum(map(len, texts)) > MOST_TEXT:
            raise UnreadableError(f"attribute {name} of {self.path} is too long to be Keras's")
        return texts


class Array:
    """Numbers in the file."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    @property
    @_convert_errors("an array cannot be read")
    def shape(self) -> Shape:
        return tuple(self._dataset.shape or ())

    @_convert_errors("an array cannot be read")
    def read_values(self) -> np.ndarray:
        """As float32 that cannot be written to. To be called where the shape is what it must be."""
        self._check_dataset()
        values = self._dataset[()]
        if values.dtype.kind == "V":  # bfloat16 is the upper half of a float32
            values = (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
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
                f"{dataset.name} holds {dataset.dtype} where floats were expected; use a model "
                "that was not quantised"
            )
        plan = dataset.id.get_create_plist()
        filters = {plan.get_filter(number)[0] for number in range(plan.get_nfilters())}
        if not filters <= ALLOWED_FILTERS:
            raise UnreadableError(
                f"{dataset.name} is compressed in a way that Keras does not use; save the model "
                "again with Keras"
            )
        if max(dataset.size, math.prod(dataset.chunks or ())) > MOST_WEIGHTS:
            raise UnreadableError(f"{dataset.name} is larger than {MOST_WEIGHTS:,} values")
