"""Small generators in Keras, one for each way in which its users build them."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers as kl

from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.make_generator import make_generator

LATENT, LABELS = 6, 5
Z = np.random.default_rng(1).normal(size=(3, LATENT)).astype(np.float32)

MODELS: dict[str, Callable[[], keras.Model]] = {}


def register_model(build: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
    """Adds a builder to those that every file layout is tested with."""
    MODELS[build.__name__] = build
    return build


def randomize_weights(made: keras.Model, seed: int = 0) -> keras.Model:
    """With random weights, moving statistics and scales among them, so that each one counts."""
    random = np.random.default_rng(seed)
    for variable in made.weights:
        shape, name = tuple(variable.shape), variable.path.rpartition("/")[2]
        if name in ("gamma", "moving_variance"):
            values = random.uniform(0.5, 1.5, shape)
        elif name in ("beta", "bias", "moving_mean", "alpha"):
            values = random.normal(0, 0.2, shape)
        elif np.issubdtype(np.dtype(variable.dtype), np.floating):
            values = random.normal(0, 1 / np.sqrt(max(np.prod(shape[:-1]), 1)), shape)
        else:
            continue  # the state of a random layer
        variable.assign(values)
    return made


def build_model(name: str, seed: int = 0) -> keras.Model:
    """One of MODELS with random weights; names of layers are the same each time."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    return randomize_weights(MODELS[name](), seed)


def save_model(folder: Path, made: keras.Model, name: str = "generator.keras") -> Path:
    """What Keras writes under that name, its kind told by the ending."""
    path = folder / name
    (made.save_weights if name.endswith(".weights.h5") else made.save)(path)
    return path


def assert_pictures(
    definition: Definition, expected: np.ndarray, z: np.ndarray = Z, labels: object = None
) -> None:
    """The generator makes these pictures, within the rounding of float32."""
    assert np.ptp(expected) > 0.02  # not all alike
    pictures = make_generator(definition)(tf.constant(z), labels=labels)
    np.testing.assert_allclose(pictures, expected, atol=1e-5, rtol=0)


def render_images(made: keras.Model, z: np.ndarray = Z) -> np.ndarray:
    """Keras's own."""
    return np.asarray(made(z, training=False))


def build_dcgan(
    side: int, widths: tuple[int, ...], channels: int = 3, kernel: int = 5
) -> keras.Model:
    """As in the tutorials: dense, reshape, then transposed convolutions with norms between."""
    layers: list[keras.Layer] = [keras.Input((LATENT,))]
    layers += [
        kl.Dense(side * side * widths[0], use_bias=False),
        kl.Reshape((side, side, widths[0])),
    ]
    for width in widths[1:]:
        layers += [kl.BatchNormalization(), kl.LeakyReLU()]
        layers += [kl.Conv2DTranspose(width, kernel, strides=2, padding="same", use_bias=False)]
    layers += [kl.BatchNormalization(), kl.LeakyReLU(0.2)]
    last = kl.Conv2DTranspose(channels, kernel, strides=2, padding="same", activation="tanh")
    return keras.Sequential([*layers, last], name="generator")


@register_model
def dcgan_16() -> keras.Model:
    return build_dcgan(4, (8, 6))


@register_model
def valid_and_odd() -> keras.Model:
    """No padding, a kernel smaller than its stride, sides that differ, output_padding."""
    return _make_sequential(
        kl.Dense(2 * 3 * 4),
        kl.Reshape((2, 3, 4)),
        kl.Conv2DTranspose(5, (3, 2), strides=(2, 1), activation="relu"),
        kl.Conv2DTranspose(4, 2, strides=3, padding="valid", activation="elu"),
        kl.Conv2DTranspose(4, 2, strides=3, padding="same", activation="selu"),
        kl.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1),
        kl.Conv2DTranspose(4, 4, strides=2, padding="valid", output_padding=(0, 1)),
        kl.Conv2D(3, 3, activation="tanh"),
    )


