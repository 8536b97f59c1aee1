"""The quality of an encoder, measured on latent vectors that it was not fitted to."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganinv_cli.encoder.model import Encoder
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import compute_jacobian

TEST_SAMPLES = 1000  # latent vectors for the error
JACOBIAN_SAMPLES = 16  # the first of these, for the Jacobian
STEP = 1e-6  # of the encoder's finite differences, in z, in float64
BLOCK_SIZE = 100  # images per batch


def measure_quality(encoder: Encoder, generator: Generator, seed: int) -> dict[str, float]:
    """Return the mean squared errors of a component of E(G(z)), and statistics of J_E J_G.

    `error` is the error of E, `clipped` the error after clipping to the prior's bounds, `rounded`
    the error for images rounded to 8 bits, `guessing` the error of the prior's mean as a guess.
    `radius` is the median of the largest |eigenvalue| of I − J_E J_G, `condition` the median
    condition of J_E J_G.
    """
    low, high = encoder.bounds
    share = tf.random.stateless_uniform(
        [TEST_SAMPLES, generator.latent], [seed, -1]
    )  # no batch has -1
    z = generator.prior.quantile(share).numpy()
    found = _encode_generated(encoder, generator, z)
    rounded = _encode_generated(
        encoder, lambda z: tf.round((generator(z) + 1) * 127.5) / 127.5 - 1, z
    )
    jacobians = [_compute_jacobian(encoder, generator, one) for one in z[:JACOBIAN_SAMPLES]]
    radii = [np.abs(np.linalg.eigvals(np.eye(len(j)) - j)).max() for j in jacobians]
    return {
        "error": float(np.mean((found - z) ** 2)),
        "clipped": float(np.mean((found.clip(low, high) - z) ** 2)),
        "rounded": float(np.mean((rounded - z) ** 2)),
        "guessing": (high - low) ** 2 / 12,
        "radius": float(np.median(radii)),
        "condition": float(np.median([np.linalg.cond(j) for j in jacobians])),
    }


def _encode_generated(
    encoder: Encoder, generate: Callable[[tf.Tensor], tf.Tensor], z: np.ndarray
) -> np.ndarray:
    """Return E(G(z)) for z (n, latent)."""
    blocks = [z[first : first + BLOCK_SIZE] for first in range(0, len(z), BLOCK_SIZE)]
    return np.concatenate([encoder(generate(tf.constant(block))).numpy() for block in blocks])


def _compute_jacobian(encoder: Encoder, generator: Generator, z: np.ndarray) -> np.ndarray:
    """Return J_E J_G at z (latent,), float64 (latent, latent), by a step of the image along J_G."""
    precision = generator.highest_precision
    image = generator(tf.constant(z[None], precision)).numpy().astype(np.float64)
    moves = compute_jacobian(generator, z, precision=precision).reshape(-1, *image.shape[1:])
    blocks = [moves[first : first + BLOCK_SIZE] for first in range(0, len(moves), BLOCK_SIZE)]
    encoded = np.concatenate([encoder(tf.constant(image + STEP * block)) for block in blocks])
    jacobian: np.ndarray = (encoded - encoder(tf.constant(image)).numpy()).T / STEP
    return jacobian
