"""How near z is beyond what Table 1 counts: by the bound of the loss, and polished in float64."""

from collections.abc import Mapping

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.plain_numbers import finite_or_none, mean_or_none
from ganinv_cli.report.report import Row
from ganinv_cli.report.shared.run import Group


def count_within_bound(group: Group) -> Row | None:
    """Of the converged trials, those whose z is as near as their bound says.

    None where the results have no bounds.
    """
    if "error_bound" not in group:
        return None
    bounded = (group["outcome"] == Outcome.converged) & np.isfinite(group["error_bound"])
    converged = int(np.sum(bounded))
    within = int(np.sum(bounded & (group["z_error"] <= group["error_bound"])))
    interval = statistics.clopper_pearson(within, converged) if converged else (None, None)
    return {"converged": converged, "held": within, "interval": list(interval)}


def make_refinement_rows(groups: Mapping[str, Group]) -> list[Row]:
    """A row for each technique of which something was polished."""
    return [
        _make_row(technique, group)
        for technique, group in groups.items()
        if "polished/z_error" in group
    ]


def _make_row(rule: str, group: Group) -> Row:
    """The share is of all trials, the other figures are those of the polished ones."""
    trials, error = len(group["trial"]), group["polished/z_error"]
    exact = int(np.sum(statistics.is_recovered(error, statistics.EXACT_EPSILON)))
    done = group["polished/outcome"] != 0
    median = float(np.median(error[done])) if done.any() else np.nan
    return {
        "technique": rule,
        "trials": trials,
        "polished": int(np.sum(done)),
        "recovered": {"1e-20": exact},
        "interval": list(statistics.clopper_pearson(exact, trials)),
        "z_error_median": finite_or_none(median),
        "gradients": mean_or_none(group["polished/gradients"][done]),
        "seconds": mean_or_none(group["polished/seconds"][done]),
    }
