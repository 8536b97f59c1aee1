"""J = dG/dz at draws from the prior: which draws, and whether the pictures depend on z there."""

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import CheckpointError
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import compute_jacobian_blocks
from ganinv_cli.randomness import Purpose, uniform

POINTS = 40  # draws at which the solvers measure J
MAX_JACOBIAN_VALUES = 2**27  # numbers in all J together, 0.5 GiB


def limit_points(generator: Generator, points: int) -> int:
    """Return the number of draws to use: fewer than `points` if J would not fit in memory."""
    return min(
        points,
        max(1, MAX_JACOBIAN_VALUES // (generator.latent * generator.count_values())),
    )


def draw_points(generator: Generator, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `points` z (n, latent) and their labels (n,), of `limit_points`.

    The draws depend on their number alone. The labels of a conditional generator are taken in turn;
    they are 0 if there are none.
    """
    numbers = tf.range(limit_points(generator, points), dtype=tf.int64)
    share = uniform(0, numbers, Purpose.preconditioner, tf.zeros_like(numbers), generator.latent)
    labels = np.arange(len(numbers), dtype=np.int32) % max(generator.labels, 1)
    return generator.prior.quantile(share).numpy(), labels


def find_largest_changes(jacobian: np.ndarray) -> np.ndarray:
    """Return max |J| over the pixels for each row of Jᵀ (rows, pixels); NaN if one is NaN."""
    largest: np.ndarray = np.maximum(jacobian.max(1), -jacobian.min(1))
    return largest


def measure_largest_changes(generator: Generator, points: int) -> Iterator[np.ndarray]:
    """Yield max |∂G/∂zᵢ| over the pixels (latent,) at each of the draws.

    All are NaN at a draw whose picture is not finite. J is computed in blocks, so a J of any size
    can be measured. Needs frozen batch-norm statistics.
    """
    for z, label in zip(*draw_points(generator, points), strict=True):
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
