"""Jacobian–vector products of a graph of operations, in forward mode.

A linear operation is applied to the tangent, a pointwise one multiplies it by a derivative that is
computed once for all tangents, and for the others TensorFlow differentiates u -> Jᵀu.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import tensorflow as tf

from ganinv_cli.generators.network.operations.allowed import (
    CONSTANT,
    JOINS,
    MOVES,
    POINTWISE,
    PRODUCTS,
    SUMS,
)
from ganinv_cli.generators.network.operations.evaluate import OperationGraph, Output, Values

_Tensors = Sequence[tf.Tensor | None]  # one for each input of a node
_Create = Callable[[_Tensors], list[tf.Tensor]]  # the outputs of a node
_Rule = Callable[[_Tensors], list[tf.Tensor]]  # from tangents (None: 0) to those of the outputs


def push_forward(graph: OperationGraph, values: Values, tangents: tf.Tensor) -> tf.Tensor:
    """Return the tangents (n, height, width, channels) of the image, in the type of those of z.

    `values` are those of one z, and `tangents` (n, latent).
    """
    rules = {
        node.name: _prepare_rule(graph, node, values, tangents.dtype)
        for node in graph.nodes
        if node.name in graph.varying and node.op not in CONSTANT
    }

    def push_one(tangent: tf.Tensor) -> tf.Tensor:
        moved = {Output(graph.z, 0): tangent[None]}
        for name, rule in rules.items():
            given = [moved.get(each) for each in graph.inputs[name]]
            if any(each is not None for each in given):
                outputs = rule(given)
                moved |= {Output(name, number): each for number, each in enumerate(outputs)}
        end = moved.get(graph.output)
        return tf.zeros_like(values[graph.output], tangent.dtype) if end is None else end

    return tf.vectorized_map(push_one, tangents)[:, 0]


def _prepare_rule(graph: OperationGraph, node: Any, values: Values, precision: tf.DType) -> _Rule:
    sources = graph.inputs[node.name]
    points = [values.get(each) for each in sources]
    places = [place for place, each in enumerate(sources) if each.node in graph.varying]
    create = partial(graph.create, node, precision=precision, is_tangent=True)
    output = values[Output(node.name, 0)]
    if node.op in PRODUCTS:
        return partial(_push_product, create, points)
    if node.op in SUMS:
        return partial(_push_sum, node.op, output.shape)
    if node.op in POINTWISE:
        create_again = partial(graph.create, node, precision=output.dtype)
        return partial(_scale, _differentiate_pointwise(create_again, points, places, output))
    if node.op in JOINS:
        points = [_make_zeros(graph, *each) for each in zip(sources, points, strict=True)]
        return partial(_replace, create, points)
    if node.op in MOVES and len(places) == 1:
        return partial(_replace, create, points)
    return partial(_differentiate_twice, create, points)


def _replace(create: _Create, points: _Tensors, tangents: _Tensors) -> list[tf.Tensor]:
    pairs = zip(points, tangents, strict=True)
    return create([point if tangent is None else tangent for point, tangent in pairs])


def _push_product(create: _Create, points: _Tensors, tangents: _Tensors) -> list[tf.Tensor]:
    moved = []
    for place, tangent in enumerate(tangents):
        if tangent is not None:
            moved += create([*points[:place], tangent, *points[place + 1 :]])
    return [reduce(tf.add, moved)]


def _push_sum(kind: str, shape: tf.TensorShape, tangents: _Tensors) -> list[tf.Tensor]:
    if kind == "Sub" and tangents[1] is not None:
        tangents = tangents[0], -tangents[1]
    moved = reduce(tf.add, (each for each in tangents if each is not None))
    return [moved if moved.shape == shape else tf.broadcast_to(moved, shape)]


def _scale(derivatives: _Tensors, tangents: _Tensors) -> list[tf.Tensor]:
    products = [
        tangent * tf.cast(derivative, tangent.dtype)
        for derivative, tangent in zip(derivatives, tangents, strict=True)
        if tangent is not None
    ]
    return [reduce(tf.add, products)]


def _differentiate_pointwise(
    create: _Create, points: _Tensors, places: Sequence[int], output: tf.Tensor
) -> _Tensors:
    """Return the derivatives of the output along the inputs at `places`, each in its shape."""
    inputs = list(points)
    for place in places:
        inputs[place] = tf.broadcast_to(tf.cast(points[place], output.dtype), tf.shape(output))
    found = tf.gradients(create(inputs), [inputs[n] for n in places], tf.ones_like(output))
    derivatives: list[tf.Tensor | None] = [None] * len(inputs)
    for place, derivative in zip(places, found, strict=True):
        derivatives[place] = derivative
    return derivatives


def _make_zeros(graph: OperationGraph, source: Output, point: Any) -> tf.Tensor:
    """Return the zeros that stand for a tangent; numbers without a derivative are kept."""
    value: Any = graph.arrays[source.node] if point is None else point
    is_floating = tf.as_dtype(value.dtype).is_floating
    return tf.zeros(value.shape, value.dtype) if is_floating else tf.convert_to_tensor(value)


def _differentiate_twice(create: _Create, points: _Tensors, tangents: _Tensors) -> list[tf.Tensor]:
    """Differentiate u -> Jᵀu, which is linear, along the tangents."""
    given = [None if each is None else tf.identity(each) for each in points]
    pairs = zip(given, tangents, strict=True)
    moving = [(x, each) for x, each in pairs if x is not None and each is not None]
    (output, *_), zero = create(given), tf.UnconnectedGradients.ZERO
    weights = tf.ones_like(output)
    inputs, moves = zip(*((x, tf.cast(each, x.dtype)) for x, each in moving), strict=True)
    pulled = tf.gradients(output, inputs, weights, unconnected_gradients=zero)
    (moved,) = tf.gradients(pulled, weights, moves, unconnected_gradients=zero)
    return [moved]
