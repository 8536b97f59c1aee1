"""Weights of the residual, and H₀, from J at random z.

J = dG/dz. Its stiff directions in z differ from z to z, but in the image they are always the same
few, e.g. brightness and the colour of the background. W gives these directions less weight. H₀ is
the inverse of the mean Hessian of the weighted loss.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli import cache
from ganinv_cli.generators.network.generator import Generator, compute_jacobian
from ganinv_cli.generators.network.layers import MAX_SQUARE_LATENT
from ganinv_cli.inversion.objective.jacobian import (
    MEASURING,
    draw_points,
    find_largest_changes,
    limit_points,
    refuse_dead_generator,
)
from ganinv_cli.precision import Dtype
from ganinv_cli.progress.measurements import count_steps


class QuadraticModel(NamedTuple):
    """A quadratic model of a loss around any z: H = 2 vectors · spectrum · vectorsᵀ."""

    vectors: tf.Tensor  # (latent, latent)
    spectrum: tf.Tensor  # (latent,), above 0
    damping: float  # added to the spectrum, times the loss
    least_eigenvalue: float  # of JᵀJ, or of JᵀWJ, over all random z
    stiffness: float  # greatest eigenvalue of 2 H⁻¹ JᵀJ, or 2 H⁻¹ JᵀWJ, over all random z


class Preconditioner(NamedTuple):
    """The weighting of the residual, and a model of the loss with and without it."""

    plain: QuadraticModel  # of z, for ‖r‖²
    preconditioned: QuadraticModel  # of z, for ‖r‖² − Σ excess (basisᵀ r)² = rᵀWr
    basis: tf.Tensor  # (pixels, directions) of the image
    excess: tf.Tensor  # (directions,) in [0, 1)


EIGENVALUE_FLOOR = 1e-6  # of the largest eigenvalue
MAX_POINTS = 1000  # random z that a setting may ask for
MAX_VALUES = 2**29  # numbers in one J, 2 GiB
MAX_COLUMNS = 4000  # of all J together
MAX_BASIS_VALUES = 2**25  # numbers in `Preconditioner.basis`
MAX_DIRECTIONS = 1200  # largest number of directions of the image that are weighted
OVERSAMPLING = 100  # extra dimensions of the random subspace
POWER = 0.4  # of the mean JJᵀ
DAMPING = 1e-2  # share of the objective that is added to the spectrum of z
CACHE_KIND = "preconditioner"
VERSION = 3  # of this method; a new number invalidates kept measurements


def choose_points(generator: Generator, points: int) -> int:
    """Return at how many draws to measure J: at most `points`, none if it takes too much memory."""
    values = generator.latent * generator.count_values()
    if generator.latent > MAX_SQUARE_LATENT or values > MAX_VALUES:
        return 0
    return min(points, max(1, MAX_COLUMNS // generator.latent))


def find_preconditioner(
    generator: Generator, points: int, *, preconditioned: bool = True, dtype: Dtype = "float32"
) -> Preconditioner:
    """Return the preconditioner: shipped with the generator, kept from a run, or measured now.

    For the rest see `measure_preconditioner`.
    """
    generator_inputs = generator.sha256, generator.prior, generator.batch_norm, generator.labels
    way = limit_points(generator, points), preconditioned, dtype != "float32"

    def measure() -> dict[str, np.ndarray]:
        return _pack(
            measure_preconditioner(generator, points, preconditioned=preconditioned, dtype=dtype)
        )

    return _unpack(cache.measure_once(CACHE_KIND, measure, VERSION, *generator_inputs, *way))


def measure_preconditioner(
    generator: Generator, points: int, *, preconditioned: bool = True, dtype: Dtype = "float32"
) -> Preconditioner:
    """Return the preconditioner from J at the draws of `draw_points`.

    W = Σ wᵢ vᵢvᵢᵀ on the first eigenvectors vᵢ of the mean JJᵀ, with wᵢ = (λₖ / λᵢ)^POWER, and the
    identity on the other directions; without `preconditioned` it is the identity. For the weighted
    loss, H₀ is the inverse of the mean JᵀWJ, damped by the current loss (Levenberg & Marquardt).
    For the plain loss, H₀ is (mean JᵀJ)^(−1/2), up to a factor. J is of `dtype`.

    Costs `count_gradients(generator, points)`. Raises CheckpointError if J is zero or not finite.
    """
    measured = _measure_grams(generator, points, dtype, MAX_DIRECTIONS if preconditioned else 1)
    gram, preconditioned_gram, basis, weights = measured
    return Preconditioner(
        _fit_model(gram, 0.0, flatten=True),
        _fit_model(preconditioned_gram, DAMPING),
        tf.constant(basis),
        tf.constant(1 - weights),
    )


def count_gradients(generator: Generator, points: int) -> float:
    """Return the cost of J at these draws, in gradients."""
    return limit_points(generator, points) * generator.jacobian_gradients


def _measure_grams(
    generator: Generator, points: int, dtype: str, max_directions: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return JᵀJ and JᵀWJ (points, latent, latent), the basis (pixels, k) and weights (k,) of W.

    J itself is freed.
    """
    jacobians = _compute_jacobians(generator, points, dtype)
    refuse_dead_generator([find_largest_changes(jacobians)])
    basis, spread = _find_directions(jacobians, max_directions)
    weights = (spread[-1] / spread) ** POWER
    shape = (-1, generator.latent)
    gram = _compute_gram(jacobians.reshape(*shape, jacobians.shape[1]))
    along = (jacobians @ basis).reshape(*shape, basis.shape[1])
    return gram, gram - _compute_gram(along * np.sqrt(1 - weights)), basis, weights


