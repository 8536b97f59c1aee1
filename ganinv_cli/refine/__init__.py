"""Refinement of z, and the test for a minimum."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.outcome import Outcome


class Refined(NamedTuple):
    """The end of a refinement (`refinement.py`, `minimum.py`)."""

    z: np.ndarray  # (latent,) float64
    image_loss: float
    gradient_norm: float  # of the shortest convex combination of the gradients around z
    goldstein_norm: float  # gradient_norm / their mean norm: 0 at a minimum, about 1 far from it
    gradients: float  # spent, including those in float64
    seconds: float
    outcome: Outcome  # converged: a minimum, by goldstein_norm; stalled: not a minimum
