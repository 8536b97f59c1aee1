"""Eigenvalues of JᵀJ at random z. They limit the rate and accuracy of gradient descent."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli import cache
from ganinv_cli.jacobian_points import POINTS, limit_points
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import compute_jacobian
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.settings.machine import describe_current_device

STARTS = 25  # random starts for each of the POINTS draws
CACHE_KIND = "spectrum"
VERSION = 1  # of this method; a new number invalidates kept measurements


class JacobianSpectrum(NamedTuple):
    """JᵀJ / values at draws z from the prior; J = dG/dz, `values` of a picture count."""

    eigenvalues: np.ndarray  # float64 (points, latent), least first; NaN if J is not finite
    # (points, starts, latent): (vᵢᵀ(z_start − z))² along the eigenvectors vᵢ, z_start prior draws
    start_components: np.ndarray

    @property
    def is_usable(self) -> bool:
        """Whether every J is finite, and some image depends on z."""
        return bool(np.isfinite(self.eigenvalues).all() and self.eigenvalues.any())


def find_spectrum(generator: Generator, mask: np.ndarray | None = None) -> JacobianSpectrum:
    """Return the spectrum, kept from an earlier command or measured now."""
    key = cache.make_key(
        *(VERSION, generator.sha256, generator.prior, generator.labels, POINTS, STARTS),
        *("" if mask is None else mask.tobytes().hex(), describe_current_device()),
        *(tf.__version__, np.__version__),
    )
    try:
        return JacobianSpectrum(**(cache.load(CACHE_KIND, key) or {}))
    except TypeError:  # none, or other arrays
        spectrum = measure_spectrum(generator, mask)
        cache.save(CACHE_KIND, key, spectrum._asdict())
        return spectrum


def measure_spectrum(generator: Generator, mask: np.ndarray | None = None) -> JacobianSpectrum:
    """Return the spectrum at POINTS draws from the prior, fewer if the pictures are very large.

    The draws are those of `draw_points` and depend on no seed. The labels of a
    conditional generator are taken in turn. Pixels that a mask (height, width, 1) leaves out do not
    count. J is float32 and JᵀJ float64; the error is 1e-12 of the largest eigenvalue. Needs frozen
    batch-norm statistics.
    """
    draws = _draw(generator, limit_points(generator, POINTS))
    labels = np.arange(len(draws)) % max(generator.labels, 1)
    return measure_at(generator, draws[:, 0], draws[:, 1:], labels, mask)


def measure_at(
    generator: Generator,
    z: np.ndarray,
    starts: np.ndarray,
    labels: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> JacobianSpectrum:
    """Return the spectrum at z (points, latent), for starts (points, n, latent).

    `labels` (points,) are for a conditional generator; 0 if left out.
    """
    given = np.zeros(len(z), int) if labels is None else labels
    rows = [
        _measure_point(generator, point, int(label), around, mask)
        for point, label, around in zip(z, given, starts, strict=True)
    ]
    return JacobianSpectrum(*(np.stack(arrays) for arrays in zip(*rows, strict=True)))


def _measure_point(
    generator: Generator, z: np.ndarray, label: int, starts: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues (latent,) at z (latent,), and components of the starts (n, latent)."""
    jacobian = compute_jacobian(generator, z, label, mask=mask).astype(np.float64)
    if not np.isfinite(jacobian).all():
        return np.full(len(z), np.nan), np.full(starts.shape, np.nan)
    values, vectors = np.linalg.eigh(jacobian @ jacobian.T / generator.count_values(mask))
    return np.maximum(values, 0), np.square((starts - z) @ vectors)


def _draw(generator: Generator, points: int) -> np.ndarray:
    """Return z and starts for each point from the prior, float32 (points, 1 + STARTS, latent)."""
    numbers = tf.repeat(tf.range(points, dtype=tf.int64), 1 + STARTS)
    counts = tf.tile(tf.range(1 + STARTS, dtype=tf.int64), [points])
    share = uniform(0, numbers, Purpose.preconditioner, counts, generator.latent)
    z = generator.prior.quantile(share).numpy()
    return np.asarray(z.reshape(points, 1 + STARTS, generator.latent))