@register_model
def upsampled() -> keras.Model:
    return _make_sequential(
        kl.Dense(4 * 4 * 6, activation="relu"),
        kl.Reshape((4, 4, 6)),
        kl.UpSampling2D(),
        kl.Conv2D(6, 3, padding="same"),
        kl.BatchNormalization(momentum=0.8),
        kl.ReLU(),
        kl.UpSampling2D((2, 3), interpolation="bilinear"),
        kl.Conv2D(5, (2, 4), padding="same", strides=(1, 2)),
        kl.ELU(0.7),
        kl.UpSampling2D(2),
        kl.ZeroPadding2D(((1, 2), (0, 1))),
        kl.Cropping2D(((0, 1), (2, 0))),
        kl.Conv2D(1, 7, padding="same", activation="sigmoid"),
    )


@register_model
def norms_anywhere() -> keras.Model:
    """Before an activation, behind one, first of all, without a scale, without a shift."""
    return _make_sequential(
        kl.BatchNormalization(),
        kl.Dense(4 * 4 * 4),
        kl.BatchNormalization(scale=False),
        kl.Activation("relu"),
        kl.Dropout(0.3),
        kl.Reshape((4, 4, 4)),
        kl.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
        kl.BatchNormalization(center=False, epsilon=1e-5),
        kl.GaussianNoise(0.1),
        kl.Conv2D(4, 3, padding="same", activation="swish"),
        kl.Conv2D(3, 3, padding="same", activation="tanh"),
        kl.Rescaling(0.5, offset=0.5),
        kl.Rescaling(2.0, offset=-1),
    )


@register_model
def many_activations() -> keras.Model:
    return _make_sequential(
        kl.Dense(64, activation="softplus"),
        kl.Dense(64, activation="gelu"),
        kl.Dense(64, activation="hard_sigmoid"),
        kl.Dense(64, activation=kl.LeakyReLU(0.15)),
        kl.Dense(64, activation="leaky_relu"),
        kl.Dense(64, activation="softsign"),
        kl.Dense(64, activation="exponential"),
        kl.Reshape((4, 4, 4)),
        kl.ReLU(6.0),
        kl.Conv2D(4, 1, activation="relu6"),
        kl.ReLU(negative_slope=0.1),
        kl.Conv2DTranspose(3, 4, 2, padding="same", activation=keras.activations.tanh),
    )


@register_model
def convolutions() -> keras.Model:
    return _make_sequential(
        kl.Dense(6 * 6 * 4),
        kl.Reshape((-1, 6, 4)),
        kl.Conv2D(4, 3, padding="same", groups=2, activation="relu"),
        kl.Conv2D(4, 3, padding="same", dilation_rate=2),
        kl.SpectralNormalization(kl.Conv2D(4, 3, padding="same", activation="relu")),
        kl.Permute((2, 1, 3)),
        kl.Conv2D(4, (1, 3), strides=(1, 2), padding="same"),
        kl.Flatten(),
        kl.Dense(48),
        kl.Reshape((4, 4, 3)),
        kl.Activation("tanh"),
    )


@register_model
def residual() -> keras.Model:
    """Sums, products and skips, of layers and of arithmetic."""
    z = keras.Input((LATENT,))
    skip = kl.Dense(4)(z)
    x = kl.Reshape((4, 4, 4))(kl.Dense(64)(z))
    y = kl.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = kl.Add()([x, kl.Conv2D(4, 3, padding="same")(y)])
    x = x + y * kl.Multiply()([x, kl.Reshape((1, 1, 4))(skip)])
    x = kl.Concatenate()([x, y])
    x = kl.Conv2DTranspose(3, 4, (1, 2), padding="same")(x)
    return keras.Model(z, kl.Activation("tanh")(x))


@register_model
def nested() -> keras.Model:
    """Models in a model, one of them used twice, a layer used twice."""
    block = keras.Sequential(
        [
            keras.Input((4, 4, 4)),
            kl.Conv2D(4, 3, padding="same"),
            kl.BatchNormalization(),
            kl.ReLU(),
            kl.Conv2D(4, 3, padding="same"),
            kl.BatchNormalization(),
        ],
        name="block",
    )
    start = keras.Input((LATENT,))
    mapped = kl.Reshape((4, 4, 4))(kl.BatchNormalization()(kl.Dense(64)(start)))
    mapping = keras.Model(start, mapped, name="mapping")
    z = keras.Input((LATENT,))
    shared = kl.Conv2D(4, 1)
    x = block(shared(block(shared(mapping(z)))))
    return keras.Model(z, kl.Conv2DTranspose(3, 5, 2, padding="same", activation="tanh")(x))


def _make_sequential(*layers: keras.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((LATENT,)), *layers])
