"""Polish z in float64, and test whether the result is a minimum.

An image outside the generator's range leaves a residual. Then the minima of ‖G(z) − x‖² lie at
kinks: z at which ReLUs switch. The gradient jumps there and does not go to 0. So the test uses the
gradients in a small ball around z: if 0 is a convex combination of them, no direction leads down
(Goldstein 1977; Burke, Lewis & Overton 2005). The shortest convex combination of 200 gradients is
never exactly 0. On the shipped generator it is .98 of their mean length at random z, and at most
.06 at the z that the solver returns. More gradients only make it shorter, so a part of them is
tried first; that part is enough if the loss is smooth. If rounding the image to 8 bits explains
the loss, z is right, and nothing is tested. These gradients are always float32. The loss at z is
float64 for a generator of layers; other generators are polished to the last digits of float32.
"""

from dataclasses import dataclass

import numpy as np

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.layers import MAX_SQUARE_LATENT
from ganinv_cli.inversion.polish import Polished
from ganinv_cli.inversion.polish.gauss_newton import GaussNewton, Start, find_z_bounds
from ganinv_cli.inversion.polish.least_squares import compute_gram, find_free
from ganinv_cli.outcome import Outcome
from ganinv_cli.results.statistics import rounding_residual

SUM_WEIGHT = 1e3  # weight of the equation Σ sᵢ = 1 relative to the equations of the gradients
LOSS_ROUNDING = 1e-5  # relative rounding error of an image loss in float32
FIRST_SHARE = 1 / 8  # share of the points around z that are tried before the others
_TINY = 1e-300  # least denominator


@dataclass(frozen=True)
class MinimumTest:
    """Gauss–Newton, then the test for a minimum."""

    radius: float = 1e-2  # of the ball, in z
    level: float = 0.1  # largest steepness of a minimum
    steps: int = 10  # of Gauss–Newton
    explained: float = 1e-6  # image loss that is not tested, if rounding to 8 bits allows less

    def compile_for(self, generator: Generator, mask: np.ndarray | None = None) -> "MinimumTester":
        """Return the test for images of one generator, without what it knows of earlier runs."""
        tester = generator.reuse(MinimumTester, self, mask)
        tester.latest = None
        return tester


class MinimumTester:
    """The test for one generator, compiled once; `MinimumTest.compile_for` makes it."""

    def __init__(
        self, generator: Generator, settings: MinimumTest, mask: np.ndarray | None
    ) -> None:
        self._settings, self._generator = settings, generator
        self._mask, self._newton = mask, generator.reuse(GaussNewton, mask)
        points = 2 * min(generator.latent, MAX_SQUARE_LATENT)
        shape = (points, max(points, generator.latent))
        directions = np.random.default_rng(0).standard_normal(shape)[:, : generator.latent]
        lengths = np.linalg.norm(directions, axis=1, keepdims=True)
        self._offsets = settings.radius * directions / lengths
        # the latest image and label, z, and JᵀJ there
        self.latest: tuple[tuple[bytes, int], np.ndarray, np.ndarray] | None = None

    def __call__(self, z: np.ndarray, target: np.ndarray, rule: str, label: int = -1) -> Polished:
        """Polish one z (latent,) for its target (height, width, channels) and test the result.

        Pixels of the target that are NaN do not count.
        """
        low, high = find_z_bounds(self._generator.prior, rule)
        z = np.clip(z.astype(np.float64), low, high)  # a start without success may end outside
        if not np.isfinite(z).all():
            return Polished(z)
        start = Start(z, target, label, (low, high))
        gram, spent = self._find_gram(start)
        end, evaluations = self._newton.run(start, gram, steps=self._settings.steps)
        (slope, _), spent = end.linearise(), spent + evaluations
        z, loss, gradient = end.x, end.loss, 2 * slope
        counted = np.isfinite(target) & (True if self._mask is None else self._mask > 0)
        if loss <= max(self._settings.explained, rounding_residual(int(counted.sum()))):
            return Polished(z, loss, gradients=spent, outcome=Outcome.converged)
        inside = (z > low) & (z < high)
        points = np.clip(np.where(inside, z + self._offsets, z), low, high)
        first = max(1, round(FIRST_SHARE * len(points)))
        gradients, least = gradient[None], np.inf
        for part in (points[:first], points[first:]):
            losses, others = self._newton.evaluate(part, target, label)
            spent += len(others)
            gradients, least = np.vstack([gradients, others]), min(least, losses.min())
            if not np.isfinite(gradients).all():
                return Polished(z, loss, gradients=spent)
            free = gradients[:, find_free(z, gradients.mean(0), low, high)]
            norm = float(np.linalg.norm(shortest_combination(free)))
            steepness = norm / max(float(np.linalg.norm(free, axis=1).mean()), _TINY)
            lower = least < loss * (1 - LOSS_ROUNDING)  # at a ridge the combination is also 0
            minimum = steepness <= self._settings.level and not lower
            if minimum:
                break
        outcome = Outcome.converged if minimum else Outcome.stalled
        return Polished(z, loss, norm, steepness, spent, outcome=outcome)

    def _find_gram(self, start: Start) -> tuple[np.ndarray, float]:
        """Return JᵀJ (latent, latent), and the gradients that it cost.

        Starts of one image often end at one z: J at the latest one serves others near it.
        """
        picture = start.target.tobytes(), start.label
        if self.latest is not None:
            latest_picture, latest_z, gram = self.latest
            is_near = np.linalg.norm(start.z - latest_z) <= self._settings.radius
            if picture == latest_picture and is_near:
                return gram, 0.0
        gram = compute_gram(self._newton.compute_jacobian(start))
        self.latest = picture, start.z, gram
        return gram, self._generator.jacobian_gradients


def shortest_combination(gradients: np.ndarray) -> np.ndarray:
    """Return Σ sᵢ gᵢ (free,) of least norm over sᵢ ≥ 0, Σ sᵢ = 1, for gradients (n, free)."""
    from scipy.optimize import nnls  # here: slow to import

    scale = np.abs(gradients).max(initial=0.0)
    if scale == 0:
        return np.zeros(gradients.shape[1])
    equations = np.vstack([gradients.T / scale, np.full(len(gradients), SUM_WEIGHT)])
    right_side = np.zeros(len(equations))
    right_side[-1] = SUM_WEIGHT
    shares, _ = nnls(equations, right_side)
    return np.asarray(shares / shares.sum() @ gradients)
