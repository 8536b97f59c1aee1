"""Trace a graph with its signature to a network; only operations for the picture are run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.formats.saved_model.variables import Variables, name_variables
from ganinv_cli.formats.traced.functions import FunctionInput, trace_function
from ganinv_cli.network.replay import GraphReplay
from ganinv_cli.network.traced_network import TracedNetwork

GRAPH_FILE = "saved_model.pb"
SERVING_SIGNATURES = ("serving_default", "default", "serve")
SERVING_TAG = "serve"

_NO_OUTPUTS = ("NoOp", "Const", "Placeholder", "Assert")


def read_graph_file(file: Path) -> UnfinishedGenerator:
    """Return the generator in a saved_model.pb, or in a frozen graph. Raises UnreadableError."""
    content = file.read_bytes()
    if file.name == GRAPH_FILE:
        return _read_saved_model(file, SavedModel.FromString(content))
    return _read_frozen_graph(file, tf.compat.v1.GraphDef.FromString(content))


def _read_saved_model(file: Path, model: Any) -> UnfinishedGenerator:
    meta = _choose_meta_graph(model)
    name = _choose_signature(meta)
    signature = meta.signature_def[name]
    if len(signature.outputs) != 1:
        outputs = ", ".join(sorted(signature.outputs)) or "none"
        raise UnreadableError(
            f"its signature {name!r} has {len(signature.outputs)} outputs ({outputs[:200]}); "
            "expected one, the picture; export a function that returns it alone"
        )
    (output,) = signature.outputs.values()
    variables = Variables(file.parent)
    name_variables(meta.graph_def, meta.object_graph_def, variables)
    inputs = {
        each.name: _describe_input(called, each.dtype, each.tensor_shape)
        for called, each in sorted(signature.inputs.items())
    }
    network = _trace_graph(meta.graph_def, inputs, output.name, variables)
    return UnfinishedGenerator(
        network, "TensorFlow SavedModel", name, str(file.parent), variables.unused
    )


def _read_frozen_graph(file: Path, graph: Any) -> UnfinishedGenerator:
    """Return the generator from the placeholders to the one output that nothing uses."""
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
    network = _trace_graph(graph, inputs, outputs[0], None)
    return UnfinishedGenerator(network, "TensorFlow graph", "frozen", str(file))


def _describe_input(name: str, dtype: int, shape: Any) -> FunctionInput:
    sizes = tuple(axis.size if axis.size >= 0 else None for axis in shape.dim)
    return FunctionInput(name, tf.as_dtype(dtype).base_dtype, None if shape.unknown_rank else sizes)


def _trace_graph(
    graph: Any,
    inputs: dict[str, FunctionInput],
    output: str,
    read_variable: Callable[[str], np.ndarray] | None,
) -> TracedNetwork:
    """Return the network from the inputs, by the names of their tensors, to the output."""
    defaults = {node.name for node in graph.node if node.op == "PlaceholderWithDefault"}
    told = {name: each for name, each in inputs.items() if name.split(":")[0] not in defaults}
    if not any(each.dtype.is_floating for each in told.values()):
        told = inputs

    def make_pictures(*tensors: tf.Tensor) -> tf.Tensor:
        values = dict(zip(told, tensors, strict=True))
        rows = max(size or 1 for tensor in tensors for size in tensor.shape[:1])
        return GraphReplay(graph, values, read_variable, rows).evaluate(output)

    return trace_function(make_pictures, list(told.values()))


def _choose_meta_graph(model: Any) -> Any:
    """Return the graph for serving, or the only one."""
    graphs = list(model.meta_graphs)
    tags = [set(each.meta_info_def.tags) for each in graphs]
    chosen = [g for g, tag in zip(graphs, tags, strict=True) if SERVING_TAG in tag]
    chosen = chosen or [g for g, tag in zip(graphs, tags, strict=True) if not tag]
    chosen = chosen or (graphs if len(graphs) == 1 else [])
    if not chosen:
        shown = "; ".join(",".join(sorted(tag)) for tag in tags[:5])
        raise UnreadableError(f"has graphs with the tags {shown}, none for {SERVING_TAG!r}")
    return chosen[0]


def _choose_signature(meta: Any) -> str:
    names: list[str] = sorted(name for name in meta.signature_def if not name.startswith("__"))
    for name in (*SERVING_SIGNATURES, *names):
        if name in names and (name in SERVING_SIGNATURES or len(names) == 1):
            return name
    if names:
        raise UnreadableError(
            f"has the signatures {', '.join(names[:5])}; expected {SERVING_SIGNATURES[0]!r}, or "
            "only one"
        )
    raise UnreadableError(
        "has no signature that says what goes in and out; save it with "
        "tf.saved_model.save(model, folder, signatures=function)"
    )
