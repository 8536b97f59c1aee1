"""Measure how hard a generator is to invert: the singular values of J = dG/dz at random z."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import UsageError
from ganinv_cli.inspection.latents import draw_latents
from ganinv_cli.inspection.render import choose_batch_size
from ganinv_cli.network.generator import Generator

WEAK_SHARE = 1e-3  # of the largest singular value, below which a direction of z is weak
MAX_VALUES = 1 << 29  # of J: 4 GiB
BLOCK_PIXELS = 1 << 15  # columns of J per QR decomposition


class Spectrum(NamedTuple):
    """Singular values of J at several z, one row for each."""

    values: np.ndarray  # float64 (points, latent), largest first
    labels: np.ndarray | None  # (points,); None: not conditional
    tolerance: float  # share of the largest, below which a value is rounding


def measure_spectrum(generator: Generator, seed: int, points: int) -> Spectrum:
    """Return the singular values of J at the first z of `ganinv recover` with this seed.

    The labels of a conditional generator are taken in turn.
    """
    z, labels, _ = draw_latents(generator, seed, points)
    rows = [
        compute_singular_values(generator, z[row], -1 if labels is None else int(labels[row]))
        for row in range(points)
    ]
    sides = max(generator.latent, int(np.prod(generator.image_shape)))
    return Spectrum(np.stack(rows), labels, sides * float(np.finfo(np.float64).eps))


def compute_singular_values(generator: Generator, z: np.ndarray, label: int = -1) -> np.ndarray:
    """Return the singular values of J at z (latent,), float64 (latent,), largest first.

    J is exact up to rounding in float64. All are NaN if J is not finite; if the image has fewer
    values than z, the rest are 0. Raises UsageError if J is too large.
    """
    pixels = int(np.prod(generator.image_shape))
    if generator.latent * pixels > MAX_VALUES:
        raise UsageError(
            f"dG/dz has {generator.latent:,} x {pixels:,} values, more than the {MAX_VALUES:,} of "
            "which singular values are computed; leave --spectrum out"
        )
    point = tf.constant(z[None], tf.float64)
    labels = tf.constant([label]) if generator.labels else None
    tangents, rows = np.eye(generator.latent), choose_batch_size(generator)
    jacobian = np.empty((generator.latent, pixels))
    for first in range(0, generator.latent, rows):
        some = slice(first, first + rows)
        derivatives = generator.jvp(point, tf.constant(tangents[some]), labels)
        jacobian[some] = derivatives.numpy().reshape(-1, pixels)
    if not np.isfinite(jacobian).all():
        return np.full(generator.latent, np.nan)
    values = np.zeros(generator.latent)
    found = np.linalg.svd(_reduce_by_qr(jacobian), compute_uv=False)
    values[: len(found)] = found
    return values


def _reduce_by_qr(jacobian: np.ndarray) -> np.ndarray:
    """Return R (latent, latent) of the QR decomposition of Jᵀ: it has the singular values of J."""
    triangle = np.empty((0, len(jacobian)))
    for first in range(0, jacobian.shape[1], BLOCK_PIXELS):
        some = jacobian[:, first : first + BLOCK_PIXELS].T
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, some]), mode="r"))
    return triangle


def summarize_spectrum(spectrum: Spectrum) -> dict[str, Any]:
    """Return the condition of J, its rank and its weak directions as plain JSON.

    The condition is that of the directions that move the image; None if none does.
    """
    values = spectrum.values
    finite = np.isfinite(values).all(1)
    largest = values[:, :1]
    ranks = (values > spectrum.tolerance * largest).sum(1)
    weak = (values < WEAK_SHARE * largest).sum(1)
    flat = finite & (ranks < values.shape[1])
    conditions = [
        float(row[0] / row[rank - 1]) for row, rank in zip(values, ranks, strict=True) if rank
    ]
    return {
        "points": len(values),
        "not_finite": int((~finite).sum()),
        "singular_values": [row.tolist() for row in values[finite]],
        "labels": None if spectrum.labels is None else spectrum.labels.tolist(),
        "condition": {
            "median": float(np.median(conditions)) if conditions else None,
            "worst": max(conditions) if conditions else None,
        },
        "rank": {
            "least": int(ranks[finite].min()) if finite.any() else None,
            "most": int(ranks[finite].max()) if finite.any() else None,
            "of": values.shape[1],
        },
        "flat_points": int(flat.sum()),
        "weak": {
            "below": WEAK_SHARE,
            "median": float(np.median(weak[finite])) if finite.any() else None,
            "most": int(weak[finite].max()) if finite.any() else None,
        },
    }
