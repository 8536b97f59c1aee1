"""Is z unique? In a sentence."""

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.consistency.minima import Recoveries

FEW = 10  # recoveries, below which nothing is decided
NEARLY_ALL = 0.95  # share of all recoveries that must be one z for it to be called unique


def verdict(recoveries: Recoveries) -> str:
    """How many minima the recoveries came to; a plain sentence, without its point.

    Unique: NEARLY_ALL are one z and have converged, and none that lies elsewhere reached the least
    image loss. Where there are labels, those under the label of the least image loss are judged.
    """
    label, labels = recoveries.best_label, recoveries.labels
    if label is None or labels is None:
        return _judged(recoveries)
    others = labels != label
    rivals = int(np.sum(recoveries.reached & others))
    mine = f"under label {label}, {_judged(recoveries.under(label))}"
    if rivals:
        return f"not unique: {rivals:,} under other labels reached the least image loss too; {mine}"
    more = f"; {np.sum(others):,} ended under other labels, at larger losses"
    return mine + (more if others.any() else "")


def _judged(recoveries: Recoveries) -> str:
    recovered, converged = len(recoveries.loss), int(np.sum(recoveries.stationary))
    if recovered < FEW:
        return f"undecided: only {recovered} {'recovery' if recovered == 1 else 'recoveries'}"
    if converged < 2:
        return f"undecided: {converged or 'none'} of {recovered:,} recoveries converged"
    rivals = int(np.sum(recoveries.strays & recoveries.reached))
    if recoveries.largest >= NEARLY_ALL * recovered and not rivals:
        return _unique(recoveries)
    if recoveries.minima() == 1:
        only = "" if rivals else "only "
        others = f", but {rivals:,} elsewhere reached the least image loss" if rivals else ""
        return (
            f"undecided: {only}{converged:,} of {recovered:,} recoveries converged; "
            f"they are one z{others}"
        )
    return _several(recoveries)


def _unique(recoveries: Recoveries) -> str:
    recovered, same = len(recoveries.loss), recoveries.largest
    most = 1 - statistics.interval(same, recovered).low
    sure = f"one z (at most {100 * most:.2g} % of starts end elsewhere, 95 %)"
    if same == recovered:
        return f"unique: all {recovered:,} recoveries are {sure}"
    numberless = ~np.isfinite(recoveries.loss) & recoveries.strays
    others = {
        "elsewhere at a larger loss": recoveries.strays & ~numberless,
        "there but not converged": ~recoveries.strays & ~recoveries.stationary,
        "without a number": numberless,
    }
    counts = ((int(np.sum(rows)), words) for words, rows in others.items())
    said = ", ".join(f"{count:,} {words}" for count, words in counts if count)
    return (
        f"unique at the least image loss: {same:,} of {recovered:,} recoveries are {sure}; {said}"
    )


def _several(recoveries: Recoveries) -> str:
    recovered, converged = len(recoveries.loss), int(np.sum(recoveries.stationary))
    minima, largest = recoveries.minima(), recoveries.largest
    among = "" if converged == recovered else f"{converged:,} converged, "
    most = f", {largest:,} at the most frequent" if largest > 1 else ""
    return (
        f"not unique: {recovered:,} recoveries, {among}{minima:,} different minima{most}; "
        f"{_at_best(recoveries)} the least image loss"
    ) + _spread(recoveries)


def _at_best(recoveries: Recoveries) -> str:
    """Of those that converged."""
    best = int(np.sum(recoveries.reached & recoveries.stationary))
    return f"{best:,} reached" if best else "none that converged reached"


def _spread(recoveries: Recoveries) -> str:
    """To how many minima those that reached the least loss came, where they are several."""
    best = recoveries.reached & recoveries.stationary
    if np.sum(best) < 2:
        return ""
    minima = recoveries.minima(best)
    return ", all one z" if minima == 1 else f", at {minima:,} different minima"
