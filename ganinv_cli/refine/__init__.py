"""Float64 refinement of a recovered z, and the test for a minimum."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.outcome import Outcome


class Refined(NamedTuple):
    """What became of the best z in float64 (`solvers/polish.py`)."""

    z: np.ndarray  # (latent,) float64
    image_loss: float
    gradient_norm: float  # of the shortest convex combination of the gradients around z
    goldstein_norm: float  # its share of their mean norm: about 1 on a slope, 0 in a hollow
    gradients: float  # spent, those in float64 among them
    seconds: float
    outcome: Outcome  # converged: a minimum, by the steepness; stalled: none
