"""Tests of two trial sets, paired by trial: McNemar's, Wilcoxon's with Holm's, and slopes.

Rules that did the same in every trial are not tested: there is nothing to compare.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.trial_sets import Number, TrialSet
from ganinv_cli.results.number_format import format_scientific, format_share
from ganinv_cli.results.report.measures import Starts, stack_interval
from ganinv_cli.results.report.table import (
    Column,
    Row,
    Table,
    capitalize,
    show_value,
    to_plain,
)

FIRST = "first_start"  # the first of all `Starts`
PAIR_KEYS = ("counted", "first", "second")  # of a row, after the number of its case
COUNTED = Column(
    "counted", "counted", lambda start: "first start" if start == FIRST else "with restarts"
)
Values = NDArray[Any]  # (trials,)


class Pair(NamedTuple):
    """Two trial sets of a case that have trials in common, at one place."""

    name: Row  # the number of the case, if it is one, and PAIR_KEYS
    first: TrialSet
    second: TrialSet

    def match(self, left: Values, right: Values) -> tuple[Values, Values]:
        """Return the values of the trials that both rules ran, from those of each."""
        trials = (trial_set.columns["trial"] for trial_set in (self.first, self.second))
        return statistics.match_trials(next(trials), left, next(trials), right)

    def count_same_trials(self) -> int:
        """Return how many trials both rules ran, if neither changed z in any of these; else 0."""
        left, right = self.match(self.first.read("acted"), self.second.read("acted"))
        return 0 if (left | right).any() else len(left)


@dataclass(frozen=True)
class PairedTest:
    """A test of each two trial sets of a case, at the end of the first start and of the trial."""

    command: str
    table: str  # its key in the JSON
    compare: Callable[[Pair], Row]
    title: str  # of the table that readers see
    columns: Sequence[Column] = ()  # after the pair; empty: all numbers that `compare` returns
    # whether p is corrected for all tests of one place, and readers see those with restarts; if
    # restarts changed nothing, there is one test, with restarts if it corrects
    corrects: bool = False

    def make_table(self, rows: Sequence[Row]) -> Table:
        """Return the table of rows of `make_rows`."""
        if self.corrects:
            rows = [row for row in rows if row["counted"] != FIRST]
        pair = [_name_pairs(rows)] if self.corrects else [_name_pairs(rows), COUNTED]
        columns = self.columns or [
            Column(
                key.replace("_", "\n"),
                key,
                format_scientific if isinstance(number, float) else show_value,
            )
            for key, number in (rows[0].items() if rows else ())
            if key not in (_find_number(rows), *PAIR_KEYS)
        ]
        return Table(self.title, rows, [*pair, *columns])

    def make_rows(self, pairs: Sequence[Pair]) -> list[Row]:
        """Return a row for each pair."""
        rows = [pair.name | self.compare(pair) for pair in pairs]
        if self.corrects:
            for start in dict.fromkeys(row["counted"] for row in rows):
                own = [row for row in rows if row["counted"] == start]
                adjusted = statistics.holm([row["p"] for row in own])
                for row, p in zip(own, adjusted, strict=True):
                    row["p_holm"] = p
        return [
            to_plain(row)
            for row, (_, *trial_sets) in zip(rows, pairs, strict=True)
            if (row["counted"] == FIRST) != self.corrects
            or any(map(_is_changed_by_restarts, trial_sets))
        ]


def compare_pairs(
    trial_sets: Sequence[TrialSet], starts: Starts, tests: Sequence[PairedTest]
) -> dict[str, list[Row]]:
    """Return the rows of each test by its key, and the pairs that did the `same`, untested."""
    pairs = _list_pairs(trial_sets, starts)
    same = [pair.count_same_trials() for pair in pairs]
    tested = [
        pair
        for pair, trials in zip(pairs, same, strict=True)
        if not trials and pair.first.exercised and pair.second.exercised
    ]
    tables = {test.table: test.make_rows(tested) for test in tests}
    counted = zip(pairs, same, strict=True)
    tables["same"] = [pair.name | {"trials": trials} for pair, trials in counted if trials]
    return tables


def _list_pairs(trial_sets: Sequence[TrialSet], starts: Starts) -> list[Pair]:
    """Return the pairs at the end of the first start, then of the trial."""
    pairs = []
    for start in starts:
        for first, second in combinations(trial_sets, 2):
            case = first.case
            is_paired = np.isin(first.columns["trial"], second.columns["trial"]).any()
            if case == second.case and is_paired:
                number = {case.name: case.value} if isinstance(case, Number) else {}
                name = {**number, "counted": start, "first": first.rule, "second": second.rule}
                at = (first.first, second.first) if start == starts[0] else (first, second)
                pairs.append(Pair(name, *at))
    return pairs


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


def state_too_few_trials(tests: Sequence[Row]) -> str:
    """Return a clause if no test of one place could be significant; empty if one could, or none."""
    needed = statistics.count_trials_needed(sum("p_holm" in test for test in tests) or 1)
    if not tests or any(test["trials"] >= needed for test in tests):
        return ""
    return f"fewer than {needed} trials cannot show a difference between clipping rules"


def describe_idle(rows: Sequence[Row]) -> str:
    """Return which rules never changed z, in a sentence without its full stop; empty: none.

    Under such a rule each trial is the same as without clipping.
    """
    idle = [row for row in rows if row["technique"] != "none" and not row["acted"]]
    if not idle:
        return ""
    rules = " and ".join(row["technique"] for row in idle)
    are = "was" if len(idle) == 1 else "were"
    said = "never acted" if any(row["exercised"] for row in idle) else f"{are} not exercised"
    pronoun = "it" if len(idle) == 1 else "they"
    return f"{capitalize(rules)} clipping {said}: {pronoun} changed no z"


def describe_same(rows: Sequence[Row], same: Sequence[Row]) -> list[str]:
    """Return notes on trials that were copied, and on pairs of rules that no test compares."""
    copies: dict[str, int] = {}
    for row in rows:
        copies[row["technique"]] = copies.get(row["technique"], 0) + row["copied"]
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
        whole = [row for row in alike if row["counted"] != FIRST]
        where = "trial" if whole else "first start"
        number = _find_number(alike)
        values = ", ".join(f"{row[number]:g}" for row in whole or alike) if number else ""
        at = f" at {number} {values}" if number else ""
        lines.append(
            f"{' and '.join(rules)} did the same in every {where}{at}, so no test compares them."
        )
    return lines


def _compare_recovered(pair: Pair) -> Row:
    """Return McNemar's test of which trials were recovered."""
    recovered = pair.match(pair.first.is_recovered, pair.second.is_recovered)
    return statistics.mcnemar(*recovered)._asdict()


def _compare_errors(pair: Pair) -> Row:
    """Return Wilcoxon's signed-rank test of the errors of z."""
    left, right = pair.match(pair.first.errors, pair.second.errors)
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
        _compare_recovered,
        "McNemar's exact test between clipping rules at {threshold}, paired by trial",
        (
            Column("trials", "trials"),
            Column("only the\nfirst", "only_first"),
            Column("only the\nsecond", "only_second"),
            Column("p", "p", "{:#.2g}".format),
        ),
    ),
    PairedTest(
        "noise-sweep",
        "comparisons",
        _compare_errors,
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
            Column("p", "p", "{:#.2g}".format),
            Column(
                "p\n(Holm)",
                "p_holm",
                "{:#.2g}".format,
                "p (Holm): corrected for all these tests.",
            ),
        ),
        corrects=True,
    ),
)


def _is_changed_by_restarts(trial_set: TrialSet) -> bool:
    """Return whether restarts changed the error of any trial."""
    whole = replace(trial_set, prefix="")
    return not np.array_equal(whole.first.errors, whole.errors)
