"""J = dG/dz at one z, exact: each layer or operation carries the columns of J forwards."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ganinv_cli.network.generator import Generator

MAX_LAYER_VALUES = 1 << 26  # of the largest layer, in the columns of J that are computed together
FLOAT32_ROUNDING = 1e-5  # relative to the largest singular value; smaller ones may be rounding


def compute_jacobian(
    generator: Generator,
    z: np.ndarray,
    label: int = -1,
    precision: str = "float32",
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Return J transposed (latent, pixels) at z (latent,), exact except for rounding.

    The columns are computed in `precision`, one of the generator's; bfloat16 is returned as
    float32. Pixels that a mask (height, width, 1) leaves out are 0. Costs
    `generator.jacobian_gradients`.
    Needs frozen batch-norm statistics. If ReLUs switch at z, J is the derivative of one side.
    """
    jacobian = np.concatenate([*compute_jacobian_blocks(generator, z, label, precision)])
    if mask is not None:
        jacobian.reshape(-1, *generator.image_shape)[...] *= mask.astype(jacobian.dtype)
    return jacobian


def compute_jacobian_blocks(
    generator: Generator, z: np.ndarray, label: int = -1, precision: str = "float32"
) -> Iterator[np.ndarray]:
    """Yield the rows of `compute_jacobian`, without a mask, in blocks (rows, pixels)."""
    point = tf.constant(z[None], tf.float64 if precision == "float64" else tf.float32)
    labels, tangents = tf.constant([label]), tf.eye(generator.latent, dtype=precision)
    rows = max(1, MAX_LAYER_VALUES // generator.largest_layer)
    for first in range(0, generator.latent, rows):
        images = generator.compiled_jvp(point, tangents[first : first + rows], labels)
        yield tf.cast(images, point.dtype).numpy().reshape(len(images), -1)


def compute_singular_values(
    generator: Generator, z: np.ndarray, label: int = -1, mask: np.ndarray | None = None
) -> np.ndarray:
    """Return the singular values of J at z (latent,), float64 (latent,), largest first.

    J is computed in the generator's highest precision; see `decompose_jacobian`.
    """
    precision = generator.highest_precision
    return decompose_jacobian(compute_jacobian(generator, z, label, precision, mask), generator)


def decompose_jacobian(jacobian: np.ndarray, generator: Generator) -> np.ndarray:
    """Return the singular values of Jᵀ (latent, pixels), float64 (latent,), largest first.

    If J is float32, values that may be rounding alone are set to 0. If the image has fewer values
    than z, zeros follow. All are NaN if J is not finite.
    """
    precision, jacobian = generator.highest_precision, jacobian.astype(np.float64, copy=False)
    if not np.isfinite(jacobian).all():
        return np.full(generator.latent, np.nan)
    triangle = tf.linalg.qr(jacobian.T)[1]  # has the same singular values, and is small
    found = np.linalg.svd(triangle, compute_uv=False)
    values = np.pad(found, (0, generator.latent - len(found)))
    if precision == "float32":
        values[values <= find_rounding(generator) * values[0]] = 0
    return values


def find_rounding(generator: Generator) -> float:
    """Return the relative size below which a singular value may be rounding alone.

    In float64 it is the tolerance of `numpy.linalg.matrix_rank`. In float32 that tolerance would
    hide weak directions. Rounding of J makes singular values of about 1e-7 of the largest; a
    hundred times that is allowed.
    """
    if generator.highest_precision == "float32":
        return FLOAT32_ROUNDING
    return max(generator.latent, generator.count_values()) * float(np.finfo(np.float64).eps)
