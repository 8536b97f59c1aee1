"""When an image is answered: two of its starts found one z, and it leaves what storing leaves.

Then its other starts are not run. The starts that count are trials 0 to k, where k depends on the
starts of the image alone: not on the order in which they end, nor on other images.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ganinv_cli.experiments.trial_rows import Columns
from ganinv_cli.prior import Prior
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.evidence import AGREEING_SHARE
from ganinv_cli.results.analysis.recoveries import Recoveries
from ganinv_cli.results.store.columns import IMAGE, TRIAL
from ganinv_cli.results.store.rows import Group

FIRST_ROUNDS = 2  # starts under each label, that run before it is known whether more are needed
FIRST_TRIALS = 8  # of all images together, since fewer rows of a batch take as long
NEAR = 0.2  # share of the distance of two draws, up to which two z may be one

Key = tuple[str, int]  # a rule and the number of an image


class DueStarts(NamedTuple):
    """The starts of an image under a rule that are enough for a certificate."""

    rule: str
    image: int
    columns: Columns  # in the order of their trials


def count_first_released(images: int, labels: int, trials: int) -> int:
    """Return how many trials of an image run before it is known whether more are needed."""
    return min(trials, max(FIRST_ROUNDS * labels, FIRST_TRIALS // max(1, images)))


def count_released(explains: np.ndarray, first: int, labels: int, trials: int) -> int:
    """Return how many of the trials of an image may run.

    `explains` (ended,) says of trials 0, 1, … that have ended whether they explain the image. When
    the first have ended, one more per label may run if any of them explains it, else all.
    """
    released = first
    while released <= len(explains) and released < trials:
        released = released + labels if explains[:released].any() else trials
    return min(released, trials)


def count_consecutive(trials: np.ndarray) -> int:
    """Return how many trials there are before the first that is missing."""
    return int(np.argmin(np.append(trials == np.arange(len(trials)), False)))


def find_uncounted(starts: Group, counted: Mapping[int, int]) -> np.ndarray:
    """Return which starts (rows,) bool ran beside those that answered their image.

    `counted` says how many trials count of each image that is answered.
    """
    most = {**dict.fromkeys(np.unique(starts[IMAGE]).tolist(), np.inf), **counted}
    numbers = np.array(sorted(most))
    counts = np.array([most[number] for number in numbers.tolist()])
    uncounted: np.ndarray = starts[TRIAL] >= counts[np.searchsorted(numbers, starts[IMAGE])]
    return uncounted


def is_near(z: np.ndarray, other: np.ndarray, prior: Prior) -> np.ndarray:
    """Return which z (n, latent) may be one with another z (latent,)."""
    latent = len(other)
    near = NEAR * latent * statistics.expected_distance(latent, prior)
    is_one: np.ndarray = np.linalg.norm(z - other, axis=1) <= near
    return is_one


def find_agreeing(recoveries: Recoveries, count: int, labels: int) -> int | None:
    """Return the first trial at which every label was tried, and that agrees with an earlier one.

    They agree if both reached the least image loss under one label, with z that may be one. Of the
    recoveries, the first `count` are trials 0, 1, …
    """
    z, loss = recoveries.z, recoveries.loss
    for last in range(labels, count):
        lowest = statistics.is_lowest(loss[: last + 1], AGREEING_SHARE, recoveries.rounding_loss)
        agree = lowest[:-1] & is_near(z[:last], z[last], recoveries.prior)
        if recoveries.labels is not None:
            agree &= recoveries.labels[:last] == recoveries.labels[last]
        if lowest[-1] and agree.any():
            return last
    return None
