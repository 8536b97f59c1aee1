"""A traced generator makes the pictures of the same layers, and is measured as they are."""

import pickle
from collections.abc import Callable
from dataclasses import replace

import builders
import conditional
import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.generators.network.generator import (
    compute_jacobian,
    compute_singular_values,
    find_rounding,
)
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.generators.network.operations.generator import TracedGenerator
from ganinv_cli.generators.network.operations.trace_network import trace_network
from ganinv_cli.prior import Uniform

LATENT = 6


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    definition = builders.make_definition(tmp_path_factory.mktemp("g"))
    return make_generator(pickle.loads(pickle.dumps(builders.trace_layers(definition))))


@pytest.fixture
def z():
    return np.random.default_rng(1).uniform(-1, 1, (5, LATENT)).astype(np.float32)


def test_pictures_and_derivatives_are_those_of_the_layers(generator, traced, z):
    np.testing.assert_allclose(traced(z), generator(z), atol=1e-6)
    np.testing.assert_allclose(traced.render(z, 2), generator.render(z, 2), atol=1e-6)
    expected = compute_jacobian(generator, z[0])
    found = compute_jacobian(traced, z[0])
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    values = compute_singular_values(traced, z[0])
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, compute_singular_values(generator, z[0]), rtol=1e-5)


def test_labels_are_given_or_fixed():
    definition = conditional.make_conditional_definition()
    layered, traced = (
        make_generator(each) for each in (definition, builders.trace_layers(definition))
    )
    random = np.random.default_rng(0)
    z = random.uniform(-1, 1, (6, LATENT)).astype(np.float32)
    labels = tf.constant([0, 1, 2, 2, 1, 0])
    np.testing.assert_allclose(traced(z, labels=labels), layered(z, labels=labels), atol=1e-6)
    for label in range(3):
        fixed = make_generator(builders.trace_layers(definition), label=label)
        assert fixed.labels == 0
        expected = layered(z, labels=tf.fill([6], label))
        np.testing.assert_allclose(fixed(z), expected, atol=1e-6)
        np.testing.assert_allclose(
            compute_jacobian(traced, z[0], label), compute_jacobian(fixed, z[0]), atol=1e-6
        )


def test_directions_that_do_not_move_the_picture_have_no_singular_value():
    """Values within rounding are 0, so rounding does not increase the rank."""
    random = np.random.default_rng(2)
    first, second = random.normal(size=(100, 80)), random.normal(size=(80, 1024)) / 30
    kernel = (random.normal(size=(5, 5, 3, 64)) / 20).astype(np.float32)

    def draw(z: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(tf.nn.relu(z @ first.astype("f4") @ second.astype("f4")), (-1, 4, 4, 64))
        return tf.tanh(tf.nn.conv2d_transpose(x, kernel, (tf.shape(x)[0], 8, 8, 3), 2))

    z_input = builders.FunctionInput("z", tf.float32, (None, 100))
    generator = make_generator(builders.trace_definition(draw, z_input))
    values = compute_singular_values(generator, random.uniform(-1, 1, 100))
    assert np.count_nonzero(values > find_rounding(generator) * values[0]) == 80
    assert values[79] > 1e-4 * values[0]


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


def test_dilated_and_grouped_convolutions_are_differentiated_on_any_processor():
    dilated, grouped = np.random.default_rng(0).normal(size=(2, 3, 3, 3, 3)).astype(np.float32)

    def draw(z: tf.Tensor) -> tf.Tensor:
        x = tf.nn.conv2d(_draw(z), dilated, 1, "SAME", dilations=2)
        x = tf.nn.conv2d(tf.nn.tanh(x), grouped[:, :, :1], 1, "SAME")
        return tf.nn.depthwise_conv2d(x, grouped[:, :, :, :1], [1] * 4, "SAME", dilations=(2, 2))

    generator = TracedGenerator(_trace(draw), Uniform())
    z, step = np.random.default_rng(1).normal(size=(1, 6)), 1e-6 * np.eye(6)
    difference = (generator(z + step) - generator(z - step)) / 2e-6
    np.testing.assert_allclose(generator.jvp(z, np.eye(6)), difference, atol=1e-7)
    with tf.GradientTape() as tape:
        point = tf.constant(z)
        tape.watch(point)
        loss = tf.reduce_sum(generator(point))
    expected = tf.reduce_sum(difference, [1, 2, 3])[None]
    np.testing.assert_allclose(tape.gradient(loss, point), expected, atol=1e-6)


def test_products_of_matrices_that_both_depend_on_z_are_differentiated():
    """For a hundred tangents at once, at which an operation of TensorFlow ends the process."""
    matrix = np.random.default_rng(0).normal(0, 0.1, (6, 64 * 48)).astype(np.float32)

    def draw(z: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(z @ matrix, (-1, 64, 48))
        return tf.reshape(tf.matmul(x, tf.sin(x), transpose_b=True) / 7, (-1, 64, 64, 1))

    generator = TracedGenerator(_trace(draw), Uniform())
    z, v = (np.random.default_rng(1).normal(size=(rows, 6)) for rows in (1, 100))
    expected = generator.jvp(z, v).numpy()
    moved = generator.jvp(z.astype(np.float32), v.astype(np.float32))
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    difference = (generator(z + 1e-6 * v[:1]) - generator(z - 1e-6 * v[:1])) / 2e-6
    np.testing.assert_allclose(expected[:1], difference, atol=1e-7)
