"""How far a step in z moves the image, on average: a property of the generator, measured once."""

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generator import Generator
from ganinv_cli.jacobian import columns
from ganinv_cli.randomness import Purpose, uniform

STEP = 1e-2  # of the finite difference, in z; the metric needs no more than two digits
BLOCK = 128  # images at a time
FLOOR = 1e-6  # of the largest eigenvalue


def inverse_root(generator: Generator, points: int) -> np.ndarray:
    """M^(-1/2), float32 (latent, latent), its mean eigenvalue 1; M = mean of JᵀJ over random z.

    J = dG/dz by forward differences at `points` draws from the prior, which depend on nothing but
    their number. Costs `cost(latent, points)` gradients.
    """
    latent = generator.latent
    zeros = tf.zeros(points, tf.int64)
    share = uniform(0, tf.range(points, dtype=tf.int64), Purpose.metric, zeros, latent)
    total = np.zeros((latent, latent))
    for z in generator.prior.quantile(share).numpy():
        moved = columns(generator, z, STEP, BLOCK)
        total += moved @ moved.T / points
    if not (np.isfinite(total).all() and total.any()):
        raise CheckpointError(
            "this generator's images do not depend on z, or are not numbers; is its file whole?"
        )
    values, vectors = np.linalg.eigh(total)
    roots = np.maximum(values, FLOOR * values[-1]) ** -0.5
    root: np.ndarray = (vectors * (roots / roots.mean())) @ vectors.T
    return root.astype(np.float32)


def cost(latent: int, points: int) -> float:
    """In gradients, a forward pass being half of one."""
    return 0.5 * points * (latent + 1)
