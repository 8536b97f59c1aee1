"""Is z unique? In a sentence."""

import numpy as np

from ganinv_cli.report.consistency_minima import Recoveries


def verdict(recoveries: Recoveries) -> str:
    """How many minima the recoveries came to; a plain sentence, without its point."""
    recovered, converged = len(recoveries.loss), int(np.sum(recoveries.stationary))
    minima, largest = recoveries.minima(), recoveries.largest
    best = recoveries.reached & recoveries.stationary
    reached = int(np.sum(best))
    if converged < 2:
        return f"undecided: {converged} of {recovered:,} recoveries converged"
    if minima == 1 and converged == recovered:
        return f"unique: all {recovered:,} recoveries converged, and are one z"
    if minima == 1 and 2 * converged <= recovered:
        return (
            f"undecided: only {converged:,} of {recovered:,} recoveries converged; they are one z"
        )
    if minima == 1:
        return f"unique: the {converged:,} of {recovered:,} recoveries that converged are one z"
    same = int(np.sum(recoveries.labels == recoveries.labels[best].max(initial=-2)))
    if recoveries.minima(best) == 1 and 2 * same > recovered:
        return (
            f"unique at the least image loss: {same:,} of {recovered:,} recoveries are one z; "
            f"{converged - same:,} at other minima of a larger loss, "
            f"{recovered - converged:,} at no minimum"
        )
    among = f"{converged:,}" if converged == recovered else f"{converged:,} that converged"
    at_best = f"{recoveries.minima(best):,} distinct minima among the {reached:,}"
    if reached < 2:
        at_best = f"{reached} of them"
    elif recoveries.minima(best) == 1:
        at_best = f"one z among the {reached:,}"
    return (
        f"not unique: {minima:,} distinct minima among {among}, {largest:,} at the most frequent; "
        f"{at_best} that reached the least image loss"
    )
