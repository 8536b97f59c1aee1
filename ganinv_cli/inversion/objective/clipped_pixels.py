"""Pixels that are stored as black or white because the generator made a value beyond.

A target of exactly −1 or 1 says only that G(z) is there or beyond, so a value beyond leaves no
residual and has no derivative. This holds for generators whose pictures leave [−1, 1].
"""

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator


def clip_residuals(residuals: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Return residuals G(z) − x, with 0 where G(z) is beyond a target of −1 or 1."""
    is_beyond = (tf.abs(targets) == 1) & (residuals * targets > 0)
    return tf.where(is_beyond, tf.zeros_like(residuals), residuals)


def find_decisive(
    generator: Generator, z: np.ndarray, label: int, target: np.ndarray
) -> np.ndarray:
    """Return which values (pixels,) of a target have a derivative at z (latent,); NaN has none."""
    is_decisive = np.isfinite(target)
    if generator.is_clipped:
        picture = generator.render(z[None], 1, labels=np.array([label]))[0]
        is_decisive &= (np.abs(target) != 1) | ((picture - target) * target <= 0)
    decisive: np.ndarray = is_decisive.ravel()
    return decisive
