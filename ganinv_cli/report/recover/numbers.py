"""`ganinv recover`: the numbers of Table 1 and of the paired tests."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.plain_numbers import finite_or_none, mean_or_none
from ganinv_cli.report.report import Row
from ganinv_cli.report.shared import labels
from ganinv_cli.report.shared.failures import ELSEWHERE, Reasons
from ganinv_cli.report.shared.refinement import count_within_bound
from ganinv_cli.report.shared.run import Group
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON

if TYPE_CHECKING:
    from ganinv_cli.store import Results

COLUMN_PREFIXES = {"first_start": "first/", "recovered": ""}  # each with its columns' prefix

_Errors = dict[str, NDArray[np.floating]]  # (trials,) for each way of counting


def select_groups(results: "Results") -> dict[str, Group]:
    """Those with a trial, in the tables' order."""
    return {
        technique: results.groups[technique]
        for technique in RULES
        if technique in results.groups and len(results.groups[technique]["trial"])
    }


def counts_any_update(results: "Results") -> bool:
    """Return whether success at any update counts, as in the paper's code, not at the end alone."""
    return bool(results.attributes.get("config", {}).get("success") == "ever")


def make_rows(results: "Results") -> list[Row]:
    """Return a row of Table 1 for each rule that has trials."""
    groups = select_groups(results)
    errors = _select_all_errors(results)
    trials = sum(len(group["trial"]) for group in groups.values())
    shared = float(results.constants.get("shared_gradients", 0)) / trials
    return [
        _make_row(technique, group, errors[technique], shared)
        | labels.count_right_labels(results, group)
        for technique, group in groups.items()
    ]


def compare_rules(results: "Results") -> list[Row]:
    """Return McNemar's test of each pair of rules, for each way of counting."""
    groups, errors = select_groups(results), _select_all_errors(results)
    return [
        _compare_pair(counted, first, second, groups, errors)
        for counted in COLUMN_PREFIXES
        for first, second in combinations(groups, 2)
    ]


def collect_p_values(mcnemar: list[Row], rule: str) -> Row:
    """McNemar's p against every technique there can be, None where there is no test."""
    found = {(test["counted"], test["first"], test["second"]): test["p"] for test in mcnemar}
    return {
        f"p.{counted}.{other}": found.get((counted, rule, other), found.get((counted, other, rule)))
        for counted in COLUMN_PREFIXES
        for other in RULES
    }


def classify_failures(results: "Results") -> dict[str, Reasons]:
    """(trials,) for each technique: how it ended, elsewhere if converged, yet to another z."""
    errors = _select_all_errors(results)
    return {
        technique: np.where(
            statistics.is_elsewhere(errors[technique]["recovered"], group["outcome"]),
            ELSEWHERE,
            group["outcome"],
        )
        for technique, group in select_groups(results).items()
    }


def _select_all_errors(results: "Results") -> dict[str, _Errors]:
    any_update = counts_any_update(results)
    return {
        technique: _select_errors(group, any_update)
        for technique, group in select_groups(results).items()
    }


def _select_errors(group: Group, any_update: bool) -> _Errors:
    """The z error that a trial is judged by.

    With `ever`, as in the paper's code, the least error seen at any update. It is kept for a whole
    trial only, so a first start that was followed by another is judged by its end.
    """
    if not any_update:
        return {counted: group[f"{prefix}z_error"] for counted, prefix in COLUMN_PREFIXES.items()}
    least = group["z_error_least"]
    first = np.where(group["restarts"] == 0, least, group["first/z_error"])
    return {"first_start": first, "recovered": least}


def _make_row(rule: str, group: Group, errors: _Errors, shared_gradients: float) -> Row:
    """`shared` is each trial's part of the gradients that the run spent once for all."""
    trials = len(group["trial"])
    counts = {counted: _count_recovered(z_error) for counted, z_error in errors.items()}
    at_bound = group.get("first/at_bound")
    paper_shares = RULES[rule].paper_shares
    failed = ~statistics.is_recovered(errors["first_start"], EPSILONS[SMALLEST_EPSILON])
    return {
        "technique": rule,
        "trials": trials,
        **counts,
        "intervals": {
            counted: {bound: list(statistics.clopper_pearson(n, trials)) for bound, n in of.items()}
            for counted, of in counts.items()
        },
        "paper": dict(zip(EPSILONS, paper_shares, strict=True)) if paper_shares else {},
        "elsewhere": {
            counted: int(
                np.sum(statistics.is_elsewhere(errors[counted], group[f"{prefix}outcome"]))
            )
            for counted, prefix in COLUMN_PREFIXES.items()
        },
        "bound": count_within_bound(group),
        "outcomes": {
            counted: _count_outcomes(group[f"{prefix}outcome"])
            for counted, prefix in COLUMN_PREFIXES.items()
        },
        "at_bound": mean_or_none(at_bound[failed]) if at_bound is not None else None,
        "gradients": mean_or_none(group["gradients"] + shared_gradients),
        "gradients_median": finite_or_none(float(np.median(group["gradients"] + shared_gradients))),
        "gradients_first_start": mean_or_none(group["first/gradients"] + shared_gradients),
        "gradients_shared": shared_gradients,
        "seconds": mean_or_none(group["seconds"]),
        "restarts": mean_or_none(group["restarts"]),
        "redraws": mean_or_none(group["redraws"]),
    }


def _count_recovered(z_error: NDArray[np.floating]) -> dict[str, int]:
    return {
        bound: int(np.sum(statistics.is_recovered(z_error, epsilon)))
        for bound, epsilon in EPSILONS.items()
    }


def _count_outcomes(outcomes: NDArray[np.integer]) -> dict[str, int]:
    return {outcome.name: int(np.sum(outcomes == outcome)) for outcome in Outcome}


def _compare_pair(
    counting: str,
    first: str,
    second: str,
    groups: Mapping[str, Group],
    errors: Mapping[str, _Errors],
) -> Row:
    right = {
        technique: statistics.is_recovered(errors[technique][counting], EPSILONS[SMALLEST_EPSILON])
        for technique in (first, second)
    }
    both = statistics.match_trials(
        groups[first]["trial"], right[first], groups[second]["trial"], right[second]
    )
    return {"counted": counting, "first": first, "second": second} | statistics.mcnemar(
        *both
    )._asdict()
