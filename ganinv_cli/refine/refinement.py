"""Gauss–Newton with one Jacobian: z <- z − (JᵀJ)⁻¹ Jᵀ r while that lowers ‖r‖², r = G(z) − x.

Where z nearly makes the image, J in float32 is enough for every digit of float64: the error falls
to the share by which J is wrong at each step, and r alone decides where it ends.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.network.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.refine import Polished
from ganinv_cli.statistics import EXACT

DAMPING = 1e-12  # of the largest singular value of JᵀJ, below which one is rounding
FLOAT64 = 5.0  # gradients in float32 that take as long as one in float64, in batches on the CPU
STEPS = 10  # three are enough on the shipped generator
ENOUGH = 1e-24  # by the bound that the loss gives, at which a step more changes nothing


class Point(NamedTuple):
    """A place on the way."""

    z: np.ndarray  # (latent,) float64
    loss: float
    gradient: np.ndarray  # (latent,), of the loss


def descended(
    here: Point,
    at: Callable[[np.ndarray], Point],
    normal: np.ndarray,
    free: np.ndarray,
    *,
    steps: int,
    enough: float = 0.0,
    low: float = -np.inf,
    high: float = np.inf,
) -> tuple[Point, int]:
    """Where steps lead that lower the loss, and how many places were looked at on the way.

    `normal` is JᵀJ of the components (latent,) that are `free`; the others stay. Ends early at a
    loss that is `enough`; no component passes `low` or `high`.
    """
    for looks in range(steps):
        if here.loss <= enough:
            return here, looks
        move = np.zeros_like(here.z)
        move[free] = np.linalg.lstsq(normal, -here.gradient[free] / 2, DAMPING)[0]
        there = at(np.clip(here.z + move, low, high))
        if not there.loss < here.loss:
            return here, looks + 1
        here = there
    return here, steps


class LastDigits:
    """Finds the z that made an image, from one so near that nothing but digits are missing."""

    def __init__(self, generator: Generator) -> None:
        """For images of one generator, with frozen statistics."""
        self._generator = generator
        self._jacobian = tf.function(self._jacobian_at, autograph=False)
        self._look = tf.function(self._looked, autograph=False)

    def __call__(self, z: np.ndarray, target: np.ndarray, rule: str, label: int = -1) -> Polished:
        """Polish one z (latent,) for its target (height, width, channels), in float64.

        No rule acts: where the image is made, z is inside already. Costs half a gradient for each
        component of z and half of one in float64 for each look; `converged` where its error is
        below EXACT by the bound ‖z − z_true‖² ≤ loss / σ², σ the least singular value of J.
        """
        began = time.monotonic()
        labels = tf.constant([label])
        jacobian, squared = self._jacobian(tf.constant(z, tf.float32), labels)
        normal, image = squared.numpy(), tf.constant(target, tf.float64)
        if not np.isfinite(normal).all():
            nowhere = Point(z.astype(np.float64), np.nan, z)
            return _polished(nowhere, 0, began, Outcome.non_finite)
        # ‖z − z_true‖² / latent is less than the loss over this
        least = len(z) * max(float(np.linalg.eigvalsh(normal)[0]), 0.0)

        def at(z: np.ndarray) -> Point:
            loss, gradient = self._look(tf.constant(z), image, jacobian, labels)
            return Point(z, float(loss), gradient.numpy())

        everything = np.ones(len(z), bool)
        start = at(z.astype(np.float64))
        end, looks = descended(start, at, normal, everything, steps=STEPS, enough=ENOUGH * least)
        outcome = Outcome.converged if end.loss < EXACT * least else Outcome.stalled
        return _polished(end, 1 + looks, began, outcome)

    def _jacobian_at(self, z: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """J transposed (latent, values) and JᵀJ, their numbers float32 and their sums float64."""
        latent = self._generator.latent
        moved = self._generator.moved(z[None], tf.eye(latent), labels)
        columns = tf.cast(tf.reshape(moved, [latent, -1]), tf.float64)
        return columns, tf.matmul(columns, columns, transpose_b=True)

    def _looked(
        self, z: tf.Tensor, image: tf.Tensor, jacobian: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss and its gradient (latent,), by that J."""
        left = tf.reshape(self._generator(z[None], labels=labels)[0] - image, [-1])
        return tf.reduce_sum(left**2), 2 * tf.linalg.matvec(jacobian, left)


def _polished(end: Point, looks: int, began: float, outcome: Outcome) -> Polished:
    spent = 0.5 * (len(end.z) + 1) + 0.5 * FLOAT64 * looks
    seconds = time.monotonic() - began
    return Polished(end.z, end.loss, np.nan, np.nan, spent, seconds, outcome)
