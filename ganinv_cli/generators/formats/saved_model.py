"""TensorFlow SavedModels and frozen graphs, run operation by operation, with pure operations only.

They are written by Keras' `export`, `tf.saved_model.save`, and TensorFlow 1's builder.

The variables of a SavedModel are in the checkpoint beside it. A graph of TensorFlow 1 names them. A
graph of TensorFlow 2 passes them to its functions; the tree of Python objects gives their keys.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ganinv_cli.generators.formats.interface import GRAPH_FILE, UnfinishedGenerator, UnreadableError
from ganinv_cli.generators.formats.tensorflow.tensors import OBJECT_GRAPH, CheckpointTensors
from ganinv_cli.generators.formats.trace_function import FunctionInput, trace_function
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.operations.copy_graph import CALLS, GraphReplay
from ganinv_cli.settings.conventions import Conventions

SERVING_SIGNATURES = ("serving_default", "default", "serve")
SERVING_TAG = "serve"

_NO_OUTPUTS = ("NoOp", "Const", "Placeholder", "Assert")


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a SavedModel's folder, of its saved_model.pb, or of a frozen .pb.

    The signature is serving_default, or the only one. Variables that the picture does not need are
    ignored, and listed. Raises UnreadableError.
    """
    file = path / GRAPH_FILE if path.is_dir() else path
    content = file.read_bytes()
    if file.name == GRAPH_FILE:
        return _read_saved_model(file.parent, SavedModel.FromString(content), conventions)
    return _read_frozen_graph(file, tf.compat.v1.GraphDef.FromString(content), conventions)


def _read_saved_model(folder: Path, model: Any, conventions: Conventions) -> UnfinishedGenerator:
    graphs = list(model.meta_graphs)
    serving = [each for each in graphs if SERVING_TAG in each.meta_info_def.tags]
    meta = (serving or graphs)[0]
    name = _choose_signature(meta)
    signature = meta.signature_def[name]
    if len(signature.outputs) != 1:
        outputs = ", ".join(sorted(signature.outputs)) or "none"
        raise UnreadableError(
            f"its signature {name!r} has {len(signature.outputs)} outputs ({outputs[:200]}); "
            "expected one, the picture; export a function that returns it alone"
        )
    (output,) = signature.outputs.values()
    inputs = {
        each.name: _describe_input(called, each.dtype, each.tensor_shape)
        for called, each in sorted(signature.inputs.items())
    }
    variables = _Variables(folder)
    if meta.object_graph_def.nodes:
        variables.name_handles(meta.graph_def, meta.object_graph_def)
    network = _trace_graph(meta.graph_def, inputs, output.name, variables.read, conventions)
    return UnfinishedGenerator(
        network, "TensorFlow SavedModel", name, str(folder), variables.list_unused()
    )


def _choose_signature(meta: Any) -> str:
    names = sorted(name for name in meta.signature_def if not name.startswith("__"))
    if not names:
        raise UnreadableError(
            "has no signature that says what goes in and out; save it with "
            "tf.saved_model.save(model, folder, signatures=function)"
        )
    chosen = [name for name in SERVING_SIGNATURES if name in names] or names
    if chosen == names and len(names) > 1:
        raise UnreadableError(
            f"has the signatures {', '.join(names[:5])}; expected {SERVING_SIGNATURES[0]!r}, or "
            "only one"
        )
    return chosen[0]


def _read_frozen_graph(file: Path, graph: Any, conventions: Conventions) -> UnfinishedGenerator:
    inputs = {
        node.name: _describe_input(node.name, node.attr["dtype"].type, node.attr["shape"].shape)
        for node in graph.node
        if node.op == "Placeholder"
    }
    used = {each.lstrip("^").split(":")[0] for node in graph.node for each in node.input}
    outputs = [
        node.name for node in graph.node if node.name not in used and node.op not in _NO_OUTPUTS
    ]
    if len(outputs) != 1:
        raise UnreadableError(
            f"is a graph with {len(outputs)} outputs ({', '.join(outputs[:5])}); expected one, the "
            "picture; save it as a SavedModel with a signature"
        )
    network = _trace_graph(graph, inputs, outputs[0], None, conventions)
    return UnfinishedGenerator(network, "TensorFlow graph", "frozen", str(file))


