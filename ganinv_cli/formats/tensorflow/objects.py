"""The objects of a TensorFlow 2 checkpoint, and the layers among them in their order."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.formats.weights.parts import Part
from ganinv_cli.formats.weights.weight import Weight

MOST_NODES = 20_000  # of a checkpoint; a DCGAN's in training have some 100
MOST_DEPTH = 16  # of models within one another

_ROLES = {
    **{"kernel": "weight", "_kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"},
    **{"moving_mean": "mean", "moving_variance": "variance"},
}
# where the layers of a model stand, by number: Keras 2 in the model, Keras 3 further in
_NUMBERED = re.compile(r"layer-([0-9]{1,9})|([0-9]{1,9})")
_INSIDE = ("_functional", "_operations")


class Layer(NamedTuple):
    """A layer with variables: each by its name in the layer, with its key in the checkpoint."""

    name: str
    keys: dict[str, str]
    called: str  # by the program that made it, as sequential/conv2d_transpose_1
    before: int | None  # how many layers without variables stand before it, where that is known


class Graph:
    """The objects, of which number 0 holds all others. Raises UnreadableError."""

    def __init__(self, data: bytes) -> None:
        try:
            self._nodes = TrackableObjectGraph.FromString(data).nodes
        except DecodeError:
            raise _damaged() from None
        last = len(self._nodes)
        if last > MOST_NODES:
            raise UnreadableError(
                f"holds {last:,} objects where at most {MOST_NODES:,} were expected; "
                "is it a GAN's checkpoint?"
            )
        if not last or any(not 0 <= c.node_id < last for n in self._nodes for c in n.children):
            raise _damaged()

    def children(self, number: int) -> dict[str, int]:
        """The objects in an object."""
        return {child.local_name: child.node_id for child in self._nodes[number].children}

    def is_layer(self, number: int) -> bool:
        """Whether an object has variables of its own."""
        return self._layer(number, "") is not None

    def layers(self, number: int, path: str) -> list[Layer]:
        """Those in an object and in the objects in it."""
        return list(self._layers(number, path, set(), 0))

    def _layers(self, number: int, path: str, seen: set[int], depth: int) -> Iterator[Layer]:
        if number in seen or depth > MOST_DEPTH:
            return
        seen.add(number)
        layer = self._layer(number, path)
        if layer:
            yield layer
        numbered, children = self._ordered(number)
        before: int | None = 0 if numbered else None
        for name, child in children:
            inner = list(self._layers(child, f"{path}/{name}".lstrip("/"), seen, depth + 1))
            if numbered and before is not None and inner:
                inner[0] = inner[0]._replace(before=before)
            before = None if before is None else 0 if inner else before + 1
            yield from inner

    def _ordered(self, number: int) -> tuple[bool, list[tuple[str, int]]]:
        """Whether the objects in an object are numbered layers, and they, in order."""
        children = self.children(number)
        for name in _INSIDE:
            if name in children:
                return False, [(name, children[name])]
        numbers = {name: _NUMBERED.fullmatch(name) for name in children}
        layers = {int(m[1] or m[2]): name for name, m in numbers.items() if m}
        if layers:
            return True, [(layers[n], children[layers[n]]) for n in sorted(layers)]
        return False, [
            each for each in children.items() if not each[0].startswith("layer_with_weights-")
        ]

    def _layer(self, number: int, path: str) -> Layer | None:
        keys, called = {}, ""
        for name, child in self.children(number).items():
            for attribute in self._nodes[child].attributes:
                if attribute.name == "VARIABLE_VALUE":
                    keys[name] = attribute.checkpoint_key
                    called = attribute.full_name
        return Layer(path, keys, called, None) if keys else None


def parts(layers: list[Layer], weight: Callable[[str], Weight]) -> list[Part]:
    """As those of any file of weights alone. Raises UnreadableError."""
    return [_part(layer, weight) for layer in layers]


def _part(layer: Layer, weight: Callable[[str], Weight]) -> Part:
    roles: dict[str, Any] = {}
    for name, key in layer.keys.items():
        if name not in _ROLES:
            raise UnreadableError(
                f"{layer.name}/{name} is no part of a dense layer, a convolution or a batch norm; "
                "expected a sequence of these: save the generator with model.save"
            )
        roles[_ROLES[name]] = weight(key)
    return Part(layer.name, roles, layer.before, _transposed(layer.called))


def _transposed(called: str) -> bool | None:
    if re.search("transpose|deconv", called):
        return True
    return False if re.search("conv2d", called) else None


def _damaged() -> UnreadableError:
    return UnreadableError(
        "its graph of objects is damaged; copy the checkpoint again from its source"
    )
