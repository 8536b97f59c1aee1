"""`ganinv recover`: the numbers of Table 1 and of the paired tests."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.errors import ResultsError
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.plain_numbers import finite_or_none, flatten, mean_or_none
from ganinv_cli.report.recover import tables as words
from ganinv_cli.report.report import DrawnFigure, Report, Row
from ganinv_cli.report.shared import labels
from ganinv_cli.report.shared.failures import ELSEWHERE, Reasons
from ganinv_cli.report.shared.refinement import count_within_bound, make_refinement_rows
from ganinv_cli.report.shared.run import Group, describe_run
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON

if TYPE_CHECKING:
    from ganinv_cli.store import Results

TABLE = "table1"

_Errors = dict[str, NDArray[np.floating]]  # (trials,) for each way of counting


def summarise(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is no trial to count.
    """
    groups = _select_groups(results)
    if not groups:
        raise ResultsError(f"{name}: no trial of a clipping rule is saved yet; let its run go on")
    ever = _counts_any_update(results)
    if ever and any("z_error_least" not in group for group in groups.values()):
        raise ResultsError(
            f"{name}: success 'ever' needs the column z_error_least, which is not there"
        )
    errors = {technique: _select_errors(group, ever) for technique, group in groups.items()}
    trials = sum(len(group["trial"]) for group in groups.values())
    shared = float(results.constants.get("shared_gradients", 0)) / trials
    table1 = [
        _make_row(technique, group, errors[technique], shared)
        | labels.count_right_labels(results, group)
        for technique, group in groups.items()
    ]
    mcnemar = [
        _test_pair(counted, first, second, groups, errors)
        for counted in COLUMN_PREFIXES
        for first, second in combinations(groups, 2)
    ]
    refinement = make_refinement_rows(groups)
    run = describe_run(results, results.attributes.get("config", {}).get("clip", ()))
    return Report(
        name,
        {"table1": table1, "mcnemar": mcnemar, "polished": refinement},
        words.make_sections(table1, mcnemar, refinement),
        words.make_notes(run, table1),
        run,
        [flatten(row) | _collect_p_values(mcnemar, row["technique"]) for row in table1],
    )


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """Figure 1 for each technique whose pictures were kept, and how the errors fell."""
    from ganinv_cli.report.recover import figures  # slow to import

    return figures.draw(results, _select_groups(results))


def classify_failures(results: "Results") -> dict[str, Reasons]:
    """(trials,) for each technique: how it ended, elsewhere if converged, yet to another z."""
    ever = _counts_any_update(results)
    return {
        technique: np.where(
            statistics.is_elsewhere(_select_errors(group, ever)["recovered"], group["outcome"]),
            ELSEWHERE,
            group["outcome"],
        )
        for technique, group in _select_groups(results).items()
    }


COLUMN_PREFIXES = {"first_start": "first/", "recovered": ""}  # each with its columns' prefix


def _select_groups(results: "Results") -> dict[str, Group]:
    """Those with a trial, in the tables' order."""
    return {
        technique: results.groups[technique]
        for technique in RULES
        if technique in results.groups and len(results.groups[technique]["trial"])
    }


def _counts_any_update(results: "Results") -> bool:
    return bool(results.attributes.get("config", {}).get("success") == "ever")


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


def _test_pair(
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


def _collect_p_values(mcnemar: list[Row], rule: str) -> Row:
    """McNemar's p against every technique there can be, None where there is no test."""
    found = {(test["counted"], test["first"], test["second"]): test["p"] for test in mcnemar}
    return {
        f"p.{counted}.{other}": found.get((counted, rule, other), found.get((counted, other, rule)))
        for counted in COLUMN_PREFIXES
        for other in RULES
    }
