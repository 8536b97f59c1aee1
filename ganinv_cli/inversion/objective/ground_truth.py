"""The true z and the noise of each trial.

Both are functions of the seed and the trial's number, and so is the true label.
"""

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.randomness import Purpose, normal, uniform


def draw_true_z(generator: Generator, seed: int, trials: np.ndarray) -> np.ndarray:
    """Return the true z of each trial, from the prior: float32 (trials, latent)."""
    numbers, zeros = tf.constant(trials, tf.int64), tf.zeros([len(trials)], tf.int64)
    share = uniform(seed, numbers, Purpose.truth, zeros, generator.latent)
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
