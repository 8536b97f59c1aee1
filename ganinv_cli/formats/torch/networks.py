"""Networks in a file of torch.save, each as its named weights."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ganinv_cli.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.formats.torch.archive import STORAGE_DTYPES, TorchFile
from ganinv_cli.formats.torch.unpickler import Storage, Stub, Tensor
from ganinv_cli.formats.weights.weight import Weight, Weights, check_floats, decode_floats


def find_networks(torch_file: TorchFile) -> dict[str, Weights]:
    """Return the weights of every dictionary and module, by path: a.b for [a][b]."""

    @lru_cache(maxsize=1)  # for tensors that share one storage
    def read_storage(storage: Storage) -> np.ndarray:
        dtype, _ = STORAGE_DTYPES[storage.kind]
        return decode_floats(torch_file.read_storage(storage), dtype, torch_file.byte_order)

    def make_weight(name: str, tensor: Tensor) -> Weight:
        def read() -> np.ndarray:
            kind = tensor.storage.kind
            check_floats(name, STORAGE_DTYPES.get(kind, (kind, 0))[0])
            if math.prod(tensor.shape) > MAX_VALUES:
                raise UnreadableError(f"has more than {MAX_VALUES:,} values in {name}")
            return _view(read_storage(tensor.storage), tensor).copy()

        return Weight(tensor.shape, read)

    return {
        path: {
            str(name): make_weight(f"{path}.{name}".lstrip("."), value)
            for name, value in entries.items()
            if isinstance(value, Tensor)
        }
        for path, entries in _walk_containers(torch_file.content, "", set())
    }


def _view(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Return the values of a storage in the shape of a tensor."""
    shape, strides = tensor.shape, tensor.strides
    if not math.prod(shape):
        return np.zeros(shape, np.float32)
    last = tensor.offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if min((tensor.offset, *shape, *strides)) < 0 or last >= values.size:  # NumPy does not check
        raise ValueError("a tensor lies outside its storage")
    steps = [step * values.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], shape, steps)


def _walk_containers(node: Any, path: str, seen: set[int]) -> Iterator[tuple[str, dict[Any, Any]]]:
    """Yield each object that may hold tensors, once even if the file refers to it many times."""
    if id(node) in seen or isinstance(node, Tensor):
        return
    seen.add(id(node))
    if _is_module(node):
        yield path, dict(_flatten_module(node, "", seen))
        return
    entries = _list_entries(node)
    if entries:
        yield path, entries
    for key, value in entries.items():
        yield from _walk_containers(value, f"{path}.{key}".lstrip("."), seen)


def _list_entries(node: Any) -> dict[Any, Any]:
    """Return the entries of a dictionary, an object like one, or a list."""
    if isinstance(node, list | tuple):
        return dict(enumerate(node))
    if isinstance(node, Stub) and isinstance(node.state, dict):
        return {**node, **node.state}
    return node if isinstance(node, dict) else {}


def _is_module(node: Any) -> bool:
    """Return whether it is a torch.nn.Module of any class."""
    state = node.state if isinstance(node, Stub) else None
    return isinstance(state, dict) and {"_parameters", "_buffers", "_modules"} <= state.keys()


def _flatten_module(node: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Yield the entries of the state_dict() of a module."""
    if not _is_module(node):
        return
    for table in ("_parameters", "_buffers"):
        for name, value in node.state[table].items():
            yield f"{prefix}{name}", value
    for name, value in node.state["_modules"].items():
        if id(value) not in seen:
            seen.add(id(value))
            yield from _flatten_module(value, f"{prefix}{name}.", seen)
