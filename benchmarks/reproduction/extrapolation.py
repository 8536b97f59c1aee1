"""Where gradient descent will end, from its errors on the way.

The product of the factors 1 − 2ηλ (`ganinv_cli/inversion/solvers/gd.py`) predicts too much, because
the slow directions of J turn while z moves. But after some 10,000 updates the error of z falls by a
steady factor, so its logarithm is extrapolated along a line through two points.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.reproduction.runs import TEXT_UPDATES, Run
from ganinv_cli.clipping import RULES
from ganinv_cli.results.number_format import format_share
from ganinv_cli.results.statistics import EPSILONS, Floats, is_recovered

POINTS = (10_000, 20_000)  # updates, between which the factor is read


def list_extrapolations(run: Run) -> Iterator[dict[str, str]]:
    """Yield the shares below ε of each rule as its errors after POINTS predict them.

    Nothing unless the method is gradient descent without restarts, and the errors of all trials
    after POINTS are known. A run that ends there predicts the paper's number of updates.
    """
    gradients = run.results.constants["curve_gradients"]
    places, updates = np.searchsorted(gradients, POINTS), round(run.config["budget"]) - 1
    if not run.is_descent or run.config["restarts"] or places[-1] == len(gradients):
        return
    end = updates if updates > POINTS[-1] else TEXT_UPDATES
    for rule in sorted(run.rules, key=list(RULES).index):
        first, second = run.read(rule, "curve_error")[:, places].astype(np.float64).T
        if not (np.isfinite(first) & np.isfinite(second)).all():
            return
        predicted = extrapolate_errors(first, second, end, run.config["gd"]["halve_every"])
        ends = run.read(rule, "z_error")
        cells = {}
        for name, epsilon in EPSILONS.items():
            cells[name] = format_share(float(is_recovered(predicted, epsilon).mean()))
            if end == updates:
                share = float(is_recovered(ends, epsilon).mean())
                cells[name] += f", measured {format_share(share)}"
        falling = int(np.sum(second < first))
        yield {
            "generator, method": run.title,
            "clipping": rule,
            "still falling": f"{falling:,} of {len(first):,}",
            **cells,
        }


def extrapolate_errors(first: Floats, second: Floats, updates: int, halve_every: int) -> Floats:
    """Return ‖z − z_true‖² / latent (trials,) after so many updates.

    `first` and `second` are the errors (trials,) after POINTS. The rate is halved every
    `halve_every` updates, never if that is 0. An error that does not fall between POINTS stays as
    it is: that trial has stopped, or the rate is too large for it.
    """
    begun, reached, end = (_weigh_updates(each, halve_every) for each in (*POINTS, updates))
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.minimum(second / first, 1)
    remaining = (end - reached) / (reached - begun)
    return np.asarray(second * np.nan_to_num(factor, nan=1.0) ** remaining)


def _weigh_updates(updates: int, halve_every: int) -> float:
    """Return the number of updates, each in units of one at the first rate."""
    if not halve_every:
        return updates
    halvings, rest = divmod(updates, halve_every)
    last_rate = 0.5**halvings  # over the first
    return 2 * halve_every * (1 - last_rate) + rest * last_rate
