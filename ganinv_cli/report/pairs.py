"""Tests of two cells, paired by trial: McNemar's, Wilcoxon's with Holm's correction, and slopes.

Rules that did the same in every trial are not tested: there is nothing to compare.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.cells import Cell, Number
from ganinv_cli.number_format import format_scientific, format_share
from ganinv_cli.report.measures import Starts, stack_interval
from ganinv_cli.report.table import Column, Row, Table, show_value, to_plain

Pair = tuple[Cell, Cell]
PAIR_KEYS = ("counted", "first", "second")  # of a row, after the number of its case
PLACES = {"first_start": "first start"}
COUNTED = Column("counted", "counted", lambda start: PLACES.get(start, "with restarts"))


@dataclass(frozen=True)
class PairedTest:
    """A test of each two cells of a case, at the end of the first start and of the trial."""

    command: str
    table: str  # its key in the JSON
    compare: Callable[[Cell, Cell], Row]
    title: str  # of the table that readers see
    columns: Sequence[Column] = ()  # after the pair; empty: all numbers that `compare` returns
    # whether p is corrected for all tests of one place, a test of first starts is left out if
    # restarts changed nothing, and readers see those with restarts
    corrects: bool = False

    def make_table(self, rows: Sequence[Row]) -> Table:
        """Return the table of rows of `make_rows`."""
        if self.corrects:
            rows = [row for row in rows if row["counted"] != "first_start"]
        names = (_find_number(rows), *PAIR_KEYS)
        more = [
            Column(
                key.replace("_", "\n"),
                key,
                format_scientific if isinstance(number, float) else show_value,
            )
            for key, number in (rows[0].items() if rows else ())
            if key not in names
        ]
        pair = [_name_pairs(rows)] if self.corrects else [_name_pairs(rows), COUNTED]
        return Table(self.title, rows, [*pair, *(self.columns or more)])

    def make_rows(self, cells: Sequence[Cell], same: Sequence[Row], starts: Starts) -> list[Row]:
        """Return a row for each place and pair but those that did the `same`."""
        rows: list[Row] = []
        known = [_get_names(row) for row in same]
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
    case = first.case
    number = {case.name: case.value} if isinstance(case, Number) else {}
    return {**number, "counted": start, "first": first.rule, "second": second.rule}


def _name_pairs(rows: Sequence[Row]) -> Column:
    number = _find_number(rows)
    if not number:
        return Column("clipping", show=lambda row: f"{row['first']}, {row['second']}")
    return Column(
        f"{number},\nrules", show=lambda row: f"{row[number]:g} {row['first']},\n{row['second']}"
    )


def _find_number(rows: Sequence[Row]) -> str:
    """Return the first key of rows: the name of the number of a case; empty if it has none."""
    key = next(iter(rows[0])) if rows else PAIR_KEYS[0]
    return "" if key == PAIR_KEYS[0] else key


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
        copies[row["technique"]] = copies.get(row["technique"], 0) + row["shared"]
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
        number = _find_number(alike)
        values = ", ".join(f"{row[number]:g}" for row in whole or alike) if number else ""
        at = f" at {number} {values}" if number else ""
        lines.append(
            f"{' and '.join(rules)} did the same in every {where}{at}, so no test compares them."
        )
    return lines


def compare_recovered(first: Cell, second: Cell) -> Row:
    """Return McNemar's test of which trials were recovered."""
    recovered = match_cells(first, second, first.is_recovered, second.is_recovered)
    return statistics.mcnemar(*recovered)._asdict()


def compare_errors(first: Cell, second: Cell) -> Row:
    """Return Wilcoxon's signed-rank test of the errors of z."""
    left, right = match_cells(first, second, first.errors, second.errors)
    found = statistics.wilcoxon(left, right)
    return {
        "trials": len(left),
        "median_difference": found.median_difference,  # error of the first less the second's
        "interval": (found.low, found.high),
        "first_nearer": int(np.sum(left < right)),  # trials with the smaller error
        "second_nearer": int(np.sum(left > right)),
        "p": found.p,
    }


TESTS = (
    PairedTest(
        "recover",
        "mcnemar",
        compare_recovered,
        "McNemar's exact test between clipping rules at {threshold}, paired by trial",
        (
            Column("trials", "trials"),
            Column("only the\nfirst", "only_first"),
            Column("only the\nsecond", "only_second"),
            Column("p", "p", "{:.2g}".format),
        ),
    ),
    PairedTest(
        "noise-sweep",
        "comparisons",
        compare_errors,
        "With restarts: rules compared trial by trial (Wilcoxon signed-rank)",
        (
            Column("trials", "trials"),
            Column(
                "difference",
                show=stack_interval("median_difference", "interval"),
                help="Difference: median over the trials of the first rule's error minus the "
                "second's.",
            ),
            Column(
                "first\nnearer", show=lambda row: format_share(row["first_nearer"] / row["trials"])
            ),
            Column(
                "second\nnearer",
                show=lambda row: format_share(row["second_nearer"] / row["trials"]),
            ),
            Column("p", "p", "{:.2g}".format),
            Column(
                "p\n(Holm)",
                "p_holm",
                "{:.2g}".format,
                "p: Wilcoxon's test that the differences are symmetric about 0; it ranks them by "
                "size, so p can be small even if their median is near 0. p (Holm): corrected for "
                "all these tests.",
            ),
        ),
        corrects=True,
    ),
)


def make_test_tables(command: str, tables: Mapping[str, Sequence[Row]]) -> list[Table]:
    """Return the tables of a command's tests for readers."""
    return [test.make_table(tables[test.table]) for test in TESTS if test.command == command]


def _get_names(row: Row) -> list[object]:
    return [row.get(name) for name in (_find_number([row]), *PAIR_KEYS)]


def match_cells(first: Cell, second: Cell, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    return [*statistics.match_trials(first.columns["trial"], left, second.columns["trial"], right)]


def _count_same_trials(first: Cell, second: Cell) -> int:
    """Return how many trials both rules ran, if neither changed z in any of these; else 0."""
    left, right = match_cells(first, second, first.read("acted"), second.read("acted"))
    return 0 if (left | right).any() else len(left)


def _is_changed_by_restarts(first_start: Cell) -> bool:
    """Return whether restarts changed the error of any trial."""
    return not np.array_equal(first_start.errors, replace(first_start, prefix="").errors)
