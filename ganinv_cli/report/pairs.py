"""Tests of two cells, paired by trial: McNemar's, Wilcoxon's with Holm's correction, and slopes.

Rules that did the same in every trial are not tested: there is nothing to compare.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.cells import Cell
from ganinv_cli.report.measures import Starts
from ganinv_cli.report.table import Row, to_plain
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON

Pair = tuple[Cell, Cell]


@dataclass(frozen=True)
class PairedTest:
    """A test of each two cells of a case, at the end of the first start and of the trial."""

    command: str
    table: str  # its key in the JSON
    compare: Callable[[Cell, Cell], Row]
    # whether p is corrected for all tests of one place, and a test of first starts is left out if
    # restarts changed nothing
    corrects: bool = False

    def make_rows(self, cells: Sequence[Cell], same: Sequence[Row], starts: Starts) -> list[Row]:
        """Return a row for each place and pair but those that did the `same`."""
        rows: list[Row] = []
        known = {_get_names(row) for row in same}
        for start, pairs in list_places(cells, starts):
            named = [name_pair(start, *pair) for pair in pairs]
            tested = [
                (name | self.compare(*pair), pair)
                for name, pair in zip(named, pairs, strict=True)
                if _get_names(name) not in known
            ]
            if self.corrects:
                adjusted = statistics.holm([row["p"] for row, _ in tested])
                tested = [
                    (row | {"p_holm": p}, pair)
                    for (row, pair), p in zip(tested, adjusted, strict=True)
                    if start == starts[1] or any(map(_is_changed_by_restarts, pair))
                ]
            rows += [to_plain(row) for row, _ in tested]
        return rows


def list_places(cells: Sequence[Cell], starts: Starts) -> list[tuple[str, list[Pair]]]:
    """Return for each place the pairs of cells of one case that have trials in common."""
    pairs = [
        (first, second)
        for first, second in combinations(cells, 2)
        if first.case == second.case
        and np.isin(first.columns["trial"], second.columns["trial"]).any()
    ]
    return [(starts[0], [(a.first, b.first) for a, b in pairs]), (starts[1], pairs)]


def name_pair(start: str, first: Cell, second: Cell) -> Row:
    variance = {} if first.case is None else {"variance": first.case}
    return {**variance, "counted": start, "first": first.rule, "second": second.rule}


def find_same(cells: Sequence[Cell], starts: Starts) -> list[Row]:
    """Return the pairs of rules that did the same in every trial of a case."""
    return [
        name_pair(start, *pair) | {"trials": trials}
        for start, pairs in list_places(cells, starts)
        for pair in pairs
        if (trials := _count_same_trials(*pair))
    ]


def describe_same(rows: Sequence[Row], same: Sequence[Row]) -> list[str]:
    """Return notes on trials that were copied, and on pairs of rules that no test compares."""
    copies: dict[str, int] = {}
    for row in rows:
        copies[row["technique"]] = copies.get(row["technique"], 0) + (row["shared"] or 0)
    counts = ", ".join(f"{rule} {count:,}" for rule, count in copies.items() if count)
    copied = (
        "Trials in which a rule would not change z are the same as without clipping, so they were "
        f"computed once and copied: {counts}."
    )
    by_pair: dict[tuple[str, str], list[Row]] = {}
    for row in same:
        by_pair.setdefault((row["first"], row["second"]), []).append(row)
    lines = [copied] if counts else []
    for rules, alike in by_pair.items():
        whole = [row for row in alike if row["counted"] != "first_start"]
        where = "trial" if whole else "first start"
        variances = [f"{row['variance']:g}" for row in whole or alike if "variance" in row]
        at = f" at variance {', '.join(variances)}" if variances else ""
        lines.append(
            f"{' and '.join(rules)} did the same in every {where}{at}, so no test compares them."
        )
    return lines


def compare_recovered(first: Cell, second: Cell) -> Row:
    """Return McNemar's test of which trials were recovered."""
    recovered = [
        statistics.is_recovered(cell.errors, EPSILONS[SMALLEST_EPSILON]) for cell in (first, second)
    ]
    return statistics.mcnemar(*match_cells(first, second, *recovered))._asdict()


def compare_errors(first: Cell, second: Cell) -> Row:
    """Return Wilcoxon's signed-rank test of the errors of z."""
    left, right = match_cells(first, second, first.errors, second.errors)
    found = statistics.compare_errors(left, right)
    return {
        "trials": len(left),
        "median_difference": found.median_difference,  # error of the first less the second's
        "interval": (found.low, found.high),
        "first_nearer": int(np.sum(left < right)),  # trials with the smaller error
        "second_nearer": int(np.sum(left > right)),
        "p": found.p,
    }


TESTS = (
    PairedTest("recover", "mcnemar", compare_recovered),
    PairedTest("noise-sweep", "comparisons", compare_errors, corrects=True),
)


def collect_p_values(tests: Sequence[Row], rule: str, rules: Sequence[str], starts: Starts) -> Row:
    """Return p of a rule against each of the rules, for CSV; None if there is no such test."""
    found = {_get_names(test): test["p"] for test in tests}
    return {
        f"p.{start}.{other}": found.get(
            (None, start, rule, other), found.get((None, start, other, rule))
        )
        for start in starts
        for other in rules
    }


def _get_names(row: Mapping[str, object]) -> tuple[object, ...]:
    return row.get("variance"), row["counted"], row["first"], row["second"]


def match_cells(first: Cell, second: Cell, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    return [*statistics.match_trials(first.columns["trial"], left, second.columns["trial"], right)]


def _count_same_trials(first: Cell, second: Cell) -> int:
    """Return how many trials both rules ran, if neither changed z in any of these; else 0."""
    if not (first.has("acted") and second.has("acted")):  # older files do not say it
        return 0
    left, right = match_cells(first, second, first.read("acted"), second.read("acted"))
    return 0 if (left | right).any() else len(left)


def _is_changed_by_restarts(first_start: Cell) -> bool:
    """Return whether restarts changed the error of any trial."""
    return not np.array_equal(first_start.errors, replace(first_start, prefix="").errors)
