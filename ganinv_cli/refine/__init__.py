"""Refinement of z, and the test for a minimum."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.outcome import Outcome


class Refined(NamedTuple):
    """The end of a refinement (`refinement.py`, `minimum.py`)."""

    z: np.ndarray  # (latent,) float64
    image_loss: float
    gradient_norm: float  # of the shortest convex combination of the gradients around z
    goldstein_norm: float  # its share of their mean norm: about 1 far from a minimum, 0 at one
    gradients: float  # spent, those in float64 among them
    seconds: float
    outcome: Outcome  # converged: a minimum, by goldstein_norm; stalled: none
