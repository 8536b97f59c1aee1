"""Write tests/data/keras/trained.keras: python tests/support/exported/keras_trained.py.

A DCGAN of Keras 3 whose last stride is 1, after 500 steps on pictures of a blurred dot (a minute).
"""

from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

FILE = Path(__file__).parents[2] / "data" / "keras" / "trained.keras"
LATENT, WIDTH, BATCH, STEPS = 16, 8, 32, 500


def draw_dots(random: np.random.Generator) -> np.ndarray:
    """Pictures (BATCH, 28, 28, 1) in [-1, 1]."""
    rows, columns = np.mgrid[:28, :28]
    centre, radius = random.uniform(8, 20, (BATCH, 2, 1, 1)), random.uniform(2, 6, (BATCH, 1, 1))
    squares = (rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2
    return (2 * np.exp(-squares / (2 * radius**2)) - 1)[..., None].astype(np.float32)


def make_generator() -> keras.Model:
    up = partial(layers.Conv2DTranspose, kernel_size=5, padding="same", use_bias=False)
    stack = [layers.Input((LATENT,)), layers.Dense(7 * 7 * 4 * WIDTH, use_bias=False)]
    stack += [layers.BatchNormalization(), layers.LeakyReLU(), layers.Reshape((7, 7, 4 * WIDTH))]
    for channels in (2 * WIDTH, WIDTH):
        stack += [up(channels, strides=2), layers.BatchNormalization(), layers.LeakyReLU()]
    return keras.Sequential([*stack, up(1, strides=1, activation="tanh")])


def make_discriminator() -> keras.Model:
    down = partial(layers.Conv2D, kernel_size=5, strides=2, padding="same")
    stack = [down(WIDTH), layers.LeakyReLU(), down(2 * WIDTH), layers.LeakyReLU()]
    return keras.Sequential([layers.Input((28, 28, 1)), *stack, layers.Flatten(), layers.Dense(1)])


def train() -> keras.Model:
    """The generator after some steps against the discriminator."""
    keras.utils.set_random_seed(0)
    random, cross_entropy = np.random.default_rng(0), keras.losses.BinaryCrossentropy(True)
    generator, discriminator = make_generator(), make_discriminator()
    optimizers = [keras.optimizers.Adam(5e-4, 0.5) for _ in range(2)]

    @tf.function
    def step(pictures: tf.Tensor) -> None:
        with tf.GradientTape(persistent=True) as tape:
            painted = generator(tf.random.normal((BATCH, LATENT)), training=True)
            real, other = discriminator(pictures), discriminator(painted)
            deceived = cross_entropy(tf.ones_like(other), other)
            found = cross_entropy(tf.ones_like(real), real)
            found += cross_entropy(tf.zeros_like(other), other)
        pairs = ((generator, deceived), (discriminator, found))
        for optimizer, (model, loss) in zip(optimizers, pairs, strict=True):
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    for _ in range(STEPS):
        step(tf.constant(draw_dots(random)))
    return generator


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    train().save(FILE)
