"""Polishing of z, and the test for a minimum."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.outcome import Outcome


class Polished(NamedTuple):
    """The end of polishing a z, with a field for each column `polished/*` of the results."""

    z_found: np.ndarray  # (latent,) float64
    image_loss: float = np.nan
    gradient_norm: float = np.nan  # of the shortest convex combination of the gradients around z
    steepness: float = np.nan  # gradient_norm / their mean norm: 0 at a minimum, about 1 far away
    gradients: float = 0.0  # spent, including those in float64
    seconds: float = 0.0  # measured by the worker
    # converged: a minimum, by steepness; stalled: not a minimum
    outcome: Outcome = Outcome.non_finite
