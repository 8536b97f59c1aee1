"""The numbers of Table 1, of the refinement in float64, and of the paired tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.rows import Interval, Json, TableRow, finite_or_none, mean_or_none
from ganinv_cli.report.shared.actions import (
    SameRow,
    count_acted,
    count_actions,
    count_same_trials,
    count_shared,
)
from ganinv_cli.report.shared.failures import ELSEWHERE, Reasons, count_outcomes
from ganinv_cli.report.shared.labels import LabelCounts, count_right_labels
from ganinv_cli.report.shared.run import Group, share_gradients
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON

if TYPE_CHECKING:
    from ganinv_cli.store import Results

# The ways of counting: after the first start of a trial, and after its restarts.
COLUMN_PREFIXES = {"first_start": "first/", "recovered": ""}  # each with its columns' prefix

_Errors = dict[str, NDArray[np.floating]]  # (trials,) for each way of counting


@dataclass(frozen=True, kw_only=True)
class BoundCounts(TableRow):
    """The number of trials in which the estimated bound on the error of z held."""

    converged: int  # trials that converged and have a bound
    held: int  # of these, trials whose error is within it
    interval: Interval  # 95 %, of the share held / converged


@dataclass(frozen=True, kw_only=True)
class Table1Row(TableRow):
    """A row of Table 1: the results of a clipping rule over all its trials."""

    technique: str  # the rule's name
    trials: int
    first_start: dict[str, int]  # trials whose error is below each of EPSILONS
    recovered: dict[str, int]  # the same with restarts
    intervals: dict[str, dict[str, Interval]]  # 95 %, by way of counting and epsilon
    paper: dict[str, float]  # the paper's shares, by epsilon; empty for rules that it does not have
    elsewhere: dict[str, int]  # trials that converged to another z, by way of counting
    bound: BoundCounts | None  # None: the results have no bounds
    outcomes: dict[str, dict[str, int]]  # trials, by way of counting and outcome
    at_bound: float | None  # mean components of z at a bound, over the first starts that failed
    gradients: float | None  # means per trial, but for the median
    gradients_median: float | None
    gradients_first_start: float | None
    gradients_shared: float  # each trial's part of what the run spent once; counted in the others
    seconds: float | None
    restarts: float | None
    redraws: float | None
    acted: int | None  # trials in which the rule changed z; None: the file does not say
    acted_first_start: int | None  # first starts in which it did
    actions: float | None  # mean updates per trial in which it did
    shared: int | None  # trials that are copies of those of none, as the rule would not have acted
    labels: LabelCounts | None = None

    def recovered_counts(self, counting: str) -> dict[str, int]:
        """Return the trials whose error is below each of EPSILONS, for a way of counting."""
        return self.first_start if counting == "first_start" else self.recovered

    def acted_count(self, counting: str) -> int | None:
        """Return the trials in which the rule changed z, for a way of counting."""
        return self.acted_first_start if counting == "first_start" else self.acted


@dataclass(frozen=True, kw_only=True)
class McNemarRow(TableRow):
    """McNemar's exact test of two rules at SMALLEST_EPSILON, paired by trial."""

    counted: str  # the way of counting
    first: str  # a rule's name
    second: str
    trials: int  # run with both rules
    only_first: int  # trials that only the first rule recovered
    only_second: int
    p: float


@dataclass(frozen=True, kw_only=True)
class RefinementRow(TableRow):
    """The errors of z after the refinement in float64."""

    technique: str  # the rule's name
    trials: int  # refined or not
    polished: int  # trials that were refined; the medians and means are over these
    recovered: dict[str, int]  # refined trials whose error is below 1e-20
    interval: Interval  # 95 %, of their share of all trials
    z_error_median: float | None
    gradients: float | None
    seconds: float | None


def select_groups(results: "Results") -> dict[str, Group]:
    """Return the group of each rule that has a trial, in the tables' order."""
    return {
        rule: results.groups[rule]
        for rule in RULES
        if rule in results.groups and len(results.groups[rule]["trial"])
    }


def counts_any_update(results: "Results") -> bool:
    """Return whether success at any update counts, as in the paper's code, not at the end alone."""
    return bool(results.attributes.get("config", {}).get("success") == "ever")


def make_rows(results: "Results") -> list[Table1Row]:
    """Return a row of Table 1 for each rule that has trials."""
    groups = select_groups(results)
    errors = _select_all_errors(results)
    shared_gradients = share_gradients(results)
    return [
        _make_row(rule, group, errors[rule], shared_gradients, count_right_labels(results, group))
        for rule, group in groups.items()
    ]


def make_refinement_rows(groups: Mapping[str, Group]) -> list[RefinementRow]:
    """Return a row for each rule with refined trials."""
    return [
        _make_refinement_row(rule, group)
        for rule, group in groups.items()
        if "polished/z_error" in group
    ]


def find_same_rules(results: "Results") -> list[SameRow]:
    """Return the pairs of rules that did the same in every trial, for each way of counting."""
    groups = select_groups(results)
    return [
        SameRow(counted=counting, first=first, second=second, trials=trials)
        for counting, prefix in COLUMN_PREFIXES.items()
        for first, second in combinations(groups, 2)
        if (trials := count_same_trials(groups[first], groups[second], prefix))
    ]


def compare_rules(results: "Results", same: Sequence[SameRow]) -> list[McNemarRow]:
    """Return McNemar's test of each pair of rules but the `same`, for each way of counting."""
    groups, errors = select_groups(results), _select_all_errors(results)
    copies = {(row.counted, row.first, row.second) for row in same}
    return [
        _compare_pair(counting, first, second, groups, errors)
        for counting in COLUMN_PREFIXES
        for first, second in combinations(groups, 2)
        if (counting, first, second) not in copies
    ]


