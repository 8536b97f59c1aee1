"""Trace a TensorFlow function to a network, measure the graph, and make a function of it."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

from ganinv_cli.network.operations import IDENTITIES
from ganinv_cli.network.primitive import count_multiply_adds, create_operation
from ganinv_cli.network.replay import GraphError, GraphReplay
from ganinv_cli.network.traced_network import PixelRange, TracedNetwork

# (z (batch, latent) float32, labels (batch,) int32 or None) -> (batch, height, width, channels)
PictureFunction = Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor]

BATCH = 2  # rows of the graph that is measured

_PASSED = ("ReadVariableOp", *IDENTITIES)
_UNCOUNTED = ("Const", "Placeholder", "Identity", "NoOp")
_BOUNDED = {"Tanh": (-1.0, 1.0), "Softsign": (-1.0, 1.0), "Sigmoid": (0.0, 1.0)}
# operations that move pixels and keep their values
_MOVES = (
    *("BatchToSpaceND", "Cast", "DepthToSpace", "ExpandDims", "Identity", "Reshape", "Reverse"),
    *("ReverseV2", "Squeeze", "StridedSlice", "Transpose", "ResizeNearestNeighbor"),
)
# operations between a label and its use
_LABEL_MOVES = (
    *("Cast", "Identity", "Reshape", "Squeeze", "ExpandDims", "ConcatV2", "Maximum"),
    *("Minimum", "ClipByValue", "Transpose", "StridedSlice", "GatherV2", "Select", "SelectV2"),
)


class Traced(NamedTuple):
    """A graph, its weights, and the names of its ends."""

    graph: Any  # tf.Graph
    arrays: dict[str, np.ndarray]
    z: str
    label: str
    output: str


def trace_network(function: PictureFunction, latent: int, labels: int = 0) -> TracedNetwork:
    """Return the network of a function that calls pure operations of TensorFlow alone.

    Raises GraphError if it makes no pictures, or too large ones. Exceptions of the function itself
    are not caught.
    """
    # keep only what the picture needs; large constants become weights, however they were stored
    traced = _trace(purify(function, latent, None, bool(labels)), latent, None, bool(labels))
    definition = traced.graph.as_graph_def()
    measured = _trace(_make_replay(traced, BATCH), latent, BATCH, bool(labels))
    kinds = [each for each in measured.graph.get_operations() if each.type not in _UNCOUNTED]
    output = measured.graph.get_tensor_by_name(measured.output)
    shape = tuple(output.shape.as_list()) if output.shape.rank == 4 else ()
    if None in shape or len(shape) != 4 or shape[0] != BATCH:
        raise GraphError(
            f"makes {output.shape} from {BATCH} latent vectors; pictures (batch, height, width, "
            "channels) were expected; is it a generator of pictures?"
        )
    output_range, output_function = _find_range(output)
    return TracedNetwork(
        graph=definition.SerializeToString(deterministic=True),
        arrays=traced.arrays,
        z_node=traced.z,
        label_node=traced.label,
        output=traced.output,
        latent=latent,
        labels=labels,
        image_shape=shape[1:],
        graph_sha256=_hash_graph(definition, traced, labels),
        operations=dict(Counter(each.type for each in kinds).most_common()),
        largest_layer=_find_largest(kinds),  # first: it refuses unknown sizes
        multiply_adds=sum(map(count_multiply_adds, kinds)) // BATCH,
        output_range=output_range,
        output_function=output_function,
    )


def make_function(network: TracedNetwork) -> Callable[..., tf.Tensor]:
    """Return a function of z (batch, latent), of labels if it has them, and of the weights.

    It copies the graph into the current one. The weights are those of `network.arrays`; along them
    it has no derivative.
    """
    graph = tf.compat.v1.GraphDef.FromString(network.graph)
    for node in graph.node:
        if node.op in _GRADIENTS:
            node.attr["_gradient_op_type"].s = _GRADIENTS[node.op].encode()
    inputs = [network.z_node, *([network.label_node] if network.label_node else [])]

    def draw(*tensors: tf.Tensor) -> tf.Tensor:
        weights = map(tf.stop_gradient, tensors[len(inputs) :])
        given = [*tensors[: len(inputs)], *weights]
        names = dict(zip([*inputs, *network.arrays], given, strict=True))
        return tf.graph_util.import_graph_def(
            graph, input_map=names, return_elements=[network.output], name=""
        )[0]

    return draw


# the derivative of the gradient is the operation itself, which TensorFlow does not know or use
_LINEAR = (
    *("ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic", "ScaleAndTranslate"),
    *("Tile", "BroadcastTo"),
)
_GRADIENTS = {**dict.fromkeys(_LINEAR, "GaninvLinear"), "Softsign": "GaninvSoftsign"}


@tf.RegisterGradient("GaninvLinear")
def _differentiate_linear(operation: Any, gradient: tf.Tensor) -> Any:
    _, *others = operation.inputs

    @tf.custom_gradient
    def pull(given: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        usual, *_ = gradient_registry.lookup(operation.type)(operation, given)
        return usual, lambda moved: create_operation(operation.node_def, [moved, *others])[0]

    return [pull(gradient), *(None for _ in others)]


@tf.RegisterGradient("GaninvSoftsign")
def _differentiate_softsign(operation: Any, gradient: tf.Tensor) -> tf.Tensor:
    return gradient / tf.square(1 + tf.abs(operation.inputs[0]))


def count_labels(function: PictureFunction, latent: int, batch: int | None = None) -> int:
    """Return the number of labels of a function of integer labels, or 0 if it cannot be found.

    It is the length of the table in which the label is looked up, or of its one-hot vector.
    """
    traced = _trace(purify(function, latent, batch, True), latent, batch, True)
    known, sizes = {traced.label}, []
    for each in traced.graph.get_operations():
        taken = [n for n, tensor in enumerate(each.inputs) if tensor.op.name in known]
        if each.type in ("GatherV2", "Gather") and taken == [1]:
            sizes.append(each.inputs[0].shape[0])
        elif (each.type == "OneHot" and taken == [0]) or (
            each.type in ("DenseBincount", "Bincount") and taken
        ):
            sizes.append(tf.get_static_value(each.inputs[1]))
        if taken and each.type in _LABEL_MOVES:
            known.add(each.name)
    return min((int(size) for size in sizes if size is not None), default=0)


def purify(function: Any, latent: int, batch: int | None, labelled: bool) -> PictureFunction:
    """Return a function of pure operations that computes the same; it has no variables or calls."""
    return _make_replay(_trace(function, latent, batch, labelled), batch or 1)


def _trace(function: Any, latent: int, batch: int | None, labelled: bool) -> Traced:
    specs = [tf.TensorSpec([batch, latent], tf.float32, "z")]
    if labelled:
        specs.append(tf.TensorSpec([batch], tf.int32, "label"))
    call = function if labelled else lambda z: function(z, None)
    concrete = tf.function(call, autograph=False).get_concrete_function(*specs)
    variables = {id(each.handle): each for each in concrete.graph.variables}
    arrays = {
        inner.op.name: variables[id(outer)].numpy() if id(outer) in variables else outer.numpy()
        for outer, inner in concrete.graph.captures
    }
    inputs = [tensor.op.name for tensor in concrete.inputs[: len(specs)]]
    label = inputs[1] if labelled else ""
    return Traced(concrete.graph, arrays, inputs[0], label, concrete.outputs[0].name)


def _make_replay(traced: Traced, rows: int) -> PictureFunction:
    definition = traced.graph.as_graph_def()
    with tf.init_scope():
        weights = {name: tf.constant(array) for name, array in traced.arrays.items()}

    def replay(z: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        inputs = add_inputs(weights, traced.z, z, traced.label, labels)
        return GraphReplay(definition, inputs, rows=rows).evaluate(traced.output)

    return replay


def add_inputs(
    weights: Mapping[str, tf.Tensor],
    z_node: str,
    z: tf.Tensor,
    label_node: str,
    labels: tf.Tensor | None,
) -> dict[str, tf.Tensor]:
    """Return the weights, z and the labels by the names of their nodes."""
    label = {label_node: labels} if label_node else {}
    return {**weights, z_node: z, **label}


def _hash_graph(definition: Any, traced: Traced, labels: int) -> str:
    """Hash the operations, their settings and the weights, but no names and no order.

    A weight is the same whether it is a constant or a variable.
    """
    ends, digests = {traced.z: "z", traced.label: "label"}, dict[str, bytes]()

    def get_digest(text: str) -> bytes:
        name, _, number = text.partition(":")
        return digests[name] + number.encode()

    for node in definition.node:  # each after its inputs
        inputs = [each for each in node.input if not each.startswith("^")]
        array = traced.arrays.get(node.name)
        if node.op == "Const" and array is None:
            array = tf.make_ndarray(node.attr["value"].tensor)
        if node.op in _PASSED and len(inputs) == 1:
            digests[node.name] = get_digest(inputs[0])
            continue
        if array is not None:
            digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes())
        else:
            digest = hashlib.sha256(f"{node.op} {ends.get(node.name, '')}".encode())
            for each in inputs:
                digest.update(get_digest(each))
            for key in sorted(node.attr):
                if not key.startswith("_"):
                    digest.update(key.encode())
                    digest.update(node.attr[key].SerializeToString(deterministic=True))
        digests[node.name] = digest.digest()
    output = get_digest(traced.output.removesuffix(":0"))
    return hashlib.sha256(f"traced labels{labels} {output.hex()}".encode()).hexdigest()


def _find_largest(kinds: list[Any]) -> int:
    """Return the values per image of the largest output. Raises GraphError."""
    largest = 1
    for each in kinds:
        for number, output in enumerate(each.outputs):
            if number and not output.consumers():
                continue
            if not output.shape.is_fully_defined():
                raise GraphError(
                    f"{each.name} ({each.type}) makes values whose number depends on other values; "
                    "export the generator with fixed sizes"
                )
            largest = max(largest, math.prod(output.shape.as_list()) // BATCH)
    return largest


def _find_range(output: tf.Tensor) -> tuple[PixelRange | None, str]:
    """Return the bounds of the output, and the bounded function that it ends in."""
    scale, shift = 1.0, 0.0  # the operations after this one compute x * scale + shift
    while True:
        operation = output.op
        if operation.type in _BOUNDED:
            low, high = sorted(bound * scale + shift for bound in _BOUNDED[operation.type])
            return ((low, high), operation.type.lower()) if low < high else (None, "")
        if operation.type in _MOVES:
            output = operation.inputs[0]
            continue
        if operation.type not in ("Mul", "AddV2", "Add", "Sub", "RealDiv"):
            return None, ""
        known = [tf.get_static_value(each) for each in operation.inputs]
        values = [k for k in known if k is not None and np.size(k) and np.ptp(k) == 0]
        if len(values) != 1:
            return None, ""
        value, is_first = float(np.ravel(values[0])[0]), known[0] is not None
        match operation.type:
            case "Mul":
                scale *= value
            case "RealDiv" if not is_first and value:
                scale /= value
            case "AddV2" | "Add":
                shift += scale * value
            case "Sub":
                shift += scale * (value if is_first else -value)
                scale = -scale if is_first else scale
            case _:
                return None, ""
        output = operation.inputs[1 if is_first else 0]
