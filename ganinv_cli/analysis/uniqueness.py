"""Decide whether z is unique, and say it in a sentence."""

from typing import Literal, NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.recoveries import Recoveries

MIN_RECOVERIES = 10  # for a verdict
NEARLY_ALL = 0.95  # share of all recoveries that must be one z for it to be called unique

Uniqueness = Literal["unique", "not unique", "undecided"]


class UniquenessVerdict(NamedTuple):
    """Whether z is unique, and the numbers that say so."""

    word: Uniqueness
    sentence: str  # without its full stop


def decide_uniqueness(recoveries: Recoveries) -> UniquenessVerdict:
    """Return whether the recoveries reached one minimum.

    z is unique if NEARLY_ALL recoveries converged to one z, and none elsewhere reached the least
    image loss. With labels, the verdict is on those under the label of the least image loss.
    """
    label, labels = recoveries.best_label, recoveries.labels
    if label is None or labels is None:
        return _decide_one_label(recoveries)
    others = labels != label
    rivals = int(np.sum(recoveries.reached_least_loss & others))
    word, sentence = _decide_one_label(recoveries.select_label(label))
    own_verdict = f"under label {label}, {sentence}"
    if rivals:
        return UniquenessVerdict(
            "not unique",
            f"not unique: {rivals:,} under other labels reached the least image loss too; "
            f"{own_verdict}",
        )
    more = f"; {np.sum(others):,} ended under other labels, at larger losses"
    return UniquenessVerdict(word, own_verdict + (more if others.any() else ""))


def _decide_one_label(recoveries: Recoveries) -> UniquenessVerdict:
    recovered, converged = len(recoveries.loss), int(np.sum(recoveries.stationary))
    if recovered < MIN_RECOVERIES:
        noun = "recovery" if recovered == 1 else "recoveries"
        return UniquenessVerdict("undecided", f"undecided: only {recovered} {noun}")
    if converged < 2:
        count = f"{converged or 'none'} of {recovered:,}"
        return UniquenessVerdict("undecided", f"undecided: {count} recoveries converged")
    minima, largest = recoveries.count_minima(), recoveries.largest_count
    rivals = int(np.sum(recoveries.away_from_largest & recoveries.reached_least_loss))
    if largest >= NEARLY_ALL * recovered and not rivals:
        most = 1 - statistics.clopper_pearson(largest, recovered).low
        count = "all" if largest == recovered else f"{largest:,} of"
        return UniquenessVerdict(
            "unique",
            f"unique: {count} {recovered:,} recoveries are one z (at most {100 * most:.2g} % of "
            "starts end elsewhere, 95 %)",
        )
    count = f"{converged:,} of {recovered:,} recoveries converged"
    if minima == 1:
        others = f", but {rivals:,} elsewhere reached the least image loss" if rivals else ""
        return UniquenessVerdict("undecided", f"undecided: {count}; they are one z{others}")
    best = int(np.sum(recoveries.reached_least_loss & recoveries.stationary))
    return UniquenessVerdict(
        "not unique",
        f"not unique: {count}, to {minima:,} different minima, {largest:,} to the most frequent; "
        f"{best:,} reached the least image loss",
    )
