"""A generator with channels first makes the pictures of the same one with channels last."""

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


def _generator(order: str) -> keras.Model:
    """The same layers in either axis order; the dense layer's outputs are (channels, 4, 5)."""
    keras.utils.clear_session()
    first = order == "channels_first"
    axis = 1 if first else -1
    z = keras.Input((km.LATENT,))
    x = kl.Reshape((6, 4, 5))(kl.Dense(120)(z))
    x = x if first else kl.Permute((2, 3, 1))(x)
    x = kl.BatchNormalization(axis=axis)(x)
    y = kl.Conv2D(6, 3, padding="same", data_format=order, activation="relu")(x)
    x = kl.Concatenate(axis=axis)([x, kl.Add()([x, y])])
    x = kl.Conv2DTranspose(5, 5, (2, 1), padding="same", data_format=order)(x)
    x = kl.GroupNormalization(5, axis=axis)(x)
    x = kl.PReLU(shared_axes=[2, 3] if first else [1, 2])(x)
    x = kl.UpSampling2D((1, 2), data_format=order)(x)
    x = kl.ZeroPadding2D(((1, 0), (2, 1)), data_format=order)(x)
    flat = kl.Dense(6)(kl.Flatten(data_format=order)(x))
    x = kl.Conv2D(6, (2, 3), data_format=order)(x)
    x = kl.Multiply()([x, kl.Reshape((6, 1, 1) if first else (1, 1, 6))(flat)])
    x = kl.Conv2D(3, 3, padding="same", data_format=order, activation="tanh")(x)
    return keras.Model(z, x)


def test_channels_first_makes_the_pictures_of_channels_last(tmp_path: Path) -> None:
    last = km.randomize_weights(_generator("channels_last"))
    expected = km.render_images(last, Z)
    first = _generator("channels_first")
    weights = zip(last.get_weights(), first.get_weights(), strict=True)
    first.set_weights([value.reshape(like.shape) for value, like in weights])
    checkpoint = formats.read(km.save_model(tmp_path, first))
    made = make_generator(checkpoint)(tf.constant(Z)).numpy()
    np.testing.assert_allclose(made, expected, atol=1e-5, rtol=0)
