"""The tensors in a TensorFlow checkpoint, and the generators in those of TensorFlow 2 objects.

tf.train.Checkpoint and Keras 2's save_weights write these.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ganinv_cli.generators.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.generators.formats.weights.state_dict import ReadOptions, find_generator
from ganinv_cli.generators.formats.weights.step import Framework
from ganinv_cli.generators.formats.weights.weight import Weight, check_floats
from ganinv_cli.settings.conventions import Conventions

KERAS = Framework(is_torch=False, epsilon=1e-3, activation="relu")
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # in every TensorFlow 2 object checkpoint
MAX_DEPTH = 16  # of models within one another

# numbered names of a model's layers: Keras 2 in the model, Keras 3 in a container in it
_LAYER_NUMBER = re.compile(r"(?:layer-)?([0-9]{1,9})")
_LAYER_CONTAINERS = ("_functional", "_operations")


class CheckpointTensors:
    """An open checkpoint: `shapes` by name, and by [name] the tensors as float32."""

    def __init__(self, prefix: Path) -> None:
        self._reader = tf.train.load_checkpoint(str(prefix))
        shapes = self._reader.get_variable_to_shape_map()
        self._dtypes = self._reader.get_variable_to_dtype_map()
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(shapes[name]) for name in shapes}

    def __getitem__(self, name: str) -> np.ndarray:
        check_floats(name, self._dtypes[name].name, "checkpoint")
        with np.errstate(over="ignore"):  # too large values become infinite
            return np.array(self._reader.get_tensor(name), np.float32)

    def read_array(self, name: str) -> np.ndarray:
        """Return a tensor of numbers in the type that it has in the checkpoint."""
        array = np.array(self._reader.get_tensor(name))
        if not np.isfinite(array).all():  # TypeError if it holds no numbers
            raise UnreadableError(
                f"{name} holds values that are not finite numbers; the training diverged, use an "
                "earlier checkpoint of the run"
            )
        return array

    def read_text(self, name: str) -> bytes:
        """Return the string that a tensor holds."""
        value = self._reader.get_tensor(name)
        assert isinstance(value, bytes)
        return value


def read_objects(
    tensors: CheckpointTensors, path: str, conventions: Conventions
) -> UnfinishedGenerator:
    """Return the generator among the models of a checkpoint. Raises UnreadableError."""
    graph = TrackableObjectGraph.FromString(tensors.read_text(OBJECT_GRAPH))
    weights = dict(_list_weights(graph.nodes, 0, "", tensors, {0}))
    options = ReadOptions(conventions, ordered=True, framework=KERAS)
    return find_generator({"": weights}, path, "TensorFlow 2", options)


def _list_weights(
    nodes: Sequence[Any], number: int, path: str, tensors: CheckpointTensors, seen: set[int]
) -> Iterator[tuple[str, Weight]]:
    children = {child.local_name: child.node_id for child in nodes[number].children}
    for name in _order_children(children):
        child, where = children[name], f"{path}.{name}".strip(".")
        if child in seen or where.count(".") > MAX_DEPTH or where == "save_counter":
            continue
        seen.add(child)
        for attribute in nodes[child].attributes:
            if attribute.name == "VARIABLE_VALUE":
                key = attribute.checkpoint_key
                read = partial(tensors.__getitem__, key)
                yield where, Weight(tensors.shapes[key], read, attribute.full_name)
        yield from _list_weights(nodes, child, where, tensors, seen)


def _order_children(children: Mapping[str, int]) -> list[str]:
    """Return the names of an object's children; of a model, only those of its layers."""
    for name in _LAYER_CONTAINERS:
        if name in children:
            return [name]
    numbers = {name: match for name in children if (match := _LAYER_NUMBER.fullmatch(name))}
    if numbers:
        return sorted(numbers, key=lambda name: int(numbers[name][1]))
    return [name for name in children if not name.startswith("layer_with_weights-")]