def collect_p_values(mcnemar: list[McNemarRow], rule: str) -> Json:
    """Return McNemar's p of a rule against every other rule; None if there is no such test."""
    found = {(test.counted, test.first, test.second): test.p for test in mcnemar}
    return {
        f"p.{counting}.{other}": found.get(
            (counting, rule, other), found.get((counting, other, rule))
        )
        for counting in COLUMN_PREFIXES
        for other in RULES
    }


def classify_failures(results: "Results") -> dict[str, Reasons]:
    """Return by rule, (trials,), how each trial ended; ELSEWHERE if it converged to another z."""
    errors = _select_all_errors(results)
    return {
        rule: np.where(
            statistics.is_elsewhere(errors[rule]["recovered"], group["outcome"]),
            ELSEWHERE,
            group["outcome"],
        )
        for rule, group in select_groups(results).items()
    }


def _select_all_errors(results: "Results") -> dict[str, _Errors]:
    any_update = counts_any_update(results)
    return {
        rule: _select_errors(group, any_update) for rule, group in select_groups(results).items()
    }


def _select_errors(group: Group, any_update: bool) -> _Errors:
    """Return the z errors that decide whether trials are recovered.

    With `any_update` these are, as in the paper's code, the least errors at any update. The column
    holds them for whole trials, so a first start that was followed by a restart counts by its end.
    """
    if not any_update:
        return {counting: group[f"{prefix}z_error"] for counting, prefix in COLUMN_PREFIXES.items()}
    least = group["z_error_least"]
    first = np.where(group["restarts"] == 0, least, group["first/z_error"])
    return {"first_start": first, "recovered": least}


def _make_row(
    rule: str,
    group: Group,
    errors: _Errors,
    shared_gradients: float,
    labels: LabelCounts | None,
) -> Table1Row:
    trials = len(group["trial"])
    counts = {counting: _count_recovered(z_error) for counting, z_error in errors.items()}
    at_bound = group.get("first/at_bound")
    paper_shares = RULES[rule].paper_shares
    failed = ~statistics.is_recovered(errors["first_start"], EPSILONS[SMALLEST_EPSILON])
    return Table1Row(
        technique=rule,
        trials=trials,
        **counts,
        intervals={
            counting: {
                epsilon: statistics.clopper_pearson(count, trials) for epsilon, count in of.items()
            }
            for counting, of in counts.items()
        },
        paper=dict(zip(EPSILONS, paper_shares, strict=True)) if paper_shares else {},
        elsewhere={
            counting: int(
                np.sum(statistics.is_elsewhere(errors[counting], group[f"{prefix}outcome"]))
            )
            for counting, prefix in COLUMN_PREFIXES.items()
        },
        bound=_count_within_bound(group),
        outcomes={
            counting: count_outcomes(group[f"{prefix}outcome"])
            for counting, prefix in COLUMN_PREFIXES.items()
        },
        at_bound=mean_or_none(at_bound[failed]) if at_bound is not None else None,
        gradients=mean_or_none(group["gradients"] + shared_gradients),
        gradients_median=finite_or_none(float(np.median(group["gradients"] + shared_gradients))),
        gradients_first_start=mean_or_none(group["first/gradients"] + shared_gradients),
        gradients_shared=shared_gradients,
        seconds=mean_or_none(group["seconds"]),
        restarts=mean_or_none(group["restarts"]),
        redraws=mean_or_none(group["redraws"]),
        acted=count_acted(group),
        acted_first_start=count_acted(group, "first/"),
        actions=count_actions(group),
        shared=count_shared(group),
        labels=labels,
    )


def _count_recovered(z_error: NDArray[np.floating]) -> dict[str, int]:
    return {
        name: int(np.sum(statistics.is_recovered(z_error, epsilon)))
        for name, epsilon in EPSILONS.items()
    }


def _count_within_bound(group: Group) -> BoundCounts | None:
    if "error_bound" not in group:
        return None
    bounded = (group["outcome"] == Outcome.converged) & np.isfinite(group["error_bound"])
    converged = int(np.sum(bounded))
    held = int(np.sum(bounded & (group["z_error"] <= group["error_bound"])))
    interval = statistics.clopper_pearson(held, converged) if converged else (None, None)
    return BoundCounts(converged=converged, held=held, interval=interval)


def _make_refinement_row(rule: str, group: Group) -> RefinementRow:
    trials, error = len(group["trial"]), group["polished/z_error"]
    exact = int(np.sum(statistics.is_recovered(error, statistics.EXACT_EPSILON)))
    refined = group["polished/outcome"] != 0
    median = float(np.median(error[refined])) if refined.any() else np.nan
    return RefinementRow(
        technique=rule,
        trials=trials,
        polished=int(np.sum(refined)),
        recovered={"1e-20": exact},
        interval=statistics.clopper_pearson(exact, trials),
        z_error_median=finite_or_none(median),
        gradients=mean_or_none(group["polished/gradients"][refined]),
        seconds=mean_or_none(group["polished/seconds"][refined]),
    )


def _compare_pair(
    counting: str,
    first: str,
    second: str,
    groups: Mapping[str, Group],
    errors: Mapping[str, _Errors],
) -> McNemarRow:
    recovered = {
        rule: statistics.is_recovered(errors[rule][counting], EPSILONS[SMALLEST_EPSILON])
        for rule in (first, second)
    }
    both = statistics.match_trials(
        groups[first]["trial"], recovered[first], groups[second]["trial"], recovered[second]
    )
    found = statistics.mcnemar(*both)
    return McNemarRow(counted=counting, first=first, second=second, **found._asdict())
