"""Trace a TensorFlow function to a network, and measure the graph."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.graph import PixelRange, TracedNetwork
from ganinv_cli.generators.network.operations.allowed import IDENTITIES, PURE, list_names
from ganinv_cli.generators.network.operations.copy_graph import (
    MAX_VALUES,
    GraphError,
    GraphReplay,
    explain_refusal,
)
from ganinv_cli.generators.network.operations.evaluate import import_graph, set_rows

# (z (batch, latent) float32, labels (batch,) int32 or None) -> (batch, height, width, channels)
PictureFunction = Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor]

BATCH = 2  # rows of the graph that is measured

_PASSED = ("ReadVariableOp", *IDENTITIES)
_UNCOUNTED = ("Const", "Placeholder", "Identity", "NoOp")
_BOUNDED = {"Tanh": (-1.0, 1.0), "Softsign": (-1.0, 1.0), "Sigmoid": (0.0, 1.0)}
# operations that move pixels, or scale them
_MOVES = list_names(
    "BatchToSpaceND Cast DepthToSpace ExpandDims Identity RealDiv Reshape ResizeNearestNeighbor "
    "Reverse ReverseV2 Squeeze StridedSlice Transpose"
)
_SUMS = ("Mul", "AddV2", "Add", "Sub")  # scale or shift pixels if one side is constant
# operations between a label and its use
_LABEL_MOVES = list_names(
    "Cast ClipByValue ConcatV2 ExpandDims GatherV2 Identity Maximum Minimum Reshape Select "
    "SelectV2 Squeeze StridedSlice Transpose"
)


class _Traced(NamedTuple):
    graph: Any  # tf.Graph
    arrays: dict[str, np.ndarray]
    z: str
    label: str
    output: str


def trace_network(
    function: PictureFunction,
    latent: int,
    labels: int = 0,
    *,
    is_labelled: bool = False,
    rows: int | None = None,
) -> TracedNetwork:
    """Return the network of a function that calls pure operations of TensorFlow alone.

    A function with labels (`is_labelled`) whose number is not given, 0, has as many as its graph
    states; 0 if that states none. One that makes the same graph for any number of rows may be
    called with a known number, `rows`, if it has no variables or calls of functions. Raises
    GraphError if it makes no pictures, or too large ones. Exceptions of the function itself are not
    caught.
    """
    if rows is None:
        # keep only what the picture needs; large constants become weights, however they were stored
        function = purify(function, latent, None, is_labelled)
    traced = _trace(function, latent, rows, is_labelled)
    definition = _prune(traced)
    measured = traced._replace(graph=import_graph(definition, (traced.z, traced.label), BATCH))
    if is_labelled and not labels:
        labels = _count_labels(measured)
    kinds = [each for each in measured.graph.get_operations() if each.type not in _UNCOUNTED]
    output = measured.graph.get_tensor_by_name(measured.output)
    shape = tuple(output.shape.as_list()) if output.shape.rank == 4 else ()
    if None in shape or len(shape) != 4 or shape[0] != BATCH:
        raise GraphError(
            f"makes {output.shape} from {BATCH} latent vectors; pictures (batch, height, width, "
            "channels) were expected; is it a generator of pictures?"
        )
    output_range, output_function = _find_range(measured)
    used = {node.name for node in definition.node}
    return TracedNetwork(
        graph=definition.SerializeToString(deterministic=True),
        arrays={name: array for name, array in traced.arrays.items() if name in used},
        z_node=traced.z,
        label_node=traced.label,
        output=traced.output,
        latent=latent,
        latent_shape=(latent,),
        labels=labels,
        image_shape=shape[1:],
        graph_sha256=_hash_graph(definition, traced, labels),
        operations=dict(Counter(each.type for each in kinds).most_common()),
        largest_layer=_find_largest(kinds),  # first: it refuses unknown sizes
        multiply_adds=sum(map(_count_multiply_adds, kinds)) // BATCH,
        output_range=output_range,
        output_function=output_function,
    )


def find_label_count(function: PictureFunction, latent: int, batch: int | None = None) -> int:
    """Return the number of labels of a function of integer labels, or 0 if it cannot be found.

    The function is one of `purify`.
    """
    return _count_labels(_trace(function, latent, batch, True))


def _count_labels(traced: _Traced) -> int:
    """Return the length of the table in which the label is looked up, or of its one-hot vector."""
    known, sizes = {traced.label}, []
    for each in traced.graph.get_operations():
        taken = [n for n, tensor in enumerate(each.inputs) if tensor.op.name in known]
        if each.type in ("GatherV2", "Gather") and taken == [1]:
            sizes.append(each.inputs[0].shape[0])
        elif each.type in ("OneHot", "DenseBincount", "Bincount") and taken == [0]:
            sizes.append(tf.get_static_value(each.inputs[1]))
        if taken and each.type in _LABEL_MOVES:
            known.add(each.name)
    return min((int(size) for size in sizes if size is not None), default=0)


def purify(function: Any, latent: int, batch: int | None, labelled: bool) -> PictureFunction:
    """Return a function of pure operations that computes the same; it has no variables or calls."""
    return _make_replay(_trace(function, latent, batch, labelled), batch or 1)


def _trace(function: Any, latent: int, batch: int | None, labelled: bool) -> _Traced:
    specs = [tf.TensorSpec([batch, latent], tf.float32, "z")]
    if labelled:
        specs.append(tf.TensorSpec([batch], tf.int32, "label"))
    call = function if labelled else lambda z: function(z, None)
    concrete = tf.function(call, autograph=False).get_concrete_function(*specs)
    variables = {id(each.handle): each for each in concrete.graph.variables}
    arrays = {
        inner.op.name: variables.get(id(outer), outer).numpy()
        for outer, inner in concrete.graph.captures
    }
    z, *label = [tensor.op.name for tensor in concrete.inputs[: len(specs)]]
    return _Traced(concrete.graph, arrays, z, "".join(label), concrete.outputs[0].name)


def _prune(traced: _Traced) -> Any:
    """Return the GraphDef of what the picture needs, for any number of rows. Raises GraphError."""
    definition, inputs = traced.graph.as_graph_def(), {traced.z, traced.label}
    needed, nodes = {traced.output.partition(":")[0], *inputs}, []
    for node in reversed(definition.node):  # each after its inputs
        if node.name in needed:
            nodes.append(node)
            needed.update(each.lstrip("^").partition(":")[0] for each in node.input)
            if node.op not in PURE and node.op != "Placeholder":
                raise GraphError(f"{node.name} ({node.op}) {explain_refusal(node.op)}")
    del definition.node[:]
    definition.node.extend(nodes[::-1])
    return set_rows(definition, inputs, -1)


def _make_replay(traced: _Traced, rows: int) -> PictureFunction:
    definition = traced.graph.as_graph_def()
    with tf.init_scope():
        weights = {name: tf.constant(array) for name, array in traced.arrays.items()}

    def replay(z: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        inputs = {**weights, traced.label: labels, traced.z: z}
        return GraphReplay(definition, inputs, rows=rows).evaluate(traced.output)

    return replay


def _hash_graph(definition: Any, traced: _Traced, labels: int) -> str:
    """Hash the operations, their settings and the weights, but no names and no order.

    A weight is the same whether it is a constant or a variable.
    """
    ends, digests = {traced.z: "z", traced.label: "label"}, dict[str, bytes]()

    def get_digest(text: str) -> bytes:
        name, _, number = text.partition(":")
        return digests[name] + number.encode()

    for node in definition.node:  # each after its inputs
        inputs = [get_digest(each) for each in node.input if not each.startswith("^")]
        array = traced.arrays.get(node.name)
        if node.op == "Const" and array is None:
            array = tf.make_ndarray(node.attr["value"].tensor)
        if node.op in _PASSED and len(inputs) == 1:
            digests[node.name] = inputs[0]
            continue
        if array is not None:
            content = [f"{array.dtype} {array.shape}".encode(), array.tobytes()]
        else:
            content = [f"{node.op} {ends.get(node.name, '')}".encode(), *inputs]
            for key in sorted(each for each in node.attr if not each.startswith("_")):
                setting = node.attr[key].SerializeToString(deterministic=True)
                content += [key.encode(), setting]
        digests[node.name] = hashlib.sha256(b"".join(content)).digest()
    output = get_digest(traced.output.removesuffix(":0"))
    return hashlib.sha256(f"traced labels{labels} {output.hex()}".encode()).hexdigest()


def _find_largest(kinds: list[Any]) -> int:
    """Return the values per image of the largest output. Raises GraphError."""
    sizes = [1]
    for each in kinds:
        for output in (o for n, o in enumerate(each.outputs) if n == 0 or o.consumers()):
            if not output.shape.is_fully_defined():
                raise GraphError(
                    f"{each.name} ({each.type}) makes values whose number depends on other values; "
                    "export the generator with fixed sizes"
                )
            sizes.append(output.shape.num_elements() // BATCH)
            if sizes[-1] > MAX_VALUES:
                raise GraphError(
                    f"{each.name} ({each.type}) makes {output.shape} values; is it a generator of "
                    "pictures?"
                )
    return max(sizes)


def _count_multiply_adds(operation: Any) -> int:
    kind: str = operation.type
    shapes: list[list[int]] = [each.shape.as_list() for each in operation.inputs]
    output: list[int] = operation.outputs[0].shape.as_list() if operation.outputs else []
    if kind.startswith(("Conv2D", "DepthwiseConv2d")):
        inner = shapes[2] if "Backprop" in kind else output
        return math.prod(inner[:3]) * math.prod(shapes[1])
    if "MatMul" in kind:
        is_turned = operation.get_attr("transpose_a" if kind == "MatMul" else "adj_x")
        return math.prod(output) * shapes[0][-2 if is_turned else -1]
    if kind == "Einsum":
        terms, kept = operation.get_attr("equation").decode().split("->")
        sizes: dict[str, int] = {}
        for term, shape in zip(terms.split(","), shapes, strict=True):
            first, _, last = term.partition("...")
            sizes |= dict(zip(first, shape, strict=False))
            sizes |= dict(zip(reversed(last), reversed(shape), strict=False))
        return math.prod(output) * math.prod(n for axis, n in sizes.items() if axis not in kept)
    return 0


def _find_range(traced: _Traced) -> tuple[PixelRange | None, str]:
    """Return the bounds of the output, and the bounded function that it ends in.

    The bounds of the function are moved by running the operations after it.
    """
    operation = traced.graph.get_tensor_by_name(traced.output).op
    while operation.type not in _BOUNDED:
        inputs = operation.inputs[:1] if operation.type in _MOVES else operation.inputs
        varying = [each.op for each in inputs if tf.get_static_value(each) is None]
        if operation.type not in _MOVES.union(_SUMS) or len(varying) != 1:
            return None, ""
        (operation,) = varying
    given = {
        f"{each.name}:0": traced.arrays.get(each.name, np.zeros(each.outputs[0].shape))
        for each in traced.graph.get_operations()
        if each.type == "Placeholder"
    }
    (end,) = operation.outputs
    with tf.compat.v1.Session(graph=traced.graph) as session:
        ends = [
            session.run(traced.output, {**given, end.name: np.full(end.shape, bound)})
            for bound in _BOUNDED[operation.type]
        ]
    low, high = sorted(float(each.flat[0]) for each in ends)
    if low == high or any(each.min() < each.max() for each in ends):
        return None, ""
    return (low, high), operation.type.lower()
