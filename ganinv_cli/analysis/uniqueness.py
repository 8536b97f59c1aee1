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
    rivals = int(np.sum(recoveries.away_from_largest & recoveries.reached_least_loss))
    if recoveries.largest_count >= NEARLY_ALL * recovered and not rivals:
        return UniquenessVerdict("unique", _describe_unique(recoveries))
    if recoveries.count_minima() == 1:
        only = "" if rivals else "only "
        others = f", but {rivals:,} elsewhere reached the least image loss" if rivals else ""
        return UniquenessVerdict(
            "undecided",
            f"undecided: {only}{converged:,} of {recovered:,} recoveries converged; "
            f"they are one z{others}",
        )
    return UniquenessVerdict("not unique", _describe_several(recoveries))


def _describe_unique(recoveries: Recoveries) -> str:
    recovered, same = len(recoveries.loss), recoveries.largest_count
    most = 1 - statistics.clopper_pearson(same, recovered).low
    sure = f"one z (at most {100 * most:.2g} % of starts end elsewhere, 95 %)"
    if same == recovered:
        return f"unique: all {recovered:,} recoveries are {sure}"
    numberless = ~np.isfinite(recoveries.loss) & recoveries.away_from_largest
    others = {
        "elsewhere at a larger loss": recoveries.away_from_largest & ~numberless,
        "there but not converged": ~recoveries.away_from_largest & ~recoveries.stationary,
        "without a number": numberless,
    }
    counts = ((int(np.sum(rows)), words) for words, rows in others.items())
    said = ", ".join(f"{count:,} {words}" for count, words in counts if count)
    return (
        f"unique at the least image loss: {same:,} of {recovered:,} recoveries are {sure}; {said}"
    )


def _describe_several(recoveries: Recoveries) -> str:
    recovered, converged = len(recoveries.loss), int(np.sum(recoveries.stationary))
    minima, largest = recoveries.count_minima(), recoveries.largest_count
    among = "" if converged == recovered else f"{converged:,} converged, "
    most = f", {largest:,} at the most frequent" if largest > 1 else ""
    return (
        f"not unique: {recovered:,} recoveries, {among}{minima:,} different minima{most}; "
        f"{_describe_at_least_loss(recoveries)} the least image loss"
    ) + _describe_spread(recoveries)


def _describe_at_least_loss(recoveries: Recoveries) -> str:
    """Return how many converged recoveries reached the least loss."""
    best = int(np.sum(recoveries.reached_least_loss & recoveries.stationary))
    return f"{best:,} reached" if best else "none that converged reached"


def _describe_spread(recoveries: Recoveries) -> str:
    """Return how many minima the recoveries at the least loss reached, if there are several."""
    best = recoveries.reached_least_loss & recoveries.stationary
    if np.sum(best) < 2:
        return ""
    minima = recoveries.count_minima(best)
    return ", all one z" if minima == 1 else f", at {minima:,} different minima"
