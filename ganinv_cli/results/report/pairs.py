"""Tests of two trial sets, paired by trial: McNemar's, and Wilcoxon's with Holm's."""

from collections import Counter
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
        row = rows[0] if rows else {}
        numbers = [*row][: [*row].index(PAIR_KEYS[0])] if row else []  # of the cases
        pair = [Column(key, key, "{:g}".format) for key in numbers]
        pair.append(Column("clipping", show=lambda row: f"{row['first']}, {row['second']}"))
        columns = self.columns or [
            Column(
                key.replace("_", "\n"),
                key,
                format_scientific if isinstance(value, float) else show_value,
            )
            for key, value in row.items()
            if key not in (*numbers, *PAIR_KEYS)
        ]
        return Table(self.title, rows, [*pair, *([] if self.corrects else [COUNTED]), *columns])

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


def list_pairs(trial_sets: Sequence[TrialSet], starts: Starts) -> list[Pair]:
    """Return the pairs of exercised rules at the end of the first start, then of the trial."""
    pairs = []
    for start in starts:
        for first, second in combinations(trial_sets, 2):
            case = first.case
            is_paired = np.isin(first.columns["trial"], second.columns["trial"]).any()
            if case == second.case and is_paired and first.exercised and second.exercised:
                number = {case.name: case.value} if isinstance(case, Number) else {}
                name = {**number, "counted": start, "first": first.rule, "second": second.rule}
                at = (first.first, second.first) if start == starts[0] else (first, second)
                pairs.append(Pair(name, *at))
    return pairs


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


def describe_copies(rows: Sequence[Row]) -> list[str]:
    """Return a note on trials that were copied, if any were."""
    copies: Counter[str] = Counter()
    for row in rows:
        copies[row["technique"]] += row.get("copied", 0)
    counts = ", ".join(f"{rule} {count:,}" for rule, count in copies.items() if count)
    if not counts:
        return []
    return [
        "Trials in which a rule would not change z are the same as without clipping, so they were "
        f"computed once and copied: {counts}."
    ]


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
