"""Table 1 and its companions in words."""

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.number_format import (
    format_number,
    format_scientific,
    format_share,
    format_share_interval,
)
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared import labels
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON

COUNTING_TITLES = {"first_start": "First start", "recovered": "With restarts"}


def make_sections(table1: list[Row], mcnemar: list[Row], refinement: list[Row]) -> list[Section]:
    """Table 1 for both ways of counting, what polishing added, endings, costs, paired tests."""
    tables = [
        *(_make_shares_table(table1, counted) for counted in COUNTING_TITLES),
        *([_make_refinement_table(refinement)] if refinement else []),
        *labels.make_sections(table1, "technique", lambda row: str(row["technique"])),
        *(_make_outcomes_table(table1, counted) for counted in COUNTING_TITLES),
        _make_costs_table(table1),
    ]
    return [*tables, _make_tests_table(mcnemar)] if mcnemar else tables


def _make_refinement_table(refinement: list[Row]) -> Section:
    return Section(
        "Polished in float64: trials with mean squared z error below 1e-20",
        ("technique", "trials", "1e-20", "z error\nmedian", "gradients\nmean", "seconds\nmean"),
        [
            (
                row["technique"],
                f"{row['trials']:,}",
                f"{_format_count(row['recovered']['1e-20'], row['trials'])}\n"
                f"{format_share_interval(row['interval'])}",
                format_scientific(row["z_error_median"]),
                format_number(row["gradients"]),
                format_number(row["seconds"]),
            )
            for row in refinement
        ],
    )


def _format_count(count: int, trials: int) -> str:
    return f"{count:,} {format_share(count / trials)}"


def _make_shares_table(table1: list[Row], counting: str) -> Section:
    return Section(
        f"The paper's Table 1, {COUNTING_TITLES[counting].lower()}: trials with mean squared z "
        "error below",
        ("technique", "trials", *EPSILONS),
        [
            (
                row["technique"],
                f"{row['trials']:,}",
                *(_make_share_cell(row, counting, e) for e in EPSILONS),
            )
            for row in table1
        ],
    )


def _make_share_cell(row: Row, counting: str, bound: str) -> str:
    count = row[counting][bound]
    lines = [
        _format_count(count, row["trials"]),
        format_share_interval(row["intervals"][counting][bound]),
    ]
    if counting == "first_start" and row["paper"]:  # the paper's runs had no restarts
        lines.append(f"paper {format_share(row['paper'][bound])}")
    return "\n".join(lines)


def _make_outcomes_table(table1: list[Row], counting: str) -> Section:
    first = counting == "first_start"
    names = [outcome.name.replace("_", "\n") for outcome in Outcome]
    return Section(
        f"{COUNTING_TITLES[counting]}: how the trials ended",
        ("technique", *names, "elsewhere", *(["at bound"] if first else [])),
        [
            (
                row["technique"],
                *(f"{count:,}" for count in row["outcomes"][counting].values()),
                f"{row['elsewhere'][counting]:,}",
                *([format_number(row["at_bound"])] if first else []),
            )
            for row in table1
        ],
    )


def _make_costs_table(table1: list[Row]) -> Section:
    header = {
        "gradients\nmean": "gradients",
        "gradients\nmedian": "gradients_median",
        "first start\nmean": "gradients_first_start",
        "seconds\nmean": "seconds",
        "restarts\nmean": "restarts",
        "redraws\nmean": "redraws",
    }
    return Section(
        "What a trial cost",
        ("technique", *header),
        [
            (row["technique"], *(format_number(row[key]) for key in header.values()))
            for row in table1
        ],
    )


def _make_tests_table(mcnemar: list[Row]) -> Section:
    return Section(
        f"McNemar's exact test between techniques at {SMALLEST_EPSILON}, paired by trial",
        ("techniques", "counted", "trials", "only the\nfirst", "only the\nsecond", "p"),
        [
            (
                f"{row['first']}, {row['second']}",
                COUNTING_TITLES[row["counted"]].lower(),
                *(f"{row[key]:,}" for key in ("trials", "only_first", "only_second")),
                f"{row['p']:.2g}",
            )
            for row in mcnemar
        ],
    )
