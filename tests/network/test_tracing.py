"""The measurements of a graph agree with the same network in layers."""

from collections.abc import Callable
from dataclasses import replace

import builders
import conditional
import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.network.replay import GraphError
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.network.tracing import count_labels, trace_network

KERNEL = np.ones((4, 4, 5, 3), np.float32)
MATRIX = np.random.default_rng(0).normal(size=(6, 48)).astype(np.float32)


def _draw(z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
    return tf.reshape(z @ MATRIX, (-1, 4, 4, 3))


def _trace(function: Callable[[tf.Tensor], tf.Tensor]) -> TracedNetwork:
    return trace_network(lambda z, _: function(z), 6)


@pytest.mark.parametrize(
    ("function", "adds"),
    [
        (lambda z: tf.nn.conv2d(_draw(z), tf.ones((3, 2, 3, 5)), (1, 2), "SAME"), 8 * 6 * 15),
        (lambda z: tf.nn.depthwise_conv2d(_draw(z), tf.ones((3, 3, 3, 1)), [1] * 4, "SAME"), 432),
        (lambda z: tf.nn.conv2d_transpose(_draw(z), KERNEL, (tf.shape(z)[0], 8, 8, 5), 2), 3840),
        (lambda z: tf.einsum("bhwc,cd->bhwd", _draw(z), tf.ones((3, 5))), 16 * 15),
        (lambda z: tf.matmul(_draw(z), tf.ones((1, 4, 3, 5))), 16 * 15),
        (lambda z: tf.tanh(_draw(z)), 0),
    ],
)
def test_multiply_adds_are_counted(function, adds):
    network = _trace(function)
    assert network.multiply_adds == 6 * 48 + adds
    assert network.image_shape[2] in (3, 5)
    assert network.largest_layer >= np.prod(network.image_shape)


RANGES = {
    "tanh": (lambda z: tf.tanh(_draw(z)), (-1, 1), "tanh"),
    "sigmoid in bytes": (lambda z: 255.0 * tf.sigmoid(_draw(z)), (0, 255), "sigmoid"),
    "the other way": (lambda z: 1.0 - tf.sigmoid(_draw(z)), (0, 1), "sigmoid"),
    "tanh to 0..1": (lambda z: (tf.tanh(_draw(z)) + 1.0) / 2.0, (0, 1), "tanh"),
    "moved": (lambda z: tf.reverse(tf.nn.softsign(_draw(z)), [1]), (-1, 1), "softsign"),
    "unbounded": (_draw, None, ""),
    "by channel": (lambda z: tf.tanh(_draw(z)) * [1.0, 2.0, 3.0], None, ""),
    "divided": (lambda z: 1.0 / (2.0 + tf.sigmoid(_draw(z))), None, ""),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_range_is_found_where_a_bounded_function_ends(name):
    function, expected, bounding = RANGES[name]
    network = _trace(function)
    assert network.output_range == expected
    assert network.output_function == bounding


def test_names_do_not_change_the_hash_and_all_else_does():
    def draw_named(z: tf.Tensor) -> tf.Tensor:
        with tf.name_scope("generator"):
            return tf.tanh(_draw(z), name="pictures")

    first = _trace(lambda z: tf.tanh(_draw(z)))
    assert _trace(draw_named).sha256 == first.sha256
    weights = tf.Variable(MATRIX)

    def draw(z: tf.Tensor) -> tf.Tensor:
        return tf.tanh(tf.reshape(z @ weights, (-1, 4, 4, 3)))

    assert _trace(draw).sha256 == first.sha256
    assert _trace(draw).parameters == first.parameters == MATRIX.size
    assert _trace(tf.function(lambda z: tf.identity(draw(z)))).sha256 == first.sha256
    weights.assign_add(tf.eye(6, 48))
    others = [
        _trace(draw).sha256,
        _trace(lambda z: tf.sin(_draw(z))).sha256,
        _trace(lambda z: tf.tanh(tf.reverse(_draw(z), [1]))).sha256,
        _trace(lambda z: tf.tanh(tf.reverse(_draw(z), [2]))).sha256,
        replace(first, pixel_range=(0.0, 1.0)).sha256,
    ]
    assert len({first.sha256, *others}) == 6


def test_labels_are_part_of_the_hash():
    checkpoint = builders.trace_layers(conditional.make_conditional_checkpoint())
    hashes = {make_generator(checkpoint, label=label).sha256 for label in range(3)}
    assert len({checkpoint.sha256, *hashes}) == 4


LABELS: dict[str, tuple[Callable[[tf.Tensor], tf.Tensor], int]] = {
    "a table": (lambda label: tf.gather(tf.ones((7, 6)), label), 7),
    "one-hot": (lambda label: tf.one_hot(tf.minimum(label, 9), 5) @ tf.ones((5, 6)), 5),
    "a number": (lambda label: tf.cast(label, tf.float32)[:, None], 0),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_counted_by_what_they_are_looked_up_in(name):
    function, count = LABELS[name]
    assert count_labels(lambda z, label: _draw(z + function(label)), 6) == count


def test_sizes_that_depend_on_values_are_refused():
    def draw(z: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.tile(z @ MATRIX, [1, tf.cast(z[0, 0], tf.int32)]), (2, 4, 4, 3))

    with pytest.raises(GraphError, match="whose number depends on other values"):
        _trace(draw)
