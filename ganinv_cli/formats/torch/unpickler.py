"""Python's own reader of pickles, which here imports and calls nothing that a pickle names.

A pickle is a small program that names classes and functions, and says with what they are called.
For every name it gets a new class, whose objects only keep what they are given.
"""

import pickle
from typing import Any, NamedTuple

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

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__()
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *arguments: Any, **keywords: Any) -> "Stub":
        return Stub()

    def append(self, *items: Any) -> None:
        """Leave out items of a list, deque or set, which hold no weights."""

    add = extend = append


class Unpickler(pickle._Unpickler):
    """Reads the next pickle of a stream; `storages` are those that it refers to, by key."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin1")
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> type[Stub]:
        """Return a new class; nothing is imported."""
        return type(name, (Stub,), {})

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage, or the class of a module, that the pickle refers to."""
        if pid[0] == "module":
            return pid[1]
        _, kind, key = pid[:3]
        dtype = DTYPES.get(kind.__name__, kind.__name__)
        return self.storages.setdefault(key, Storage(dtype, key))