def _compute_jacobians(generator: Generator, points: int, dtype: str) -> np.ndarray:
    """Return Jᵀ at each draw below one another, float32 (points * latent, pixels)."""
    draws, labels = draw_points(generator, points)
    jacobians = np.empty((len(draws), generator.latent, generator.count_values()), np.float32)
    for number in count_steps(range(len(draws)), MEASURING):
        jacobians[number] = compute_jacobian(generator, draws[number], labels[number], dtype)
    return jacobians.reshape(-1, jacobians.shape[2])


def _find_directions(jacobians: np.ndarray, max_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first eigenvectors (pixels, k) of the sum of JJᵀ, and their eigenvalues (k,).

    By a random subspace (Halko, Martinsson & Tropp 2011, algorithms 4.1 and 5.3).
    """
    rows, pixels = jacobians.shape
    count = max(1, min(max_count, rows // 2, pixels // 2, MAX_BASIS_VALUES // pixels))
    random = np.random.default_rng(0)
    sketch = random.standard_normal((count + OVERSAMPLING, rows), np.float32) @ jacobians
    span = tf.linalg.qr(sketch.T)[0].numpy()  # about ten times as fast as LAPACK
    along = jacobians @ span
    values, vectors = np.linalg.eigh(along.T @ along)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    return span @ vectors, np.maximum(values, EIGENVALUE_FLOOR * values[0])


def _compute_gram(jacobians: np.ndarray) -> np.ndarray:
    """Return JᵀJ, float32 (points, latent, latent), for each Jᵀ (points, latent, values)."""
    gram: np.ndarray = np.matmul(jacobians, jacobians.transpose(0, 2, 1))
    return gram


def _fit_model(gram: np.ndarray, damping: float, *, flatten: bool = False) -> QuadraticModel:
    """Return the model of the mean Gram matrix; if it is to `flatten`, of its scaled square root.

    The least eigenvalue and the stiffness are taken over all Gram matrices.
    """
    values, vectors = np.linalg.eigh(gram.mean(0, dtype=np.float64))
    spectrum = np.maximum(values, EIGENVALUE_FLOOR * values[-1])
    if flatten:
        root = np.sqrt(spectrum)
        spectrum = root * (1 / root).mean()
    scaled = vectors / np.sqrt(spectrum)
    stiffness = max(float(np.linalg.eigvalsh(scaled.T @ each @ scaled)[-1]) for each in gram)
    least = min(float(np.linalg.eigvalsh(each.astype(np.float64)).min()) for each in gram)
    least = max(least, EIGENVALUE_FLOOR * values[-1])
    return QuadraticModel(
        tf.constant(vectors, tf.float32),
        tf.constant(spectrum, tf.float32),
        damping,
        least,
        stiffness,
    )


def _pack(preconditioner: Preconditioner) -> dict[str, np.ndarray]:
    leaves = tf.nest.flatten(preconditioner)
    return {str(number): np.asarray(leaf) for number, leaf in enumerate(leaves)}


def _unpack(arrays: Mapping[str, np.ndarray]) -> Preconditioner:
    leaves = [arrays[str(number)] for number in range(12)]
    plain, preconditioned = (
        QuadraticModel(tf.constant(vectors), tf.constant(spectrum), *map(float, numbers))
        for vectors, spectrum, *numbers in (leaves[:5], leaves[5:10])
    )
    return Preconditioner(plain, preconditioned, *map(tf.constant, leaves[10:]))
