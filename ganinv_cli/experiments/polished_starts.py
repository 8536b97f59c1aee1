"""Polish the starts that explain their image, with one J for all starts of an image."""

import time
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from ganinv_cli.experiments.answers import Key, is_near
from ganinv_cli.experiments.trial_rows import Columns, add_polished
from ganinv_cli.generators.network.generator import Generator, compute_jacobian
from ganinv_cli.images import Picture
from ganinv_cli.inversion.objective.clipped_pixels import find_decisive
from ganinv_cli.inversion.polish.gauss_newton import GaussNewton, Start, find_z_bounds
from ganinv_cli.inversion.polish.least_squares import compute_gram
from ganinv_cli.outcome import Outcome
from ganinv_cli.precision import Dtype
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.recoveries import Recoveries
from ganinv_cli.results.store.rows import Group

KEPT_GRAMS = 256  # JᵀJ of images
KEPT_BYTES = 1 << 28  # of J


class _Jacobian(NamedTuple):
    transposed: np.ndarray  # (latent, pixels)
    z: np.ndarray  # where it was computed
    label: int


class StartPolisher:
    """Polishes starts of images with one generator; it keeps J of the latest images."""

    def __init__(self, generator: Generator, precision: Dtype) -> None:
        """Evaluate in a precision, float32 or float64."""
        self._generator, self._precision = generator, precision
        self._jacobians: OrderedDict[Key, _Jacobian] = OrderedDict()
        self._grams: OrderedDict[Key, np.ndarray] = OrderedDict()  # (latent, latent)

    def polish(self, key: Key, picture: Picture, starts: Columns, first: Group) -> Columns:
        """Return new starts of an image under a rule with their z polished, if they explain it.

        `first` has the earlier starts too, whose first that explains the image is where J is.
        """
        target = picture.masked_target
        rounding = statistics.rounding_residual(int(np.isfinite(target).sum()))
        explaining = np.flatnonzero(starts["image_loss"] <= rounding)
        if not len(explaining):
            return starts
        polished = {}
        for row in explaining.tolist():
            start_time, spent = time.monotonic(), 0.0
            if key not in self._grams:
                self._measure(key, picture, first, rounding)
                spent = self._generator.jacobian_gradients
            bounds = find_z_bounds(self._generator.prior, key[0])
            start = Start(starts["z_found"][row], target, _get_label(starts, row), bounds)
            newton = self._generator.reuse(GaussNewton)
            outcome = Outcome(int(starts["outcome"][row]))
            end = newton.polish(start, outcome, self._grams[key], self._precision)
            seconds = time.monotonic() - start_time
            polished[row] = end._replace(gradients=end.gradients + spent, seconds=seconds)
        return add_polished(starts, polished)

    def get_jacobian(self, key: Key, picture: Picture, starts: Group) -> np.ndarray | None:
        """Return J transposed (latent, pixels) near the best z of an image, where it was polished.

        None if no start explains the image, or another z than the best one was polished.
        """
        rounding = statistics.rounding_residual(picture.counted_values)
        if key not in self._jacobians:  # of starts that an earlier command polished
            if not (starts["image_loss"] <= rounding).any():
                return None
            self._measure(key, picture, starts, rounding)
        jacobian = self._jacobians[key]
        recoveries = Recoveries(starts, rounding, self._generator.prior)
        best = recoveries.best_row
        if _get_label(starts, best) != jacobian.label:
            return None
        near = is_near(recoveries.z[best][None], jacobian.z, recoveries.prior)
        return jacobian.transposed if near.all() else None

    def forget(self, key: Key) -> None:
        """Free J of an image."""
        self._jacobians.pop(key, None)
        self._grams.pop(key, None)

    def _measure(self, key: Key, picture: Picture, starts: Group, rounding: float) -> None:
        """Compute J at the first start that explains an image."""
        row = int(np.argmax(starts["image_loss"] <= rounding))
        z, label = starts["z_found"][row], _get_label(starts, row)
        jacobian = compute_jacobian(self._generator, z, label)
        decisive = find_decisive(self._generator, z, label, picture.masked_target)
        self._grams[key] = compute_gram(jacobian * decisive)
        self._jacobians[key] = _Jacobian(jacobian, z, label)
        while len(self._grams) > KEPT_GRAMS:
            self._grams.popitem(last=False)
        while len(self._jacobians) * jacobian.nbytes > KEPT_BYTES and len(self._jacobians) > 1:
            self._jacobians.popitem(last=False)


def _get_label(starts: Group, row: int) -> int:
    return int(starts["label"][row]) if "label" in starts else -1
