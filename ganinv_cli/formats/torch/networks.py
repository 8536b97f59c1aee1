"""Networks in a file of torch.save, each as its named weights."""

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.formats.torch.archive import TorchFile
from ganinv_cli.formats.torch.unpickler import Storage, Stub
from ganinv_cli.formats.weights.weight import Weight, Weights, check_floats

_MODULE_TABLES = ("_parameters", "_buffers", "_modules")  # of a torch.nn.Module of any class


class _Tensor(NamedTuple):
    """A view of a storage: element i, j, … is number offset + i strides[0] + j strides[1] + …"""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def find_networks(torch_file: TorchFile) -> dict[str, Weights]:
    """Return the weights of every dictionary, list and module, by path: a.b for [a][b]."""
    networks: dict[str, dict[str, Weight]] = {}
    seen: set[int] = set()  # a file may refer to one object many times

    read_storage = lru_cache(maxsize=1)(torch_file.read_storage)  # tensors may share one

    def read_tensor(name: str, tensor: _Tensor) -> np.ndarray:
        check_floats(name, tensor.storage.dtype)
        if math.prod(tensor.shape) > MAX_VALUES:
            raise UnreadableError(f"has more than {MAX_VALUES:,} values in {name}")
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
    """Return the tensor that a call of one of PyTorch's functions stands for, if it is one."""
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
    """Return the values of a storage in the shape of a tensor."""
    _, offset, shape, strides = tensor
    if not math.prod(shape):
        return np.zeros(shape, np.float32)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides)) < 0 or last >= values.size:  # NumPy does not check
        raise ValueError("a tensor lies outside its storage")
    steps = [step * values.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps)


def _list_entries(node: Any) -> dict[Any, Any]:
    """Return the entries of a dictionary, an object like one, a list, or a module."""
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
    """Return whether it is a torch.nn.Module of any class."""
    state = node.state if isinstance(node, Stub) else None
    return isinstance(state, dict) and state.keys() >= set(_MODULE_TABLES)
