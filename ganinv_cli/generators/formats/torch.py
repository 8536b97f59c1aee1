"""Generators in the files of torch.save, read without PyTorch and without running anything.

Since PyTorch 1.6 a file is a zip archive: a pickle, and the bytes of its tensors. Before, it was a
sequence of five pickles, followed by the bytes of the tensors; the fourth holds the user's object.

A pickle is a small program that names classes and functions, and says with what they are called.
Python's own reader of pickles here imports and calls nothing: for every name it gets a new class,
whose objects only keep what they are given.
"""

import io
import math
import pickle
import zipfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ganinv_cli.files import is_bomb
from ganinv_cli.generators.formats.interface import (
    MAX_VALUES,
    UnfinishedGenerator,
    UnreadableError,
)
from ganinv_cli.generators.formats.weights import state_dict
from ganinv_cli.generators.formats.weights.weight import (
    FLOAT_DTYPES,
    Weight,
    Weights,
    check_floats,
    decode_floats,
)
from ganinv_cli.settings.conventions import Conventions

MAX_BYTES = 8 * MAX_VALUES  # of the pickle, or of a storage, that are read
MAX_OPERATIONS = 500_000  # of a pickle; a tensor takes about 40
MAX_CLASSES = 1_000  # that a pickle names
READER = pickle._Unpickler  # in Python, so that each operation can be counted
_MODULE_TABLES = ("_parameters", "_buffers", "_modules")  # of a torch.nn.Module of any class
DTYPES = {  # by the kind of a storage
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


class Storage(NamedTuple):
    """The numbers of one or several tensors, outside the pickle."""

    dtype: str  # or the kind of storage, if it is not in DTYPES
    key: str  # of its bytes in the file


class Stub(dict[Any, Any]):
    """An object of a class, or the result of a function, that the pickle names.

    Its entries are those that the pickle sets, as in an OrderedDict.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]  # it may be a key
    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any, **keywords: Any) -> "Stub":
        """Keep the arguments; a pickle may make an object without calling its class."""
        stub = super().__new__(cls)
        stub.arguments, stub.state = arguments, None
        return stub

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *arguments: Any, **keywords: Any) -> "Stub":
        return Stub()

    def append(self, *items: Any) -> None:
        """Leave out items of a list, deque or set, which hold no weights."""

    add = extend = append


class _Tuple(tuple[Any, ...]):
    """A tuple of a pickle: as a key it is hashed in one step, however deep it is."""

    __hash__, __eq__, __repr__ = object.__hash__, object.__eq__, object.__repr__


class Unpickler(READER):
    """Reads the next pickle of a stream; `storages` are those that it refers to, by key."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin1")
        self.storages: dict[str, Storage] = {}
        self.dispatch = _Operations(self)  # type: ignore[assignment, misc]
        self._classes: dict[tuple[str, str], type[Stub]] = {}

    def find_class(self, module: str, name: str) -> type[Stub]:
        """Return a class of its own for each name; nothing is imported."""
        if (module, name) not in self._classes:
            _check_count(len(self._classes), MAX_CLASSES, "classes")
            self._classes[module, name] = type(name, (Stub,), {})
        return self._classes[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage, or the class of a module, that the pickle refers to."""
        if pid[0] == "module":
            return pid[1]
        _, kind, key = pid[:3]
        dtype = DTYPES.get(kind.__name__, kind.__name__)
        return self.storages.setdefault(key, Storage(dtype, key))


class _Operations:
    """The operations of a pickle by their codes, as Python's reader asks for each in turn."""

    def __init__(self, reader: Unpickler) -> None:
        self._reader, self._count = reader, 0

    def __getitem__(self, code: int) -> Any:
        _check_count(self._count, MAX_OPERATIONS, "operations")
        self._count += 1
        stack = getattr(self._reader, "stack", ())
        if stack and type(stack[-1]) is tuple:
            stack[-1] = _Tuple(stack[-1])
        return READER.dispatch[code]


def _check_count(count: int, most: int, noun: str) -> None:
    if count >= most:
        raise UnreadableError(
            f"has a pickle of more than {most:,} {noun}; save the weights alone, with "
            'torch.save(G.state_dict(), "netG.pth")'
        )


class TorchFile(NamedTuple):
    """The object that torch.save stored, and access to the numbers of its tensors."""

    content: Any  # as Unpickler returns it
    read_storage: Callable[[Storage], np.ndarray]  # as float32
    format: str


class _Tensor(NamedTuple):
    """A view of a storage: element i, j, … is number offset + i strides[0] + j strides[1] + …"""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a file with state dicts or whole modules, under any keys.

    If there are several generators, the one that `conventions.key` names is read, or the one with
    ema in its name.
    """
    options = state_dict.ReadOptions(conventions, ordered=True)
    with path.open("rb") as file:
        torch_file = read_torch_file(file)
        networks = find_networks(torch_file)
        return state_dict.find_generator(networks, str(path), torch_file.format, options)


def read_torch_file(file: BinaryIO) -> TorchFile:
    """Return the object in an open file; its tensors are read later."""
    return _read_archive(zipfile.ZipFile(file)) if zipfile.is_zipfile(file) else _read_stream(file)


def _read_archive(archive: zipfile.ZipFile) -> TorchFile:
    names = archive.namelist()
    (pickle_name,) = (name for name in names if f"/{name}".endswith("/data.pkl"))
    root = pickle_name.removesuffix("data.pkl")

    def read_member(name: str) -> bytes:
        about = archive.getinfo(f"{root}{name}")
        if is_bomb(about.file_size, about.compress_size):
            raise UnreadableError(
                f"{about.filename} in it has {about.compress_size:,} bytes and says that it "
                f"becomes {about.file_size:,}, which no weights do; save them with torch.save"
            )
        with archive.open(f"{root}{name}") as member:
            return member.read(MAX_BYTES)

    def read_storage(storage: Storage) -> np.ndarray:
        return decode_floats(read_member(f"data/{storage.key}"), storage.dtype, byte_order)

    is_big = f"{root}byteorder" in names and read_member("byteorder").strip() == b"big"
    byte_order = ">" if is_big else "<"
    content = Unpickler(io.BytesIO(read_member("data.pkl"))).load()
    return TorchFile(content, read_storage, "PyTorch")


def _read_stream(file: BinaryIO) -> TorchFile:
    """Read a file that was written before PyTorch 1.6, without an archive."""
    file.seek(0)
    for _ in range(3):  # the magic number, the version, and sizes of numbers on the machine
        Unpickler(file).load()
    unpickler = Unpickler(file)
    content, keys = unpickler.load(), Unpickler(file).load()
    places = {}  # start and size in bytes of each storage
    for key in keys:
        dtype = unpickler.storages[key].dtype
        item_size = np.dtype(FLOAT_DTYPES.get(dtype, dtype)).itemsize
        size = int.from_bytes(file.read(8), "little") * item_size
        places[key] = (file.tell(), size)
        file.seek(size, io.SEEK_CUR)

    def read_storage(storage: Storage) -> np.ndarray:
        start, size = places[storage.key]
        file.seek(start)
        return decode_floats(file.read(size), storage.dtype)

    return TorchFile(content, read_storage, "PyTorch before 1.6")


def find_networks(torch_file: TorchFile) -> dict[str, Weights]:
    """Return the weights of every dictionary, list and module, by path: a.b for [a][b]."""
    networks: dict[str, dict[str, Weight]] = {}
    seen: set[int] = set()  # a file may refer to one object many times

    read_storage = lru_cache(maxsize=1)(torch_file.read_storage)  # tensors may share one

    def read_tensor(name: str, tensor: _Tensor) -> np.ndarray:
        check_floats(name, tensor.storage.dtype)
        return _view(read_storage(tensor.storage), tensor).copy()

    def visit(container: Any, path: str, weights: dict[str, Weight], prefix: str) -> None:
        """Add the weights in a container, and visit the containers in it."""
        for key, value in _list_entries(container).items():
            below = f"{path}.{key}".strip(".")
            if tensor := _find_tensor(value):
                weights[f"{prefix}{key}"] = Weight(
                    tensor.shape, partial(read_tensor, below, tensor)
                )
            elif id(value) not in seen:
                seen.add(id(value))
                if _is_module(container):
                    visit(value, below, weights, f"{prefix}{key}.")
                else:
                    visit(value, below, networks.setdefault(below, {}), "")

    visit(torch_file.content, "", networks.setdefault("", {}), "")
    return dict(networks)


def _find_tensor(node: Any) -> _Tensor | None:
    if not isinstance(node, Stub):
        return None
    match type(node).__name__, node.arguments:
        case "_rebuild_tensor" | "_rebuild_tensor_v2", (storage, offset, shape, strides, *_):
            return _Tensor(storage, offset, tuple(shape), tuple(strides))
        case "_rebuild_parameter" | "_rebuild_parameter_with_state", (tensor, *_):
            return _find_tensor(tensor)
        case "_rebuild_from_type_v2", (rebuild, _, arguments, *_):  # of a subclass of tensors
            return _find_tensor(rebuild(*arguments))
    return None


def _view(values: np.ndarray, tensor: _Tensor) -> np.ndarray:
    _, offset, shape, strides = tensor
    if not math.prod(shape):
        return np.zeros(shape, np.float32)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides)) < 0 or last >= values.size:  # NumPy does not check
        raise ValueError("a tensor lies outside its storage")
    steps = [step * values.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps)


def _list_entries(node: Any) -> dict[Any, Any]:
    if isinstance(node, list | tuple):
        return dict(enumerate(node))
    if _is_module(node):
        return {
            key: node.state[table][key] for table in _MODULE_TABLES for key in node.state[table]
        }
    if isinstance(node, Stub):
        pairs = node.arguments[0] if type(node).__name__ == "OrderedDict" and node.arguments else ()
        state = node.state if isinstance(node.state, dict) else {}
        return {**dict(pairs), **node, **state}  # Python 2 calls OrderedDict with pairs
    return node if isinstance(node, dict) else {}


def _is_module(node: Any) -> bool:
    state = node.state if isinstance(node, Stub) else None
    return isinstance(state, dict) and state.keys() >= set(_MODULE_TABLES)