def _describe_input(name: str, dtype: int, shape: Any) -> FunctionInput:
    sizes = tuple(axis.size if axis.size >= 0 else None for axis in shape.dim)
    return FunctionInput(name, tf.as_dtype(dtype).base_dtype, None if shape.unknown_rank else sizes)


def _trace_graph(
    graph: Any,
    inputs: dict[str, FunctionInput],
    output: str,
    read_variable: Callable[[str], np.ndarray] | None,
    conventions: Conventions,
) -> TracedNetwork:
    defaults = {node.name for node in graph.node if node.op == "PlaceholderWithDefault"}
    stated = {name: each for name, each in inputs.items() if name.split(":")[0] not in defaults}
    if not any(each.dtype.is_floating for each in stated.values()):
        stated = inputs

    def evaluate_graph(*tensors: tf.Tensor) -> tf.Tensor:
        values = dict(zip(stated, tensors, strict=True))
        rows = max(size or 1 for tensor in tensors for size in tensor.shape[:1])
        return GraphReplay(graph, values, read_variable, rows).evaluate(output)

    shape = conventions.latent_shape
    return trace_function(evaluate_graph, list(stated.values()), latent_shape=shape)


class _Variables:
    """The checkpoint beside a graph, and which of its variables were read."""

    def __init__(self, folder: Path) -> None:
        prefix = folder / "variables" / "variables"
        has_variables = prefix.with_suffix(".index").exists()  # a graph may have none
        self._tensors = CheckpointTensors(prefix) if has_variables else None
        self._read: dict[str, np.ndarray] = {}

    def read(self, key: str) -> np.ndarray:
        """Return the values of a variable. Raises UnreadableError."""
        if self._tensors is None or key not in self._tensors.shapes:
            raise UnreadableError(
                f"needs the variable {key!r}, which is not in variables/variables.index beside its "
                "graph; copy the whole SavedModel again"
            )
        if key not in self._read:
            self._read[key] = self._tensors.read_array(key)
        return self._read[key]

    def list_unused(self) -> tuple[str, ...]:
        """Return the keys that were never read."""
        keys = self._tensors.shapes.keys() if self._tensors else set()
        return tuple(sorted(keys - self._read.keys() - {OBJECT_GRAPH}))

    def name_handles(self, graph: Any, objects: Any) -> None:
        """Write the keys in the checkpoint into the nodes of a GraphDef that stand for variables.

        `objects` is the SavedObjectGraph: it lists the captured inputs of each function.
        """
        keys = self._find_keys(objects)
        nodes = {node.name: node for node in graph.node}
        for node in graph.node:
            function = objects.concrete_functions.get(node.attr["f"].func.name)
            if node.op not in CALLS or function is None:
                continue
            given = [each for each in node.input if not each.startswith("^")]
            bound = function.bound_inputs
            for place, number in zip(given[len(given) - len(bound) :], bound, strict=True):
                handle = nodes.get(place.split(":")[0])
                if number in keys and handle is not None and handle.op == "VarHandleOp":
                    handle.attr["shared_name"].s = keys[number].encode()

    def _find_keys(self, objects: Any) -> dict[int, str]:
        """Return the key of each object in the checkpoint, whose tree has the same names."""
        if self._tensors is None:
            return {}
        stored = TrackableObjectGraph.FromString(self._tensors.read_text(OBJECT_GRAPH))
        keys: dict[int, str] = {}
        pairs = {0: 0}  # of an object in the one tree and in the other
        ahead = [0]
        for number in ahead:  # which grows
            twin = stored.nodes[pairs[number]]
            for each in twin.attributes:
                keys[number] = each.checkpoint_key
            twins = {each.local_name: each.node_id for each in twin.children}
            for child in objects.nodes[number].children:
                if child.node_id not in pairs and child.local_name in twins:
                    pairs[child.node_id] = twins[child.local_name]
                    ahead.append(child.node_id)
        return keys
