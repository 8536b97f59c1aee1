"""The numbers of Table 1, of the refinement in float64, and of the paired tests."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.analysis.groups import Group
from ganinv_cli.clipping import RULES
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.rules import count_outcomes, count_same_trials, summarize_costs
from ganinv_cli.report.table import Row, mean_or_none
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON
from ganinv_cli.statistics.descent import POINTS, extrapolate_errors

if TYPE_CHECKING:
    from ganinv_cli.store import Results

PAPER_UPDATES = 100_000
# The ways of counting: after the first start of a trial, and after its restarts.
COLUMN_PREFIXES = {"first_start": "first/", "recovered": ""}  # each with its columns' prefix

Errors = dict[str, NDArray[np.floating]]  # (trials,) for each way of counting


def select_groups(results: "Results") -> dict[str, Group]:
    """Return the group of each rule that has a trial, in the tables' order."""
    return {
        rule: results.groups[rule]
        for rule in RULES
        if rule in results.groups and len(results.groups[rule]["trial"])
    }


def select_errors(group: Group, any_update: bool) -> Errors:
    """Return the z errors that decide whether trials are recovered.

    With `any_update` these are, as in the paper's code, the least errors at any update. The column
    holds them for whole trials, so a first start that was followed by a restart counts by its end.
    """
    if not any_update:
        return {counting: group[f"{prefix}z_error"] for counting, prefix in COLUMN_PREFIXES.items()}
    least = group["z_error_least"]
    first = np.where(group["restarts"] == 0, least, group["first/z_error"])
    return {"first_start": first, "recovered": least}


def make_row(rule: str, group: Group, errors: Errors, shared: float) -> Row:
    """Return a row of Table 1: the results of a clipping rule over all its trials."""
    trials, paper = len(group["trial"]), RULES[rule].paper_shares
    counts = {
        counting: {
            name: int(np.sum(statistics.is_recovered(z_error, epsilon)))
            for name, epsilon in EPSILONS.items()
        }
        for counting, z_error in errors.items()
    }
    failed = ~statistics.is_recovered(errors["first_start"], EPSILONS[SMALLEST_EPSILON])
    return {
        "technique": rule,
        "trials": trials,
        **counts,  # trials with an error below each epsilon, by way of counting
        "intervals": {  # 95 %, of their shares
            counting: {name: statistics.clopper_pearson(n, trials) for name, n in of.items()}
            for counting, of in counts.items()
        },
        "paper": dict(zip(EPSILONS, paper, strict=True)) if paper else {},
        "elsewhere": {  # trials that converged to another z
            counting: int(
                np.sum(statistics.is_elsewhere(errors[counting], group[f"{prefix}outcome"]))
            )
            for counting, prefix in COLUMN_PREFIXES.items()
        },
        "bound": _count_within_bound(group),
        "outcomes": {
            counting: count_outcomes(group[f"{prefix}outcome"])
            for counting, prefix in COLUMN_PREFIXES.items()
        },
        # mean components of z at a bound of the prior, over the first starts that failed
        "at_bound": mean_or_none(group["first/at_bound"][failed])
        if "first/at_bound" in group
        else None,
        **summarize_costs(group, shared),
    }


def _count_within_bound(group: Group) -> Row | None:
    """Return how often the estimated bound on the error of z held; None without bounds."""
    if "error_bound" not in group:
        return None
    bounded = (group["outcome"] == Outcome.converged) & np.isfinite(group["error_bound"])
    converged = int(np.sum(bounded))
    held = int(np.sum(bounded & (group["z_error"] <= group["error_bound"])))
    interval = statistics.clopper_pearson(held, converged) if converged else (None, None)
    return {"converged": converged, "held": held, "interval": interval}


