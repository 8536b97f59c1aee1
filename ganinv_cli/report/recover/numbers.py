"""`ganinv recover`: the numbers of Table 1 and of the paired tests."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.errors import ResultsError
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.plain_numbers import finite, flat, mean
from ganinv_cli.report.recover import tables as words
from ganinv_cli.report.report import Drawn, Report, Row
from ganinv_cli.report.shared import labels
from ganinv_cli.report.shared.failures import ELSEWHERE, Reasons
from ganinv_cli.report.shared.refinement import held, polished
from ganinv_cli.report.shared.run import Group, described
from ganinv_cli.settings.names import RULES
from ganinv_cli.statistics import EPSILONS, SMALLEST

if TYPE_CHECKING:
    from ganinv_cli.store import Results

TABLE = "table1"
PAPER = {  # its Table 1: shares of 1,000 trials
    "none": (0.98, 0.986, 0.998, 1.0),
    "standard": (0.984, 0.99, 1.0, 1.0),
    "stochastic": (1.0, 1.0, 1.0, 1.0),
}

_Errors = dict[str, NDArray[np.floating]]  # (trials,) for each way of counting


def summarise(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is no trial to count.
    """
    groups = _groups(results)
    if not groups:
        raise ResultsError(f"{name}: no trial of a clipping rule is saved yet; let its run go on")
    ever = _ever(results)
    if ever and any("z_error_least" not in group for group in groups.values()):
        raise ResultsError(
            f"{name}: success 'ever' needs the column z_error_least, which is not there"
        )
    errors = {technique: _errors(group, ever) for technique, group in groups.items()}
    trials = sum(len(group["trial"]) for group in groups.values())
    shared = float(results.constants.get("shared_gradients", 0)) / trials
    table1 = [
        _row(technique, group, errors[technique], shared) | labels.counted(results, group)
        for technique, group in groups.items()
    ]
    mcnemar = [
        _paired(counted, first, second, groups, errors)
        for counted in COUNTED
        for first, second in combinations(groups, 2)
    ]
    digits = polished(groups)
    run = described(results, results.attributes.get("config", {}).get("clip", ()))
    return Report(
        name,
        {"table1": table1, "mcnemar": mcnemar, "polished": digits},
        words.sections(table1, mcnemar, digits),
        words.notes(run, table1),
        run,
        [flat(row) | _tests(mcnemar, row["technique"]) for row in table1],
    )


def draw(results: "Results") -> dict[str, Drawn]:
    """Figure 1 for each technique whose pictures were kept, and how the errors fell."""
    from ganinv_cli.report.recover import figures  # slow to import

    return figures.draw(results, _groups(results))


def failed(results: "Results") -> dict[str, Reasons]:
    """(trials,) for each technique: how it ended, elsewhere if converged, yet to another z."""
    ever = _ever(results)
    return {
        technique: np.where(
            statistics.elsewhere(_errors(group, ever)["recovered"], group["outcome"]),
            ELSEWHERE,
            group["outcome"],
        )
        for technique, group in _groups(results).items()
    }


COUNTED = {"first_start": "first/", "recovered": ""}  # each with its columns' prefix


def _groups(results: "Results") -> dict[str, Group]:
    """Those with a trial, in the tables' order."""
    return {
        technique: results.groups[technique]
        for technique in RULES
        if technique in results.groups and len(results.groups[technique]["trial"])
    }


def _ever(results: "Results") -> bool:
    return bool(results.attributes.get("config", {}).get("success") == "ever")


def _errors(group: Group, ever: bool) -> _Errors:
    """The z error that a trial is judged by.

    With `ever`, as in the paper's code, the least error seen at any update. It is kept for a whole
    trial only, so a first start that was followed by another is judged by its end.
    """
    if not ever:
        return {counted: group[f"{prefix}z_error"] for counted, prefix in COUNTED.items()}
    least = group["z_error_least"]
    first = np.where(group["restarts"] == 0, least, group["first/z_error"])
    return {"first_start": first, "recovered": least}


def _row(technique: str, group: Group, errors: _Errors, shared: float) -> Row:
    """`shared` is each trial's part of the gradients that the run spent once for all."""
    trials = len(group["trial"])
    counts = {counted: _counts(z_error) for counted, z_error in errors.items()}
    at_bound = group.get("first/at_bound")
    failed = ~statistics.recovered(errors["first_start"], EPSILONS[SMALLEST])
    return {
        "technique": technique,
        "trials": trials,
        **counts,
        "intervals": {
            counted: {bound: list(statistics.interval(n, trials)) for bound, n in of.items()}
            for counted, of in counts.items()
        },
        "paper": dict(zip(EPSILONS, PAPER[technique], strict=True)) if technique in PAPER else {},
        "elsewhere": {
            counted: int(np.sum(statistics.elsewhere(errors[counted], group[f"{prefix}outcome"])))
            for counted, prefix in COUNTED.items()
        },
        "bound": held(group),
        "outcomes": {
            counted: _outcomes(group[f"{prefix}outcome"]) for counted, prefix in COUNTED.items()
        },
        "at_bound": mean(at_bound[failed]) if at_bound is not None else None,
        "gradients": mean(group["gradients"] + shared),
        "gradients_median": finite(float(np.median(group["gradients"] + shared))),
        "gradients_first_start": mean(group["first/gradients"] + shared),
        "gradients_shared": shared,
        "seconds": mean(group["seconds"]),
        "restarts": mean(group["restarts"]),
        "redraws": mean(group["redraws"]),
    }


def _counts(z_error: NDArray[np.floating]) -> dict[str, int]:
    return {
        bound: int(np.sum(statistics.recovered(z_error, epsilon)))
        for bound, epsilon in EPSILONS.items()
    }


def _outcomes(ended: NDArray[np.integer]) -> dict[str, int]:
    return {outcome.name: int(np.sum(ended == outcome)) for outcome in Outcome}


def _paired(
    counted: str,
    first: str,
    second: str,
    groups: Mapping[str, Group],
    errors: Mapping[str, _Errors],
) -> Row:
    right = {
        technique: statistics.recovered(errors[technique][counted], EPSILONS[SMALLEST])
        for technique in (first, second)
    }
    both = statistics.shared(
        groups[first]["trial"], right[first], groups[second]["trial"], right[second]
    )
    return {"counted": counted, "first": first, "second": second} | statistics.mcnemar(
        *both
    )._asdict()


def _tests(mcnemar: list[Row], technique: str) -> Row:
    """McNemar's p against every technique there can be, None where there is no test."""
    found = {(test["counted"], test["first"], test["second"]): test["p"] for test in mcnemar}
    return {
        f"p.{counted}.{other}": found.get(
            (counted, technique, other), found.get((counted, other, technique))
        )
        for counted in COUNTED
        for other in RULES
    }
