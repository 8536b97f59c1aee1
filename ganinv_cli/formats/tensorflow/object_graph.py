"""The objects of a TensorFlow 2 checkpoint, and the layers among them in their order."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.reading import damaged_error
from ganinv_cli.formats.weights.layers import WeightedLayer
from ganinv_cli.formats.weights.weight import Weight

MAX_NODES = 20_000  # of a checkpoint; a DCGAN's in training have some 100
MAX_DEPTH = 16  # of models within one another

_ROLES = {
    **{"kernel": "weight", "_kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"},
    **{"moving_mean": "mean", "moving_variance": "variance"},
}
# numbered names of a model's layers: Keras 2 in the model, Keras 3 in a container in it
_LAYER_NUMBER = re.compile(r"layer-([0-9]{1,9})|([0-9]{1,9})")
_LAYER_CONTAINERS = ("_functional", "_operations")


class ObjectLayer(NamedTuple):
    """A layer with variables, as a map from name in the layer to key in the checkpoint."""

    name: str
    keys: dict[str, str]
    full_name: str  # as the program named it, such as sequential/conv2d_transpose_1
    weightless_before: int | None  # number of layers without variables before it, if known


class ObjectGraph:
    """The objects of a checkpoint; number 0 contains all others. Raises UnreadableError."""

    def __init__(self, data: bytes) -> None:
        try:
            self._nodes = TrackableObjectGraph.FromString(data).nodes
        except DecodeError:
            raise _damaged_error() from None
        last = len(self._nodes)
        if last > MAX_NODES:
            raise UnreadableError(
                f"holds {last:,} objects, but at most {MAX_NODES:,} were expected; "
                "is it a GAN's checkpoint?"
            )
        if not last or any(not 0 <= c.node_id < last for n in self._nodes for c in n.children):
            raise _damaged_error()

    def list_children(self, node_id: int) -> dict[str, int]:
        """Return the objects in an object, by name."""
        return {child.local_name: child.node_id for child in self._nodes[node_id].children}

    def is_layer(self, node_id: int) -> bool:
        """Return whether an object has variables of its own."""
        return self._make_layer(node_id, "") is not None

    def list_layers(self, node_id: int, path: str) -> list[ObjectLayer]:
        """Return the layers in an object and in the objects in it."""
        return list(self._walk_layers(node_id, path, set(), 0))

    def _walk_layers(
        self, node_id: int, path: str, visited: set[int], depth: int
    ) -> Iterator[ObjectLayer]:
        if node_id in visited or depth > MAX_DEPTH:
            return
        visited.add(node_id)
        layer = self._make_layer(node_id, path)
        if layer:
            yield layer
        numbered, children = self._order_children(node_id)
        weightless_before: int | None = 0 if numbered else None
        for name, child in children:
            inner = list(self._walk_layers(child, f"{path}/{name}".lstrip("/"), visited, depth + 1))
            if numbered and weightless_before is not None and inner:
                inner[0] = inner[0]._replace(weightless_before=weightless_before)
            weightless_before = (
                None if weightless_before is None else 0 if inner else weightless_before + 1
            )
            yield from inner

    def _order_children(self, node_id: int) -> tuple[bool, list[tuple[str, int]]]:
        """Return whether an object's children are numbered layers, and the children in order."""
        children = self.list_children(node_id)
        for name in _LAYER_CONTAINERS:
            if name in children:
                return False, [(name, children[name])]
        numbers = {name: _LAYER_NUMBER.fullmatch(name) for name in children}
        layers = {int(m[1] or m[2]): name for name, m in numbers.items() if m}
        if layers:
            return True, [(layers[n], children[layers[n]]) for n in sorted(layers)]
        return False, [
            each for each in children.items() if not each[0].startswith("layer_with_weights-")
        ]

    def _make_layer(self, node_id: int, path: str) -> ObjectLayer | None:
        keys, full_name = {}, ""
        for name, child in self.list_children(node_id).items():
            for attribute in self._nodes[child].attributes:
                if attribute.name == "VARIABLE_VALUE":
                    keys[name] = attribute.checkpoint_key
                    full_name = attribute.full_name
        return ObjectLayer(path, keys, full_name, None) if keys else None


def make_weighted_layers(
    layers: list[ObjectLayer], make_weight: Callable[[str], Weight]
) -> list[WeightedLayer]:
    """Return the layers in the form of any file of weights alone. Raises UnreadableError."""
    return [_make_weighted_layer(layer, make_weight) for layer in layers]


def _make_weighted_layer(layer: ObjectLayer, make_weight: Callable[[str], Weight]) -> WeightedLayer:
    roles: dict[str, Any] = {}
    for name, key in layer.keys.items():
        if name not in _ROLES:
            raise UnreadableError(
                f"{layer.name}/{name} is not part of a dense layer, a convolution or a batch norm; "
                "expected a sequence of these: save the generator with model.save"
            )
        roles[_ROLES[name]] = make_weight(key)
    return WeightedLayer(
        layer.name, roles, layer.weightless_before, _is_transposed(layer.full_name)
    )


def _is_transposed(full_name: str) -> bool | None:
    if re.search("transpose|deconv", full_name):
        return True
    return False if re.search("conv2d", full_name) else None


def _damaged_error() -> UnreadableError:
    return damaged_error("its graph of objects is damaged", "the checkpoint")