def make_refinement_row(rule: str, group: Group) -> Row:
    """Return the errors of z after the refinement in float64."""
    trials, error = len(group["trial"]), group["polished/z_error"]
    exact = int(np.sum(statistics.is_recovered(error, statistics.EXACT_EPSILON)))
    refined = group["polished/outcome"] != 0
    return {
        "technique": rule,
        "trials": trials,  # refined or not
        "polished": int(np.sum(refined)),  # the median and the means are over these
        "recovered": {"1e-20": exact},
        "interval": statistics.clopper_pearson(exact, trials),
        "z_error_median": np.median(error[refined]) if refined.any() else None,
        "gradients": mean_or_none(group["polished/gradients"][refined]),
        "seconds": mean_or_none(group["polished/seconds"][refined]),
    }


def extrapolate_rules(results: "Results", groups: Mapping[str, Group]) -> list[Row]:
    """Return each rule's shares below ε as its errors after POINTS predict them, and as measured.

    There are none unless the method is gradient descent without restarts, and the errors of all
    trials after POINTS are known. A run that ends there predicts the paper's number of updates.
    """
    config = results.attributes.get("config", {})
    if config.get("solver") != "gd" or config.get("restarts"):
        return []
    places = np.searchsorted(results.constants["curve_gradients"], POINTS)
    updates = int(config.get("budget", 0)) - 1
    if places[-1] == len(results.constants["curve_gradients"]) or updates < POINTS[-1]:
        return []
    is_measured = updates > POINTS[-1]
    end = updates if is_measured else PAPER_UPDATES
    rows = []
    for rule, group in groups.items():
        first, second = group["curve_error"][:, places].astype(np.float64).T
        if not (np.isfinite(first) & np.isfinite(second)).all():
            return []
        found = extrapolate_errors(first, second, end, config["gd"]["halve_every"])
        shares = {name: statistics.is_recovered(found, each) for name, each in EPSILONS.items()}
        ends = group["z_error"]
        rows.append(
            {
                "technique": rule,
                "trials": len(found),
                "updates": end,
                "falling": int(np.sum(second < first)),  # trials whose error still falls
                "predicted": {name: float(each.mean()) for name, each in shares.items()},
                "measured": {
                    name: float(statistics.is_recovered(ends, each).mean())
                    for name, each in EPSILONS.items()
                }
                if is_measured
                else None,
            }
        )
    return rows


def find_same_rules(groups: Mapping[str, Group]) -> list[Row]:
    """Return the pairs of rules that did the same in every trial, for each way of counting."""
    return [
        {"counted": counting, "first": first, "second": second, "trials": trials}
        for counting, prefix in COLUMN_PREFIXES.items()
        for first, second in combinations(groups, 2)
        if (trials := count_same_trials(groups[first], groups[second], prefix))
    ]


def compare_rules(
    groups: Mapping[str, Group], errors: Mapping[str, Errors], same: Sequence[Row]
) -> list[Row]:
    """Return McNemar's test of each pair of rules but the `same`, for each way of counting."""
    copies = {(row["counted"], row["first"], row["second"]) for row in same}
    tests: list[Row] = []
    for counting in COLUMN_PREFIXES:
        for first, second in combinations(groups, 2):
            if (counting, first, second) in copies:
                continue
            recovered = [
                statistics.is_recovered(errors[rule][counting], EPSILONS[SMALLEST_EPSILON])
                for rule in (first, second)
            ]
            both = statistics.match_trials(
                groups[first]["trial"], recovered[0], groups[second]["trial"], recovered[1]
            )
            test = statistics.mcnemar(*both)._asdict()
            tests.append({"counted": counting, "first": first, "second": second, **test})
    return tests


def collect_p_values(mcnemar: Sequence[Row], rule: str, rules: Sequence[str]) -> Row:
    """Return McNemar's p of a rule against each of the rules; None if there is no such test."""
    found = {(test["counted"], test["first"], test["second"]): test["p"] for test in mcnemar}
    return {
        f"p.{counting}.{other}": found.get(
            (counting, rule, other), found.get((counting, other, rule))
        )
        for counting in COLUMN_PREFIXES
        for other in rules
    }
