"""A quadratic model of the loss around one start, from J there: H₀ for z of many components.

J differs so much from z to z of a decoder with hundreds of latents that its mean over the prior is
a poor model anywhere. Near a solution, as an encoder's guess is, J at that z alone is a good one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator, compute_jacobian
from ganinv_cli.inversion.objective.clipped_pixels import find_decisive
from ganinv_cli.inversion.objective.preconditioner import EIGENVALUE_FLOOR, MAX_VALUES
from ganinv_cli.progress.measurements import count_steps

MAX_LATENT = 2048  # components of z: a row has a matrix of their square, 16 MiB
DAMPING = 1e-2  # relative to the diagonal of JᵀJ (Marquardt 1963)
MEASURING = "measuring J at {} guesses"


class LocalModels(NamedTuple):
    """The model of each row's loss; of a row that begins elsewhere, what no model would give."""

    inverse: tf.Tensor  # (batch, latent, latent), H₀
    least_eigenvalue: tf.Tensor  # (batch,), of JᵀJ


def is_measurable(generator: Generator) -> bool:
    """Return whether J of a generator, and a matrix for each row, fit in memory."""
    latent = generator.latent
    return latent <= MAX_LATENT and latent * generator.count_values() <= MAX_VALUES


def make_empty_models(rows: int, latent: int) -> LocalModels:
    """Return the models of rows whose H₀ is the identity, and whose bound is their loss."""
    return LocalModels(tf.eye(latent, batch_shape=[rows]), tf.fill([rows], 1 / latent))


def measure_models(
    generator: Generator,
    z: np.ndarray,
    targets: Sequence[np.ndarray],
    labels: Sequence[int],
    mask: np.ndarray | None,
) -> LocalModels:
    """Return the models at z (rows, latent) of targets (height, width, channels); NaN is no z.

    H₀ = (2 (JᵀJ + DAMPING · diag JᵀJ))⁻¹. Each costs `generator.jacobian_gradients`.
    """
    models = make_empty_models(*z.shape)
    inverse, least = (each.numpy() for each in models)
    for row in count_steps(np.flatnonzero(np.isfinite(z).all(1)).tolist(), MEASURING):
        jacobian = compute_counted_jacobian(generator, z[row], targets[row], labels[row], mask)
        if not np.isfinite(jacobian).all():
            continue
        gram = tf.matmul(jacobian, jacobian, transpose_b=True)
        values = tf.linalg.eigvalsh(tf.cast(gram, tf.float64)).numpy()
        floor = EIGENVALUE_FLOOR * max(float(values[-1]), 1.0)
        diagonal = tf.maximum(tf.linalg.diag_part(gram), floor)
        inverse[row] = tf.linalg.inv(2 * (gram + DAMPING * tf.linalg.diag(diagonal))).numpy()
        least[row] = max(values[0], floor)
    return LocalModels(tf.constant(inverse), tf.constant(least))


def compute_counted_jacobian(
    generator: Generator,
    z: np.ndarray,
    target: np.ndarray,
    label: int = -1,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Return J transposed (latent, pixels) at z (latent,), in float32; 0 at pixels not counted.

    These are the pixels outside the mask (height, width, 1), those of the target that are NaN, and
    saturated ones that z makes. It costs `generator.jacobian_gradients`.
    """
    jacobian = compute_jacobian(generator, z, label, mask=mask)
    jacobian[:, ~find_decisive(generator, z, label, target)] = 0
    return jacobian
