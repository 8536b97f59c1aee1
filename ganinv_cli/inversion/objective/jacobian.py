"""J = dG/dz at draws from the prior: the draws, dead generators, and the spectrum of JᵀJ.

The spectrum limits the rate and accuracy of gradient descent.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from ganinv_cli import cache
from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.network.generator import (
    Generator,
    compute_jacobian,
    compute_jacobian_blocks,
)
from ganinv_cli.inversion.objective.ground_truth import draw_z
from ganinv_cli.inversion.randomness import Purpose
from ganinv_cli.progress.measurements import count_steps

POINTS = 40  # draws at which J is measured
MAX_JACOBIAN_VALUES = 2**27  # numbers in all J together, 0.5 GiB
CACHE_KIND = "spectrum"
VERSION = 2  # of this method; a new number invalidates kept measurements
MEASURING = "measuring J at {} random z"  # what is shown meanwhile


def limit_points(generator: Generator, points: int) -> int:
    """Return the number of draws to use: fewer than `points` if J would not fit in memory."""
    fitting = MAX_JACOBIAN_VALUES // (generator.latent * generator.count_values())
    return min(points, max(1, fitting))


def draw_points(generator: Generator, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `points` z (n, latent) and their labels (n,), of `limit_points`.

    The draws depend on their number alone. The labels of a conditional generator are taken in turn;
    they are 0 if there are none.
    """
    numbers = np.arange(limit_points(generator, points))
    z = draw_z(generator, Purpose.preconditioner, numbers)
    return z, np.arange(len(z), dtype=np.int32) % max(generator.labels, 1)


def find_largest_changes(jacobian: np.ndarray) -> np.ndarray:
    """Return max |J| over the pixels for each row of Jᵀ (rows, pixels); NaN if one is NaN."""
    largest: np.ndarray = np.maximum(jacobian.max(1), -jacobian.min(1))
    return largest


def measure_largest_changes(generator: Generator, points: int) -> Iterator[np.ndarray]:
    """Yield max |∂G/∂zᵢ| over the pixels (latent,) at each of the draws.

    All are NaN at a draw whose picture is not finite. J is computed in blocks, so a J of any size
    can be measured. Needs frozen batch-norm statistics.
    """
    draws = list(zip(*draw_points(generator, points), strict=True))
    for z, label in count_steps(draws, MEASURING):
        picture = generator.render(z[None], 1, labels=label[None])
        blocks = compute_jacobian_blocks(generator, z, label)
        changes = np.concatenate([find_largest_changes(block) for block in blocks])
        yield changes if np.isfinite(picture).all() else np.full(len(z), np.nan)


def refuse_dead_generator(changes: Iterable[np.ndarray]) -> None:
    """Raise CheckpointError if J is zero, or not finite, at all draws.

    `changes` are those of `measure_largest_changes`; none is measured beyond the first that shows
    that the pictures depend on z.
    """
    if not any(np.isfinite(largest).all() and largest.any() for largest in changes):
        raise CheckpointError(
            "this generator's images do not depend on z, or are not finite; is its file complete?"
        )


def find_eigenvalues(generator: Generator, mask: np.ndarray | None = None) -> np.ndarray:
    """Return what `measure_eigenvalues` returns, kept from an earlier command or measured now."""
    mask_text = "" if mask is None else mask.tobytes().hex()
    inputs = VERSION, generator.sha256, generator.prior, generator.labels, POINTS, mask_text
    arrays = cache.measure_once(
        CACHE_KIND, lambda: {"eigenvalues": measure_eigenvalues(generator, mask)}, *inputs
    )
    return arrays["eigenvalues"]


def measure_eigenvalues(generator: Generator, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the eigenvalues of JᵀJ / values, float64 (points, latent), least first.

    At the POINTS draws of `draw_points`; NaN where J is not finite. Pixels that a mask (height,
    width, 1) leaves out do not count. J is float32 and JᵀJ float64; the error is 1e-12 of the
    largest eigenvalue. Needs frozen batch-norm statistics.
    """
    draws = list(zip(*draw_points(generator, POINTS), strict=True))
    return np.stack(
        [
            _compute_eigenvalues(generator, z, int(label), mask)
            for z, label in count_steps(draws, MEASURING)
        ]
    )


def _compute_eigenvalues(
    generator: Generator, z: np.ndarray, label: int, mask: np.ndarray | None
) -> np.ndarray:
    jacobian = compute_jacobian(generator, z, label, mask=mask).astype(np.float64)
    if not np.isfinite(jacobian).all():
        return np.full(len(z), np.nan)
    values = np.linalg.eigvalsh(jacobian @ jacobian.T / generator.count_values(mask))
    return np.asarray(np.maximum(values, 0))
