"""Networks in a file of torch.save, each as its named weights."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.reading import damaged_error
from ganinv_cli.formats.torch.archive import TorchFile, parse_storage
from ganinv_cli.formats.torch.pickle_parser import GlobalName, ObjectCall
from ganinv_cli.formats.weights.weight import Weight, Weights, check_floats, decode_floats

MAX_DEPTH = 32  # of modules and dictionaries within one another
MAX_AXES = 16
MAX_SPAN = 1 << 28  # values from a tensor's first to its last

_REBUILD_TENSOR = {"_rebuild_tensor", "_rebuild_tensor_v2"}  # storage, offset, shape, strides, …
_REBUILD_PARAMETER = {"_rebuild_parameter", "_rebuild_parameter_with_state"}  # a tensor, …


def find_networks(torch_file: TorchFile) -> dict[str, Weights]:
    """Return the weights of every dictionary and module, by path: a.b for [a][b].

    Raises UnreadableError.
    """
    seen: set[int] = set()
    networks: dict[str, Weights] = {}
    for path, entries in _walk_containers(torch_file.content, "", 0, seen):
        weights = {}
        for name, node in entries.items():
            weight = _make_weight(torch_file, f"{path}.{name}".lstrip("."), node)
            if weight:
                weights[str(name)] = weight
        if weights:
            networks[path] = weights
    return networks


def _walk_containers(
    node: Any, path: str, depth: int, seen: set[int]
) -> Iterator[tuple[str, dict[Any, Any]]]:
    """Yield each object that may hold tensors, once even if the file refers to it many times."""
    if id(node) in seen or depth > MAX_DEPTH or _get_tensor_arguments(node):
        return
    seen.add(id(node))
    if _get_module_state(node):
        yield path, dict(_flatten_module(node, "", 0, seen))
        return
    entries = _list_entries(node)
    if entries:
        yield path, entries
        for key, value in entries.items():
            yield from _walk_containers(value, f"{path}.{key}".lstrip("."), depth + 1, seen)


def _list_entries(node: Any) -> dict[Any, Any]:
    """Return the entries of a dictionary, an object like one, or a list."""
    if isinstance(node, ObjectCall):
        own = node.state if isinstance(node.state, dict) else {}
        return {**_parse_pairs(node.arguments), **own, **node.items}
    if isinstance(node, list | tuple) and not isinstance(node, GlobalName):
        return dict(enumerate(node))
    return node if isinstance(node, dict) else {}


def _parse_pairs(arguments: Any) -> dict[Any, Any]:
    """Return the entries of an OrderedDict of Python 2, which is called with a list of pairs."""
    first = arguments[0] if isinstance(arguments, tuple) and len(arguments) == 1 else None
    pairs = [
        pair
        for pair in (first if isinstance(first, list) else ())
        if isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)
    ]
    return {pair[0]: pair[1] for pair in pairs}


def _get_module_state(node: Any) -> dict[Any, Any] | None:
    """Return the state of a torch.nn.Module of any class, or None."""
    state = node.state if isinstance(node, ObjectCall) else None
    whole = isinstance(state, dict) and {"_parameters", "_buffers", "_modules"} <= state.keys()
    return state if whole else None


def _flatten_module(
    node: Any, prefix: str, depth: int, seen: set[int]
) -> Iterator[tuple[str, Any]]:
    """Yield the entries of the state_dict() of a module."""
    state = _get_module_state(node)
    if not state or depth > MAX_DEPTH:
        return
    for table in ("_parameters", "_buffers"):
        for name, value in _list_entries(state[table]).items():
            yield f"{prefix}{name}", value
    for name, value in _list_entries(state["_modules"]).items():
        if id(value) not in seen:
            seen.add(id(value))
            yield from _flatten_module(value, f"{prefix}{name}.", depth + 1, seen)


def _get_tensor_arguments(node: Any) -> tuple[Any, ...] | None:
    """Return the arguments of the call that rebuilds a tensor, or None."""
    for _ in range(MAX_DEPTH):
        if not isinstance(node, ObjectCall) or not isinstance(node.function, GlobalName):
            return None
        arguments = node.arguments if isinstance(node.arguments, tuple) else ()
        if (
            node.function.module == "torch._utils"
            and node.function.name in _REBUILD_TENSOR
            and len(arguments) >= 4
        ):
            return arguments
        if (
            node.function.module == "torch._utils"
            and node.function.name in _REBUILD_PARAMETER
            and arguments
        ):
            node = arguments[0]
        elif node.function == ("torch._tensor", "_rebuild_from_type_v2") and len(arguments) >= 3:
            node = ObjectCall(arguments[0], arguments[2])
        else:
            return None
    return None


def _make_weight(torch_file: TorchFile, name: str, node: Any) -> Weight | None:
    arguments = _get_tensor_arguments(node)
    if arguments is None:
        return None
    storage = parse_storage(arguments[0])
    offset, shape, strides = arguments[1], _parse_size(arguments[2]), _parse_size(arguments[3])
    if storage is None or shape is None or strides is None or len(shape) != len(strides):
        raise _damaged_error(name)
    dtype, item_size, key = storage
    if not isinstance(offset, int) or min((offset, *strides)) < 0:
        raise _damaged_error(name)

    def read() -> np.ndarray:
        check_floats(name, dtype)
        span = 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if not math.prod(shape):
            return np.zeros(shape, np.float32)
        if (offset + span) * item_size > torch_file.storage_size(key) or span > MAX_SPAN:
            raise _damaged_error(name)
        data = torch_file.read_storage(key, offset * item_size, span * item_size)
        if len(data) != span * item_size:
            raise _damaged_error(name)
        flat = decode_floats(data, dtype, torch_file.byte_order)
        steps = [step * flat.itemsize for step in strides]
        return np.lib.stride_tricks.as_strided(flat, shape, steps).copy()

    return Weight(shape, read)


def _parse_size(node: Any) -> tuple[int, ...] | None:
    """Return a shape or strides as integers, or None if it is neither."""
    if isinstance(node, ObjectCall) and node.function == ("torch", "Size"):
        node = node.arguments[0] if isinstance(node.arguments, tuple) and node.arguments else None
    if not isinstance(node, list | tuple) or len(node) > MAX_AXES:
        return None
    whole = all(isinstance(n, int) and 0 <= n < 1 << 48 for n in node)
    return tuple(node) if whole else None


def _damaged_error(name: str) -> UnreadableError:
    problem = "lies beyond the bytes that were saved, or is described as no tensor is"
    return damaged_error(f"{name:.80} {problem}", "the file")
