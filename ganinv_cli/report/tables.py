"""Results -> the numbers of Table 1 and of the paired tests, ready for JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.errors import ResultsError
from ganinv_cli.outcome import Outcome
from ganinv_cli.statistics import EPSILONS, SMALLEST
from ganinv_cli.words import RULES

if TYPE_CHECKING:
    from ganinv_cli.store import Results

PAPER = {  # its Table 1: shares of 1,000 trials
    "none": (0.98, 0.986, 0.998, 1.0),
    "standard": (0.984, 0.99, 1.0, 1.0),
    "stochastic": (1.0, 1.0, 1.0, 1.0),
}

Group = Mapping[str, NDArray[Any]]  # columns of one technique, row = a trial that was run
Row = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What one results file says; every value is plain JSON."""

    name: str
    table1: list[Row]  # one a technique
    mcnemar: list[Row]  # one a pair of techniques and way of counting
    run: Row  # what was run, by what, on what, how long


def summarise(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is no trial to count.
    """
    groups = {
        technique: results.groups[technique]
        for technique in RULES
        if technique in results.groups and len(results.groups[technique]["trial"])
    }
    if not groups:
        raise ResultsError(f"{name}: no trial of a clipping rule is saved yet; let its run go on")
    ever = results.attributes.get("config", {}).get("success") == "ever"
    if ever and any("z_error_least" not in group for group in groups.values()):
        raise ResultsError(
            f"{name}: success 'ever' needs the column z_error_least, which is not there"
        )
    errors = {technique: _errors(group, ever) for technique, group in groups.items()}
    trials = sum(len(group["trial"]) for group in groups.values())
    shared = float(results.constants.get("shared_gradients", 0)) / trials
    return Report(
        name,
        [_row(technique, groups[technique], errors[technique], shared) for technique in groups],
        [
            _paired(counted, first, second, groups, errors)
            for counted in COUNTED
            for first, second in combinations(groups, 2)
        ],
        _run(results, groups),
    )


COUNTED: dict[str, Callable[[Group], Group]] = {
    "first_start": lambda group: {
        column.removeprefix("first/"): values
        for column, values in group.items()
        if column.startswith("first/")
    },
    "recovered": lambda group: group,  # with restarts
}


def _errors(group: Group, ever: bool) -> dict[str, NDArray[np.floating]]:
    """(trials,) for each way of counting: the z error that a trial is judged by.

    With `ever`, as in the paper's code, the least error seen at any update. It is kept for a whole
    trial only, so a first start that was followed by another is judged by its end.
    """
    if not ever:
        return {counted: view(group)["z_error"] for counted, view in COUNTED.items()}
    least = group["z_error_least"]
    first = np.where(group["restarts"] == 0, least, group["first/z_error"])
    return {"first_start": first, "recovered": least}


def _row(
    technique: str, group: Group, errors: dict[str, NDArray[np.floating]], shared: float
) -> Row:
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
            counted: int(np.sum(statistics.elsewhere(errors[counted], view(group)["outcome"])))
            for counted, view in COUNTED.items()
        },
        "outcomes": {counted: _outcomes(view(group)) for counted, view in COUNTED.items()},
        "at_bound": _mean(at_bound[failed]) if at_bound is not None else None,
        "gradients": _mean(group["gradients"] + shared),
        "gradients_median": _finite(float(np.median(group["gradients"] + shared))),
        "gradients_first_start": _mean(group["first/gradients"] + shared),
        "gradients_shared": shared,
        "seconds": _mean(group["seconds"]),
        "restarts": _mean(group["restarts"]),
        "redraws": _mean(group["redraws"]),
    }


def _counts(z_error: NDArray[np.floating]) -> dict[str, int]:
    return {
        bound: int(np.sum(statistics.recovered(z_error, epsilon)))
        for bound, epsilon in EPSILONS.items()
    }


def _outcomes(group: Group) -> dict[str, int]:
    return {outcome.name: int(np.sum(group["outcome"] == outcome)) for outcome in Outcome}


def _paired(
    counted: str,
    first: str,
    second: str,
    groups: Mapping[str, Group],
    errors: dict[str, dict[str, NDArray[np.floating]]],
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


def _run(results: "Results", groups: Mapping[str, Group]) -> Row:
    attributes = dict(results.attributes)
    config = attributes.pop("config", {})
    for told_elsewhere in ("identity", "groups", "figures"):
        attributes.pop(told_elsewhere, None)
    started, finished = attributes.get("started"), attributes.get("finished")
    wall = None
    if started and finished:
        wall = (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
    return attributes | {
        "config": config,
        "complete": results.complete,
        "trials": {technique: len(group["trial"]) for technique, group in groups.items()},
        "wall_seconds": wall,  # from the first start to the end, pauses included
        "solving_seconds": _finite(
            sum(float(np.sum(group["seconds"])) for group in groups.values())
        ),
    }


def _mean(values: NDArray[Any]) -> float | None:
    return _finite(float(np.mean(values))) if len(values) else None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
