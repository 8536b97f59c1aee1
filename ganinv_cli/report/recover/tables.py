"""The tables of recover: Table 1, outcomes, costs, refinement and paired tests."""

from collections.abc import Callable

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.number_format import (
    format_count,
    format_number,
    format_scientific,
    format_share,
)
from ganinv_cli.report.recover.numbers import McNemarRow, RefinementRow, Table1Row
from ganinv_cli.report.report import Columns, Section, make_table
from ganinv_cli.report.shared import labels
from ganinv_cli.report.shared.actions import format_acted
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON

COUNTING_TITLES = {"first_start": "First start", "recovered": "With restarts"}
COUNTING_PHRASES = {"first_start": "of first starts", "recovered": "with restarts"}

REFINEMENT: Columns[RefinementRow] = {
    "clipping": lambda row: row.technique,
    "trials": lambda row: row.trials,
    "1e-20": lambda row: format_count(row.recovered["1e-20"], row.trials, row.interval),
    "z error\nmedian": lambda row: format_scientific(row.z_error_median),
    "gradients\nmean": lambda row: format_number(row.gradients),
    "seconds\nmean": lambda row: format_number(row.seconds),
}
COSTS: Columns[Table1Row] = {
    "clipping": lambda row: row.technique,
    "gradients\nmean": lambda row: format_number(row.gradients),
    "gradients\nmedian": lambda row: format_number(row.gradients_median),
    "first start\nmean": lambda row: format_number(row.gradients_first_start),
    "seconds\nmean": lambda row: format_number(row.seconds),
    "restarts\nmean": lambda row: format_number(row.restarts),
}
ACTIONS: Columns[Table1Row] = {"actions\nmean": lambda row: format_number(row.actions)}
REDRAWS: Columns[Table1Row] = {"redraws\nmean": lambda row: format_number(row.redraws)}
TESTS: Columns[McNemarRow] = {
    "clipping": lambda row: f"{row.first}, {row.second}",
    "counted": lambda row: COUNTING_TITLES[row.counted].lower(),
    "trials": lambda row: row.trials,
    "only the\nfirst": lambda row: row.only_first,
    "only the\nsecond": lambda row: row.only_second,
    "p": lambda row: f"{row.p:.2g}",
}


def make_sections(
    table1: list[Table1Row], mcnemar: list[McNemarRow], refinement: list[RefinementRow]
) -> list[Section]:
    """Return the tables, Table 1 first; a table without rows is left out."""
    knows_actions = any(row.actions is not None for row in table1)
    costs = {**COSTS, **(ACTIONS if knows_actions else REDRAWS)}
    refined = "Refined in float64: trials with mean squared z error below 1e-20"
    tests = f"McNemar's exact test between clipping rules at {SMALLEST_EPSILON}, paired by trial"
    tables = [
        *(_make_shares_table(table1, counting) for counting in COUNTING_TITLES),
        make_table(refined, refinement, REFINEMENT),
        *labels.make_sections("clipping", {row.technique: row for row in table1}),
        *(_make_outcomes_table(table1, counting) for counting in COUNTING_TITLES),
        make_table("Cost per trial", table1, costs),
        make_table(tests, mcnemar, TESTS),
    ]
    return [table for table in tables if table.rows]


def _make_shares_table(table1: list[Table1Row], counting: str) -> Section:
    def share_below(epsilon: str) -> Callable[[Table1Row], str]:
        return lambda row: _format_share_cell(row, counting, epsilon)

    acted: Columns[Table1Row] = {
        "acted": lambda row: format_acted(row.acted_count(counting)),
    }
    title = f"The paper's Table 1, {COUNTING_TITLES[counting].lower()}"
    columns: Columns[Table1Row] = {
        "clipping": lambda row: row.technique,
        "trials": lambda row: row.trials,
        **(acted if any(row.acted is not None for row in table1) else {}),
        **{epsilon: share_below(epsilon) for epsilon in EPSILONS},
    }
    return make_table(f"{title}: trials with mean squared z error below", table1, columns)


def _format_share_cell(row: Table1Row, counting: str, epsilon: str) -> str:
    count, interval = row.recovered_counts(counting)[epsilon], row.intervals[counting][epsilon]
    share = format_count(count, row.trials, interval)
    if counting == "first_start" and row.paper:  # the paper's runs had no restarts
        return f"{share}\npaper {format_share(row.paper[epsilon])}"
    return share


def _make_outcomes_table(table1: list[Table1Row], counting: str) -> Section:
    def count_of(outcome: str) -> Callable[[Table1Row], int]:
        return lambda row: row.outcomes[counting][outcome]

    at_bound: Columns[Table1Row] = {"at bound": lambda row: format_number(row.at_bound)}
    columns: Columns[Table1Row] = {
        "clipping": lambda row: row.technique,
        **{each.name.replace("_", "\n"): count_of(each.name) for each in Outcome},
        "elsewhere": lambda row: row.elsewhere[counting],
        **(at_bound if counting == "first_start" else {}),
    }
    return make_table(f"Outcomes {COUNTING_PHRASES[counting]}", table1, columns)
