"""Generators in TensorFlow 2 object checkpoints: tf.train.Checkpoint, Keras 2's save_weights."""

import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ganinv_cli.formats.interface import (
    DISCRIMINATOR,
    IMAGE_NETWORK,
    UnfinishedGenerator,
    UnreadableError,
)
from ganinv_cli.formats.tensorflow.tensors import CheckpointTensors
from ganinv_cli.formats.weights.build import build
from ganinv_cli.formats.weights.candidates import Candidate, choose_generator, is_generator_name
from ganinv_cli.formats.weights.finish import finish_generator
from ganinv_cli.formats.weights.step import Design, Framework, WeightedLayer
from ganinv_cli.formats.weights.vet import list_steps
from ganinv_cli.formats.weights.weight import Weight
from ganinv_cli.settings.conventions import Conventions

MAX_MODELS = 50  # per checkpoint; further objects are not read
MAX_DEPTH = 16  # of models within one another

_ROLES = {
    **{"kernel": "weight", "_kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"},
    **{"moving_mean": "mean", "moving_variance": "variance"},
}
# numbered names of a model's layers: Keras 2 in the model, Keras 3 in a container in it
_LAYER_NUMBER = re.compile(r"layer-([0-9]{1,9})|([0-9]{1,9})")
_LAYER_CONTAINERS = ("_functional", "_operations")


class ObjectLayer(NamedTuple):
    """A layer with variables."""

    name: str
    keys: dict[str, str]  # name in the layer -> key in the checkpoint
    full_name: str  # as the program named it, such as sequential/conv2d_transpose_1
    weightless_before: int | None  # number of layers without variables before it, if known


def read_objects(
    tensors: CheckpointTensors, graph: bytes, path: str, conventions: Conventions
) -> UnfinishedGenerator:
    """Return the generator among the models of a checkpoint. Raises UnreadableError."""
    models = _ModelSearch(ObjectGraph(graph), tensors, conventions)
    try:
        generator = choose_generator(models.list_candidates())
    except UnreadableError as error:
        if str(error) in (DISCRIMINATOR, IMAGE_NETWORK):
            raise
        raise UnreadableError(
            "is a TensorFlow 2 object checkpoint (tf.train.Checkpoint, Keras save_weights) that "
            f"{error}; if this is the state/ of a training run, name the folder above it"
        ) from None
    ignored = [n for n in tensors.shapes if n not in generator.names and not n.startswith("_CHECK")]
    return finish_generator(generator, "TensorFlow 2", path, sorted(ignored))


class _ModelSearch:
    """Finds the models among the objects of a checkpoint."""

    def __init__(
        self, graph: "ObjectGraph", tensors: CheckpointTensors, conventions: Conventions
    ) -> None:
        self._graph, self._tensors, self._conventions = graph, tensors, conventions

    def list_candidates(self) -> list[Candidate]:
        """Return the checkpoint as one model, or else its objects and the generators in them."""
        whole_checkpoint = self._make_candidate(0, "")
        if whole_checkpoint is None or whole_checkpoint.design:
            return [whole_checkpoint] if whole_checkpoint else []
        models = []
        for path, node_id in self._list_objects(0, ""):
            model = self._make_candidate(node_id, path)
            inner = [
                self._make_candidate(deeper, where)
                for where, deeper in self._list_objects(node_id, path)
                if model and not model.design and is_generator_name(where.rpartition("/")[2])
            ]
            generators = [each for each in inner if each and each.design]
            models += generators or ([model] if model else [])
        return models or [whole_checkpoint]

    def _list_objects(self, node_id: int, path: str) -> list[tuple[str, int]]:
        """Return the objects in an object that are not single layers."""
        inside = self._graph.list_children(node_id).items()
        where = [(f"{path}/{name}".lstrip("/"), child) for name, child in inside]
        return [each for each in where if not self._graph.is_layer(each[1])][:MAX_MODELS]

    def _make_candidate(self, node_id: int, path: str) -> Candidate | None:
        layers = self._graph.list_layers(node_id, path)
        names = frozenset(key for layer in layers for key in layer.keys.values())
        try:
            weighted_layers = [self._make_weighted_layer(layer) for layer in layers]
            matrices = sum(len(layer.shape) > 1 for layer in weighted_layers)
            if matrices < 2 and path:  # a layer or an optimizer of a model, not a model
                return None
            framework = _guess_framework(layers)
            design = Design(list_steps(weighted_layers, framework), framework, self._conventions)
            build(design)
            return Candidate(path, names, design)
        except UnreadableError as error:
            return Candidate(path, names, None, str(error))

    def _make_weighted_layer(self, layer: ObjectLayer) -> WeightedLayer:
        unknown = layer.keys.keys() - _ROLES.keys()
        if unknown:
            raise UnreadableError(
                f"{layer.name}/{min(unknown)} is not part of a dense layer, a convolution or a "
                "batch norm; expected a sequence of these: save the generator with model.save"
            )
        weights = {
            _ROLES[name]: Weight(self._tensors.shapes[key], partial(self._tensors.__getitem__, key))
            for name, key in layer.keys.items()
        }
        is_transposed = bool(re.search("transpose|deconv", layer.full_name))
        is_known = is_transposed or "conv2d" in layer.full_name
        return WeightedLayer(
            layer.name, weights, layer.weightless_before, is_transposed if is_known else None
        )


def _guess_framework(layers: list[ObjectLayer]) -> Framework:
    """Return Keras' defaults; layers without weights in between are likely LeakyReLU."""
    has_gaps = any(layer.weightless_before for layer in layers)
    return Framework(
        is_torch=False, epsilon=1e-3, activation="leaky_relu:0.3" if has_gaps else "relu"
    )


class ObjectGraph:
    """The objects of a checkpoint; number 0 contains all others."""

    def __init__(self, data: bytes) -> None:
        self._nodes = TrackableObjectGraph.FromString(data).nodes

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
