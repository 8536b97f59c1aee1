"""The quality of an encoder, measured on latent vectors that it was not fitted to."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganinv_cli.encoder.model import Encoder
from ganinv_cli.network.generator import Generator

TEST_SAMPLES = 1000  # latent vectors
BLOCK_SIZE = 100  # images per batch


def measure_quality(encoder: Encoder, generator: Generator, seed: int) -> dict[str, float]:
    """Return the mean squared errors of a component of E(G(z)).

    `error` is the error of E, `clipped` the error after clipping to the prior's bounds, `rounded`
    the error for images rounded to 8 bits, `guessing` the error of the prior's mean as a guess.
    """
    low, high = encoder.bounds
    shape = [TEST_SAMPLES, generator.latent]
    z = generator.prior.quantile(tf.random.stateless_uniform(shape, [seed, -1]))  # no batch has -1
    z = z.numpy()
    found = _encode_generated(encoder, generator, z)
    rounded = _encode_generated(
        encoder, lambda z: tf.round((generator(z) + 1) * 127.5) / 127.5 - 1, z
    )
    return {
        "error": float(np.mean((found - z) ** 2)),
        "clipped": float(np.mean((found.clip(low, high) - z) ** 2)),
        "rounded": float(np.mean((rounded - z) ** 2)),
        "guessing": (high - low) ** 2 / 12,
    }


def _encode_generated(
    encoder: Encoder, generate: Callable[[tf.Tensor], tf.Tensor], z: np.ndarray
) -> np.ndarray:
    """Return E(G(z)) for z (n, latent)."""
    blocks = [z[first : first + BLOCK_SIZE] for first in range(0, len(z), BLOCK_SIZE)]
    return np.concatenate([encoder(generate(tf.constant(block))).numpy() for block in blocks])
