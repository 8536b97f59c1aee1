"""A Python function on TensorFlow tensors becomes a network that makes the same pictures."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from saved_models import LATENT, Z, make_variable

from ganinv_cli.generators.formats.complete import complete_generator
from ganinv_cli.generators.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.generators.formats.trace_function import FunctionInput, trace_function
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.make_generator import TracedGenerator
from ganinv_cli.prior import Normal
from ganinv_cli.settings.conventions import Conventions

LATENT_INPUT = FunctionInput("z", tf.float32, (None, LATENT))
LABEL_INPUT = FunctionInput("label", tf.int32, (None,))
LABELS = np.array([2, 0, 1], np.int32)
MATRIX, TABLE = make_variable(LATENT, 48), make_variable(3, LATENT, seed=1, scale=1)


def _draw(z: tf.Tensor) -> tf.Tensor:
    return tf.tanh(tf.reshape(z @ tf.cast(MATRIX, z.dtype), (-1, 4, 4, 3)))


@tf.function(autograph=False)
def _draw_twice(z: tf.Tensor) -> tf.Tensor:
    inner = tf.function(lambda x: _draw(x) ** 2, autograph=False)
    is_matrix = tf.rank(z) == 2  # known when it is traced
    return tf.cond(is_matrix, lambda: inner(z) + inner(2.0 * z), lambda: _draw(z))


def _draw_label(z: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    return _draw(z + tf.gather(TABLE, label))


def _draw_one_hot(z: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    return _draw(z + tf.one_hot(tf.minimum(label, 9), 3) @ TABLE)


def _draw_softly(z: tf.Tensor) -> tf.Tensor:
    weights = tf.nn.softmax(tf.einsum("bi,ij->bj", z, tf.ones((LATENT, 4))) * z[:, :4])
    mixed = tf.concat([weights * tf.cumsum(weights, 1), tf.math.erf(z[:, 4:])], 1)
    return _draw(mixed) / (1 + tf.reduce_mean(z**2, 1))[:, None, None, None]


SMOOTH: dict[str, Callable[..., tf.Tensor]] = {
    "plain": _draw,
    "nested": _draw_twice,
    "label": _draw_label,
    "one-hot label": _draw_one_hot,
    "softly": _draw_softly,
    "first": lambda z: tf.reshape(tf.sin(z @ MATRIX), (-1, 3, 4, 4)),
}


def _trace(function: Callable[..., tf.Tensor], *inputs: FunctionInput) -> TracedNetwork:
    return trace_function(function, inputs or (LATENT_INPUT,))


def _make_generator(network: TracedNetwork) -> TracedGenerator:
    return TracedGenerator(network, Normal(1, 0.99))


def _trace_smooth(name: str) -> tuple[TracedGenerator, tuple[Any, ...]]:
    """Return the generator of a smooth function, and its labels, in a tuple that may be empty."""
    labels = (tf.constant(LABELS),) if "label" in name else ()
    network = _trace(SMOOTH[name], LATENT_INPUT, *(LABEL_INPUT for _ in labels))
    return _make_generator(pickle.loads(pickle.dumps(network))), labels


@pytest.mark.parametrize("name", SMOOTH)
def test_pictures_are_those_of_the_function(name):
    generator, labels = _trace_smooth(name)
    expected = SMOOTH[name](tf.constant(Z), *labels).numpy()
    if name == "first":
        expected = expected.transpose(0, 2, 3, 1)
    made = generator(tf.constant(Z), labels=labels[0] if labels else None).numpy()
    np.testing.assert_allclose(made, expected, atol=1e-5, rtol=1e-6)
    assert generator.labels == (3 if labels else 0)


def test_one_hot_labels_and_training_are_known_by_their_names():
    def draw(training: tf.Tensor, z: tf.Tensor, one_hot: tf.Tensor) -> tf.Tensor:
        return tf.cond(training, lambda: z[:, 0], lambda: _draw(z + one_hot @ TABLE))

    generator = _make_generator(
        _trace(
            draw,
            FunctionInput("training", tf.bool, ()),
            LATENT_INPUT,
            FunctionInput("one_hot", tf.float32, (None, 3)),
        )
    )
    made = generator(tf.constant(Z), labels=tf.constant(LABELS))
    np.testing.assert_allclose(made, _draw_label(tf.constant(Z), tf.constant(LABELS)), atol=1e-6)


def test_the_number_of_labels_may_be_given():
    def draw(z: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        return _draw(z + tf.sin(tf.cast(label, tf.float32))[:, None])

    with pytest.raises(UnreadableError, match="does not say how many labels label"):
        _trace(draw, LATENT_INPUT, LABEL_INPUT)
    assert trace_function(draw, [LATENT_INPUT, LABEL_INPUT], labels=7).labels == 7


def _draw_in_training(z: tf.Tensor) -> tf.Tensor:
    pictures = tf.reshape(z @ MATRIX, (-1, 4, 4, 3))
    mean, variance = tf.nn.moments(pictures, (0, 1, 2))
    return tf.tanh((pictures - mean) / tf.sqrt(variance + 1e-3))


def _draw_as_often_as_z_says(z: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.tile(z @ MATRIX, [1, tf.cast(z[0, 0], tf.int32)]), (2, 4, 4, 3))


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "sizes of values": (_draw_as_often_as_z_says, "whose number depends on other values"),
    "training": (_draw_in_training, "other pictures of their batch, such as by a batch norm"),
    "training, faintly": (lambda z: 1e-4 * _draw_in_training(z), "other pictures of their batch"),
    "constant": (lambda z: tf.ones((tf.shape(z)[0], 4, 4, 3)), "the same picture whatever"),
    "flat": (lambda z: z @ MATRIX, r"pictures \(batch, height, width, channels\)"),
    "one for all": (lambda z: tf.reduce_sum(_draw(z), 0, keepdims=True), "from 2 latent vectors"),
    "video": (lambda z: _draw(z)[:, None], "pictures"),
    "NaN": (lambda z: _draw(z) / tf.zeros(()), "not finite"),
    "whole numbers": (lambda z: tf.cast(_draw(z) * 255, tf.uint8), "pictures of uint8"),
    "map": (lambda z: tf.map_fn(lambda x: x * 2, _draw(z)), r"TensorList\w*\) belongs to a loop"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_generator_is_refused(name):
    function, words = REFUSED[name]
    with pytest.raises(UnreadableError, match=words):
        _trace(function)


INPUTS: dict[str, tuple[tuple[FunctionInput, ...], str]] = {
    "none": ((FunctionInput("label", tf.int32, (None,)),), "has the inputs label"),
    "two": ((LATENT_INPUT, FunctionInput("noise", tf.float32, (None, 3))), "noise .batch, 3"),
    "two labels": ((LATENT_INPUT, LABEL_INPUT, LABEL_INPUT), "at most a label"),
    "no length": ((FunctionInput("z", tf.float32, (None, None, 2)),), "--latent 4,2"),
    "no axis": ((FunctionInput("z", tf.float32, (None,)),), r"with the shape \(None"),
    "too long": ((FunctionInput("z", tf.float32, (None, 256, 256, 9)),), "1 to 16,384"),
    "wide labels": ((LATENT_INPUT, FunctionInput("y", tf.int32, (None, 4))), "one integer per"),
    "text": ((LATENT_INPUT, FunctionInput("name", tf.string, (None,))), "has the inputs"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_that_are_no_generators_are_refused(name):
    inputs, words = INPUTS[name]
    with pytest.raises(UnreadableError, match=words):
        _trace(lambda z, *_: _draw(z), *inputs)


def test_a_generator_that_normalizes_z_says_that_its_length_is_lost():
    def draw_direction(z: tf.Tensor) -> tf.Tensor:
        return _draw(z / tf.norm(z, axis=1, keepdims=True))

    assert trace_function(draw_direction, [LATENT_INPUT]).ignores_length
    assert not trace_function(_draw, [LATENT_INPUT]).ignores_length
    network = trace_function(draw_direction, [LATENT_INPUT])
    definition = complete_generator(
        UnfinishedGenerator(network, "Python", "traced", "g.py"), Conventions()
    )
    assert "direction of z alone" in definition.notes[0]
