"""Draws of z, and the true z, label and noise of each trial.

They are functions of the purpose, the seed and the number of the draw or trial.
"""

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.randomness import Purpose, normal, uniform


def draw_true_z(generator: Generator, seed: int, trials: np.ndarray) -> np.ndarray:
    """Return the true z of each trial, from the prior: float32 (trials, latent)."""
    return draw_z(generator, Purpose.truth, trials, seed)


def draw_z(
    generator: Generator, purpose: Purpose, numbers: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Return the z with these numbers, (n,), drawn from the prior: float32 (n, latent).

    They are rows of the generator's own draws, if it has some.
    """
    zeros = tf.zeros([len(numbers)], tf.int64)
    share = uniform(seed, tf.constant(numbers, tf.int64), purpose, zeros, generator.latent)
    if generator.draws is not None:
        rows = share.numpy()[:, 0] * len(generator.draws)
        return np.asarray(generator.draws[rows.astype(np.int64)])
    z: np.ndarray = generator.prior.quantile(share).numpy()
    return z


def draw_true_labels(generator: Generator, seed: int, trials: np.ndarray) -> np.ndarray | None:
    """Return the true label of each trial, uniform: int32 (trials,); None without labels."""
    if not generator.labels:
        return None
    numbers, zeros = tf.constant(trials, tf.int64), tf.zeros([len(trials)], tf.int64)
    share = uniform(seed, numbers, Purpose.label, zeros, 1)[:, 0].numpy()
    labels: np.ndarray = (share * generator.labels).astype(np.int32)
    return labels


def draw_noise(generator: Generator, seed: int, trials: np.ndarray) -> np.ndarray:
    """Return noise of variance 1 on every pixel: float32 (trials, height, width, channels)."""
    numbers = tf.constant(trials, tf.int64)
    draws = normal(seed, numbers, Purpose.noise, int(np.prod(generator.image_shape)))
    return np.asarray(draws).reshape(-1, *generator.image_shape)
