"""Conditional generators of Keras: the label input is found and translated."""

from collections.abc import Callable
from pathlib import Path

import keras
import keras_models as km
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

from ganinv_cli import formats
from ganinv_cli.network.make_generator import make_generator

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Z = np.random.default_rng(1).normal(size=(3, km.LATENT)).astype(np.float32)
LABEL = np.array([4, 0, 2])
HOT = np.eye(km.LABELS, dtype=np.float32)[LABEL]


def _ending(x: keras.KerasTensor, side: int = 4) -> keras.KerasTensor:
    x = kl.Reshape((side, side, 4))(kl.Dense(side * side * 4, activation="relu")(x))
    return kl.Conv2DTranspose(1, 5, 2, padding="same", activation="tanh")(x)


def embedded_and_concatenated() -> keras.Model:
    z, y = keras.Input((km.LATENT,)), keras.Input((1,), dtype="int32")
    table = kl.Flatten()(kl.Embedding(km.LABELS, 3)(y))
    return keras.Model([z, y], _ending(kl.Concatenate()([z, table])))


def embedded_times_z() -> keras.Model:
    """The label is the first input, a float with another name; the Embedding identifies it."""
    y, z = keras.Input((1,), name="a"), keras.Input((km.LATENT,), name="b")
    table = kl.Embedding(km.LABELS, km.LATENT)(kl.Flatten()(y))
    return keras.Model([y, z], _ending(kl.Multiply()([z, kl.Flatten()(table)])))


def a_map_of_the_label() -> keras.Model:
    """As one more channel of the first map."""
    z, y = keras.Input((km.LATENT,)), keras.Input((1,), dtype="int32")
    table = kl.Reshape((7, 7, 1))(kl.Dense(49)(kl.Embedding(km.LABELS, 3)(y)))
    x = kl.Reshape((7, 7, 4))(kl.LeakyReLU()(kl.Dense(196)(z)))
    x = kl.Concatenate()([x, table])
    return keras.Model([z, y], kl.Conv2DTranspose(1, 4, 2, padding="same", activation="tanh")(x))


def one_hot() -> keras.Model:
    z, y = keras.Input((km.LATENT,)), keras.Input((km.LABELS,), name="class_label")
    return keras.Model([z, y], _ending(kl.Concatenate(axis=1)([y, z])))


def encoded() -> keras.Model:
    z, y = keras.Input((km.LATENT,)), keras.Input((1,), dtype="int32")
    hot = kl.CategoryEncoding(km.LABELS, output_mode="one_hot")(y)
    return keras.Model([z, y], _ending(kl.Concatenate()([z, hot])))


@pytest.mark.parametrize(
    ("build", "label"),
    [
        (embedded_and_concatenated, LABEL[:, None]),
        (embedded_times_z, LABEL[:, None]),
        (a_map_of_the_label, LABEL[:, None]),
        (one_hot, HOT),
        (encoded, LABEL[:, None]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_label_makes_kerass_own_pictures(
    build: Callable[[], keras.Model], label: np.ndarray, tmp_path: Path
) -> None:
    keras.utils.clear_session()
    model = km.randomize_weights(build())
    given = [label, Z] if build is embedded_times_z else [Z, label]
    expected = np.asarray(model(given, training=False))
    checkpoint = formats.read(km.save_model(tmp_path, model))
    assert checkpoint.network.labels == km.LABELS
    made = make_generator(checkpoint)(tf.constant(Z), labels=tf.constant(LABEL)).numpy()
    np.testing.assert_allclose(made, expected, atol=1e-5, rtol=0)
    alone = make_generator(checkpoint, label=4)(tf.constant(Z[:1])).numpy()
    np.testing.assert_allclose(alone, expected[:1], atol=1e-5, rtol=0)


def test_where_nothing_tells_the_smaller_input_is_taken_for_the_label_and_that_is_said(
    tmp_path: Path,
) -> None:
    a, b = keras.Input((km.LABELS,), name="first"), keras.Input((km.LATENT,), name="second")
    path = km.save_model(tmp_path, keras.Model([a, b], _ending(kl.Concatenate()([a, b]))))
    checkpoint = formats.read(path)
    assert (checkpoint.network.latent, checkpoint.network.labels) == (km.LATENT, km.LABELS)
    assert any("label in the input 'first'" in clause for clause in checkpoint.assumed)
