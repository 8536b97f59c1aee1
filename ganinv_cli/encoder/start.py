"""The encoder's start: its guess of z, improved by fixed-point steps.

If E(G(z)) ≈ z, the map z ← z + E(x) − E(G(z)) is a contraction; Anderson acceleration makes it a
secant method (Walker & Ni 2011). A step costs a forward pass and no gradient.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganinv_cli.encoder.model import Encoder
from ganinv_cli.encoder.public_encoder import PublicEncoder
from ganinv_cli.generators.network.generator import Generator

STEPS = 16
GRADIENTS_PER_IMAGE = 0.5 * (STEPS + 1)  # cost per image; E itself is negligible
MAX_STEP_LENGTH = 4.0  # of a step, in z
MARGIN = 0.25  # steps may leave the bounds by this share of the bounds' distance
SINGULAR_CUTOFF = 1e-6  # relative to the largest singular value; smaller ones are ignored

FindStarts = Callable[[np.ndarray], np.ndarray]


def make_find_starts(
    generator: Generator, encoder: Encoder | PublicEncoder, block: int
) -> FindStarts:
    """Return a function from images (n, height, width, channels) to starts z (n, latent).

    A start depends on its own image alone. It is the z with the nearest image of all steps,
    clipped to the prior's bounds. `block` images are computed at a time.
    """

    signature = [
        tf.TensorSpec([None, generator.latent]),
        tf.TensorSpec([None, *generator.image_shape]),
    ]

    @tf.function(input_signature=signature, autograph=False)
    def encode_and_compare(z: tf.Tensor, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        made = generator(z)
        return encoder(made), tf.reduce_sum((made - images) ** 2, [1, 2, 3])

    def find_starts(images: np.ndarray) -> np.ndarray:
        found = [
            _iterate(images[first : first + block], encoder, encode_and_compare, generator)
            for first in range(0, len(images), block)
        ]
        return np.concatenate(found)

    return find_starts


def _iterate(
    images: np.ndarray,
    encoder: Encoder | PublicEncoder,
    encode_and_compare: Callable[[np.ndarray, np.ndarray], tuple[tf.Tensor, tf.Tensor]],
    generator: Generator,
) -> np.ndarray:
    low, high = generator.prior.low, generator.prior.high
    beyond = MARGIN * (high - low)
    encoded_target = encoder(tf.constant(images)).numpy().astype(np.float64)
    z = np.clip(encoded_target, low, high)
    best, least = z, np.full(len(z), np.inf)
    points, residuals = [], []  # z and E(x) − E(G(z)) there
    for step in range(STEPS + 1):
        guessed, loss = (x.numpy() for x in encode_and_compare(tf.constant(z, tf.float32), images))
        nearer = loss < least
        best, least = np.where(nearer[:, None], z, best), np.where(nearer, loss, least)
        points.append(z)
        residuals.append(encoded_target - guessed)
        if step < STEPS:
            z = np.clip(z + _compute_step(points, residuals), low - beyond, high + beyond)
    inside: np.ndarray = np.clip(best, low, high).astype(np.float32)
    return inside


def _compute_step(points: list[np.ndarray], residuals: list[np.ndarray]) -> np.ndarray:
    """Return miss − (ΔZ + ΔF) γ for each row (n, latent), γ the least squares of ΔF γ = miss."""
    miss = residuals[-1]
    step = miss
    if len(points) > 1:
        changes = np.diff(residuals, axis=0).transpose(1, 2, 0)  # (n, latent, steps so far)
        moves = np.diff(points, axis=0).transpose(1, 2, 0)
        shares = np.linalg.pinv(changes, rcond=SINGULAR_CUTOFF) @ miss[:, :, None]
        step = miss - ((moves + changes) @ shares)[:, :, 0]
    length = np.linalg.norm(step, axis=1, keepdims=True)
    bounded: np.ndarray = np.nan_to_num(
        step * (MAX_STEP_LENGTH / np.maximum(length, MAX_STEP_LENGTH))
    )
    return bounded
