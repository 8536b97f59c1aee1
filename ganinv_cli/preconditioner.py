"""What a step in z does to the image, on average: a property of the generator, measured once.

J = dG/dz at some random z. Its stiff directions lie elsewhere for each z, but in the image they are
the same few: brightness, the colour of the background. So the image is given a norm in which they
count less, and z one in which the average step is level.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import CheckpointError
from ganinv_cli.network.generator import Generator
from ganinv_cli.randomness import Purpose, uniform


class Norm(NamedTuple):
    """A quadratic model of a loss around any z: H = 2 vectors · spectrum · vectorsᵀ."""

    vectors: tf.Tensor  # (latent, latent)
    spectrum: tf.Tensor  # (latent,), above 0
    damping: float  # added to the spectrum, times the loss
    least: float  # eigenvalue of JᵀJ, or of JᵀWJ, at any of the random z


class Level(NamedTuple):
    """Norms in which the average step is level (`solvers/metric.py`)."""

    plain: Norm  # of z, for ‖r‖²
    weighted: Norm  # of z, for ‖r‖² − Σ excess (basisᵀ r)² = rᵀWr
    basis: tf.Tensor  # (pixels, directions) of the image
    excess: tf.Tensor  # (directions,) in [0, 1)


FLOOR = 1e-6  # of the largest eigenvalue
LARGEST = 2**27  # numbers in all J together, 0.5 GiB
BASIS = 2**25  # numbers in the basis of the image's norm
DIRECTIONS = 1200  # of the image that are weighted, at most
SPARE = 100  # directions more that the subspace they are sought in has
POWER = 0.4  # of the mean JJᵀ
DAMPING = 1e-2  # of the objective, that is added to the spectrum of z


def level(
    generator: Generator, points: int, *, weighted: bool = True, mixed: bool = False
) -> Level:
    """The norms from J at `points` draws from the prior, which depend on nothing but their number.

    The labels of a conditional generator take turns.

    W = Σ wᵢ vᵢvᵢᵀ on the first directions vᵢ of the mean JJᵀ, with wᵢ = (λₖ / λᵢ)^POWER, and the
    identity across them, or everywhere where it is not to be `weighted`. H₀ for the weighted loss
    is the inverse of the mean JᵀWJ, damped by the loss that is left (Levenberg & Marquardt); for
    the plain one (mean JᵀJ)^(−1/2), up to a factor. J is bfloat16 where `mixed`.

    Costs `cost(generator, points)` gradients. Raises CheckpointError where J is zero or no number.
    """
    moved = _jacobians(generator, points, tf.bfloat16 if mixed else tf.float32)
    if not (np.isfinite(moved).all() and moved.any()):
        raise CheckpointError(
            "this generator's images do not depend on z, or are not numbers; is its file whole?"
        )
    basis, spread = _directions(moved, DIRECTIONS if weighted else 1)
    weights = (spread[-1] / spread) ** POWER
    shape = (-1, generator.latent)
    gram = _gram(moved.reshape(*shape, moved.shape[1]))
    along = (moved @ basis).reshape(*shape, basis.shape[1])
    levelled = gram - _gram(along * np.sqrt(1 - weights))
    plain = _norm(gram, 0.0)
    root = tf.sqrt(plain.spectrum)
    return Level(
        plain._replace(spectrum=root * tf.reduce_mean(1 / root)),
        _norm(levelled, DAMPING),
        tf.constant(basis),
        tf.constant(1 - weights),
    )


def points_of(generator: Generator, points: int) -> int:
    """How many draws are used: fewer where their Jacobians would not fit in memory."""
    return min(points, max(1, LARGEST // (generator.latent * int(np.prod(generator.image_shape)))))


def cost(generator: Generator, points: int) -> float:
    """In gradients, J moves costing a forward pass, which is half of one."""
    return 0.5 * points_of(generator, points) * (generator.latent + 1)


def _jacobians(generator: Generator, points: int, precision: tf.DType) -> np.ndarray:
    """Jᵀ at each draw below one another, float32 (points * latent, pixels)."""
    numbers = tf.range(points_of(generator, points), dtype=tf.int64)
    share = uniform(0, numbers, Purpose.metric, tf.zeros_like(numbers), generator.latent)
    moves = tf.eye(generator.latent, dtype=precision)

    def moved(z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.reshape(
            tf.cast(generator.moved(z, moves, labels), tf.float32), [generator.latent, -1]
        )

    compiled = tf.function(moved, autograph=False)
    labels = tf.cast(numbers % max(generator.labels, 1), tf.int32)
    drawn = zip(generator.prior.quantile(share), labels, strict=True)
    return np.concatenate([compiled(z[None], label[None]) for z, label in drawn])


def _directions(moved: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The first eigenvectors (pixels, k) of movedᵀ moved, and their eigenvalues (k,), both float32.

    By a random subspace (Halko, Martinsson & Tropp 2011, algorithms 4.1 and 5.3).
    """
    rows, pixels = moved.shape
    count = max(1, min(most, rows // 2, pixels // 2, BASIS // pixels))
    random = np.random.default_rng(0)
    sketch = random.standard_normal((count + SPARE, rows), np.float32) @ moved
    span = tf.linalg.qr(sketch.T)[0].numpy()  # some ten times as fast as LAPACK's
    along = moved @ span
    values, vectors = np.linalg.eigh(along.T @ along)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    return span @ vectors, np.maximum(values, FLOOR * values[0])


def _gram(moved: np.ndarray) -> np.ndarray:
    """JJᵀ, float32 (points, latent, latent), of each J (points, latent, values)."""
    gram: np.ndarray = np.matmul(moved, moved.transpose(0, 2, 1))
    return gram


def _norm(gram: np.ndarray, damping: float) -> Norm:
    """That of the mean, and the least eigenvalue of any."""
    values, vectors = np.linalg.eigh(gram.mean(0, dtype=np.float64))
    spectrum = np.maximum(values, FLOOR * values[-1])
    least = max(float(np.linalg.eigvalsh(gram.astype(np.float64)).min()), FLOOR * values[-1])
    return Norm(tf.constant(vectors, tf.float32), tf.constant(spectrum, tf.float32), damping, least)
