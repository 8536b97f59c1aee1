"""The tables of recover: Table 1, outcomes, costs, refinement and paired tests."""

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.number_format import (
    format_number,
    format_scientific,
    format_share,
    format_share_interval,
)
from ganinv_cli.report.recover.numbers import McNemarRow, RefinementRow, Table1Row
from ganinv_cli.report.report import Section
from ganinv_cli.report.shared import labels
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON

COUNTING_TITLES = {"first_start": "First start", "recovered": "With restarts"}


def make_sections(
    table1: list[Table1Row], mcnemar: list[McNemarRow], refinement: list[RefinementRow]
) -> list[Section]:
    """Return the tables, Table 1 first; a table without rows is left out."""
    tables = [
        *(_make_shares_table(table1, counting) for counting in COUNTING_TITLES),
        *([_make_refinement_table(refinement)] if refinement else []),
        *labels.make_sections("technique", {row.technique: row for row in table1}),
        *(_make_outcomes_table(table1, counting) for counting in COUNTING_TITLES),
        _make_costs_table(table1),
    ]
    return [*tables, _make_tests_table(mcnemar)] if mcnemar else tables


def _make_refinement_table(refinement: list[RefinementRow]) -> Section:
    return Section(
        "Polished in float64: trials with mean squared z error below 1e-20",
        ("technique", "trials", "1e-20", "z error\nmedian", "gradients\nmean", "seconds\nmean"),
        [
            (
                row.technique,
                f"{row.trials:,}",
                f"{_format_count(row.recovered['1e-20'], row.trials)}\n"
                f"{format_share_interval(row.interval)}",
                format_scientific(row.z_error_median),
                format_number(row.gradients),
                format_number(row.seconds),
            )
            for row in refinement
        ],
    )


def _format_count(count: int, trials: int) -> str:
    return f"{count:,} {format_share(count / trials)}"


def _make_shares_table(table1: list[Table1Row], counting: str) -> Section:
    title = f"The paper's Table 1, {COUNTING_TITLES[counting].lower()}"
    return Section(
        f"{title}: trials with mean squared z error below",
        ("technique", "trials", *EPSILONS),
        [
            (
                row.technique,
                f"{row.trials:,}",
                *(_format_share_cell(row, counting, epsilon) for epsilon in EPSILONS),
            )
            for row in table1
        ],
    )


def _format_share_cell(row: Table1Row, counting: str, epsilon: str) -> str:
    lines = [
        _format_count(row.recovered_counts(counting)[epsilon], row.trials),
        format_share_interval(row.intervals[counting][epsilon]),
    ]
    if counting == "first_start" and row.paper:  # the paper's runs had no restarts
        lines.append(f"paper {format_share(row.paper[epsilon])}")
    return "\n".join(lines)


def _make_outcomes_table(table1: list[Table1Row], counting: str) -> Section:
    first = counting == "first_start"
    names = [outcome.name.replace("_", "\n") for outcome in Outcome]
    return Section(
        f"{COUNTING_TITLES[counting]}: how the trials ended",
        ("technique", *names, "elsewhere", *(["at bound"] if first else [])),
        [
            (
                row.technique,
                *(f"{count:,}" for count in row.outcomes[counting].values()),
                f"{row.elsewhere[counting]:,}",
                *([format_number(row.at_bound)] if first else []),
            )
            for row in table1
        ],
    )


def _make_costs_table(table1: list[Table1Row]) -> Section:
    return Section(
        "What a trial cost",
        (
            "technique",
            "gradients\nmean",
            "gradients\nmedian",
            "first start\nmean",
            "seconds\nmean",
            "restarts\nmean",
            "redraws\nmean",
        ),
        [
            (
                row.technique,
                format_number(row.gradients),
                format_number(row.gradients_median),
                format_number(row.gradients_first_start),
                format_number(row.seconds),
                format_number(row.restarts),
                format_number(row.redraws),
            )
            for row in table1
        ],
    )


def _make_tests_table(mcnemar: list[McNemarRow]) -> Section:
    return Section(
        f"McNemar's exact test between techniques at {SMALLEST_EPSILON}, paired by trial",
        ("techniques", "counted", "trials", "only the\nfirst", "only the\nsecond", "p"),
        [
            (
                f"{row.first}, {row.second}",
                COUNTING_TITLES[row.counted].lower(),
                f"{row.trials:,}",
                f"{row.only_first:,}",
                f"{row.only_second:,}",
                f"{row.p:.2g}",
            )
            for row in mcnemar
        ],
    )
