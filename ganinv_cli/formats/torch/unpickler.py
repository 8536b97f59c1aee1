"""Python's own reader of pickles, which here imports and calls nothing that a pickle names.

A pickle is a small program that names classes and functions, and says with what they are called.
For every name it gets a class of this module, whose objects only keep their arguments.
"""

import pickle
from typing import Any, NamedTuple, NoReturn


class Storage(NamedTuple):
    """The numbers of one or several tensors, outside the pickle."""

    kind: str  # such as FloatStorage
    key: str  # of its bytes in the file


class Stub(dict[Any, Any]):
    """An object of a class, or the result of a function, that the pickle names.

    Its entries are those that the pickle sets, as in an OrderedDict.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]  # it may be a key

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__()
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __call__(self, *arguments: object, **keywords: object) -> "Stub":
        return Stub()

    def append(self, *items: object) -> None:
        """Leave out items of a list, deque or set, which hold no weights."""

    add = extend = append


class Tensor(Stub):
    """A view of a storage: element i, j, … is number offset + i strides[0] + j strides[1] + …"""

    def __init__(
        self, storage: Storage, offset: int, shape: Any, strides: Any, *rest: object
    ) -> None:
        super().__init__()
        self.storage, self.offset = storage, offset
        self.shape, self.strides = tuple(shape), tuple(strides)


class _Parameter(Stub):
    """The tensor that is the first argument."""

    def __new__(cls, tensor: object, *rest: object) -> Any:
        return tensor


class _TensorSubclass(Stub):
    """The tensor that a function rebuilds before it is given its own class."""

    def __new__(cls, rebuild: type[Stub], _: object, arguments: Any, *rest: object) -> Any:
        return rebuild(*arguments)


class _OrderedDict(Stub):
    """A dictionary that Python 2 calls with a list of pairs."""

    def __init__(self, pairs: Any = ()) -> None:
        super().__init__()
        self.update(pairs)


CLASSES: dict[tuple[str, str], type] = {
    ("collections", "OrderedDict"): _OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Tensor,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _Parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _TensorSubclass,
}


class Unpickler(pickle._Unpickler):
    """Reads the next pickle of a stream; `storages` are those that it refers to, by key."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin1")
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return a class of this module; nothing is imported."""
        return CLASSES.get((module, name)) or type(name, (Stub,), {})

    def get_extension(self, code: int) -> NoReturn:
        """Refuse a name by its number in this process, which could be a function."""
        raise pickle.UnpicklingError(f"its pickle names an object by the number {code}")

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage, or the class of a module, that the pickle refers to."""
        if pid[0] == "module":
            return pid[1]
        _, kind, key = pid[:3]
        return self.storages.setdefault(key, Storage(kind.__name__, key))
