"""What stands in a file of torch.save: networks, each as its named weights."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.formats.torch.archive import Saved, storage
from ganinv_cli.formats.torch.pickles import Made, Name
from ganinv_cli.formats.weights.weight import Weight, Weights, check_floats, decoded

MOST_DEPTH = 32  # of modules and dictionaries within one another
MOST_AXES = 16
MOST_REACH = 1 << 28  # values from a tensor's first to its last

_TENSORS = {"_rebuild_tensor", "_rebuild_tensor_v2"}  # storage, offset, shape, strides, …
_WRAPPED = {"_rebuild_parameter", "_rebuild_parameter_with_state"}  # a tensor, …


def networks(saved: Saved) -> dict[str, Weights]:
    """Every dictionary that holds tensors, and every module, by where it stands: a.b for [a][b].

    Raises UnreadableError.
    """
    seen: set[int] = set()
    found: dict[str, Weights] = {}
    for path, holder in _holders(saved.content, "", 0, seen):
        weights = {}
        for name, node in holder.items():
            weight = _weight(saved, f"{path}.{name}".lstrip("."), node)
            if weight:
                weights[str(name)] = weight
        if weights:
            found[path] = weights
    return found


def _holders(
    node: Any, path: str, depth: int, seen: set[int]
) -> Iterator[tuple[str, dict[Any, Any]]]:
    """Whatever may hold tensors, each once: a file may say the same thing many times over."""
    if id(node) in seen or depth > MOST_DEPTH or _tensor(node):
        return
    seen.add(id(node))
    if _module(node):
        yield path, dict(_flat(node, "", 0, seen))
        return
    holder = _entries(node)
    if holder:
        yield path, holder
        for key, value in holder.items():
            yield from _holders(value, f"{path}.{key}".lstrip("."), depth + 1, seen)


def _entries(node: Any) -> dict[Any, Any]:
    """What a dictionary, or something like one, or a list holds."""
    if isinstance(node, Made):
        own = node.state if isinstance(node.state, dict) else {}
        return {**_pairs(node.given), **own, **node.items}
    if isinstance(node, list | tuple) and not isinstance(node, Name):
        return dict(enumerate(node))
    return node if isinstance(node, dict) else {}


def _pairs(given: Any) -> dict[Any, Any]:
    """An OrderedDict of Python 2 is called with a list of pairs."""
    first = given[0] if isinstance(given, tuple) and len(given) == 1 else None
    pairs = [
        pair
        for pair in (first if isinstance(first, list) else ())
        if isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)
    ]
    return {pair[0]: pair[1] for pair in pairs}


def _module(node: Any) -> dict[Any, Any] | None:
    """The state of a torch.nn.Module, of whatever class."""
    state = node.state if isinstance(node, Made) else None
    whole = isinstance(state, dict) and {"_parameters", "_buffers", "_modules"} <= state.keys()
    return state if whole else None


def _flat(node: Any, prefix: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The state_dict() of a module."""
    state = _module(node)
    if not state or depth > MOST_DEPTH:
        return
    for table in ("_parameters", "_buffers"):
        for name, value in _entries(state[table]).items():
            yield f"{prefix}{name}", value
    for name, value in _entries(state["_modules"]).items():
        if id(value) not in seen:
            seen.add(id(value))
            yield from _flat(value, f"{prefix}{name}.", depth + 1, seen)


def _tensor(node: Any) -> tuple[Any, ...] | None:
    """The arguments from which a tensor is built again."""
    for _ in range(MOST_DEPTH):
        if not isinstance(node, Made) or not isinstance(node.of, Name):
            return None
        given = node.given if isinstance(node.given, tuple) else ()
        if node.of.module == "torch._utils" and node.of.name in _TENSORS and len(given) >= 4:
            return given
        if node.of.module == "torch._utils" and node.of.name in _WRAPPED and given:
            node = given[0]
        elif node.of == ("torch._tensor", "_rebuild_from_type_v2") and len(given) >= 3:
            node = Made(given[0], given[2])
        else:
            return None
    return None


def _weight(saved: Saved, name: str, node: Any) -> Weight | None:
    given = _tensor(node)
    if given is None:
        return None
    held = storage(given[0])
    offset, shape, strides = given[1], _size(given[2]), _size(given[3])
    if held is None or shape is None or strides is None or len(shape) != len(strides):
        raise _damaged(name)
    kind, width, key = held
    if not isinstance(offset, int) or min((offset, *strides)) < 0:
        raise _damaged(name)

    def read() -> np.ndarray:
        check_floats(name, kind)
        reach = 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if not math.prod(shape):
            return np.zeros(shape, np.float32)
        if (offset + reach) * width > saved.size(key) or reach > MOST_REACH:
            raise _damaged(name)
        data = saved.read(key, offset * width, reach * width)
        if len(data) != reach * width:
            raise _damaged(name)
        flat = decoded(data, kind, saved.order)
        steps = [step * flat.itemsize for step in strides]
        return np.lib.stride_tricks.as_strided(flat, shape, steps).copy()

    return Weight(shape, read)


def _size(node: Any) -> tuple[int, ...] | None:
    """A shape or strides; torch.Size is called with one."""
    if isinstance(node, Made) and node.of == ("torch", "Size"):
        node = node.given[0] if isinstance(node.given, tuple) and node.given else None
    if not isinstance(node, list | tuple) or len(node) > MOST_AXES:
        return None
    whole = all(isinstance(n, int) and 0 <= n < 1 << 48 for n in node)
    return tuple(node) if whole else None


def _damaged(name: str) -> UnreadableError:
    return UnreadableError(
        f"{name:.80} lies beyond the bytes that were saved, or is described as no tensor is; "
        "copy the file again from its source"
    )
