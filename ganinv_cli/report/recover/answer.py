"""How many latent vectors were recovered: a sentence and a short table."""

from collections.abc import Mapping, Sequence

from ganinv_cli.report.output.number_format import format_count, format_number
from ganinv_cli.report.recover.numbers import RefinementRow, Table1Row
from ganinv_cli.report.report import Answer, Columns, make_table
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared.actions import format_acted
from ganinv_cli.report.shared.phrases import (
    capitalize,
    describe_count,
    describe_rule,
    describe_span,
    make_warnings,
)
from ganinv_cli.statistics import SMALLEST_EPSILON

NOTEWORTHY_SHARE = 0.1  # of a trial's gradients: its share of what the run measures once

COLUMNS: Columns[Table1Row] = {
    "clipping": lambda row: row.technique,
    "trials": lambda row: row.trials,
    "recovered": lambda row: format_count(row.recovered[SMALLEST_EPSILON], row.trials),
    "at the\nfirst start": lambda row: format_count(row.first_start[SMALLEST_EPSILON], row.trials),
    "gradients\n(median)": lambda row: format_number(row.gradients_median),
}
SECONDS: Columns[Table1Row] = {"seconds\n(mean)": lambda row: format_number(row.seconds)}
ACTED: Columns[Table1Row] = {"rule acted\n(trials)": lambda row: format_acted(row.acted)}


def make_answer(
    run: Json, table1: Sequence[Table1Row], refinement: Sequence[RefinementRow]
) -> Answer:
    """Return how many latent vectors each clipping rule recovered, and at what cost."""
    refined = {row.technique: row for row in refinement}
    columns = {
        **COLUMNS,
        **(ACTED if any(row.acted is not None for row in table1) else {}),
        **(_make_refinement_column(refined) if refined else SECONDS),
    }
    any_update = " at any update" if run["config"].get("success") == "ever" else ""
    return Answer(
        f"{capitalize(_describe_recovered(table1))}{any_update}{_describe_cost(table1)}.",
        make_table(
            f"Recovered: the mean squared error of z is below {SMALLEST_EPSILON}{any_update}",
            table1,
            columns,
        ),
        make_warnings(run),
    )


def _make_refinement_column(refined: Mapping[str, RefinementRow]) -> Columns[Table1Row]:
    def count_exact(row: Table1Row) -> str:
        found = refined.get(row.technique)
        return format_count(found.recovered["1e-20"], found.trials) if found else "-"

    return {"below 1e-20\nif refined": count_exact}


def _describe_recovered(table1: Sequence[Table1Row]) -> str:
    counts = {row.technique: (row.recovered[SMALLEST_EPSILON], row.trials) for row in table1}
    if len(set(counts.values())) > 1:
        each = ", ".join(
            f"{describe_count(*count)} {describe_rule(rule)}" for rule, count in counts.items()
        )
        return f"latent vectors recovered: {each}"
    count, trials = next(iter(counts.values()))
    rules = describe_rule(table1[0].technique)
    if len(counts) > 1:
        rules = f"under {'every' if count else 'any'} clipping rule"
    verb = "was" if count <= 1 else "were"
    noun = "latent vector" if trials == 1 else "latent vectors"
    return f"{describe_count(count, trials)} {noun} {verb} recovered {rules}"


def _format_gradients(gradients: float) -> str:
    return f"{gradients:,.0f}" if gradients >= 10 else format_number(gradients)


def _describe_cost(table1: Sequence[Table1Row]) -> str:
    medians = [row.gradients_median for row in table1 if row.gradients_median is not None]
    if not medians:
        return ""
    cost = f", at {describe_span(medians, _format_gradients)} gradients each (median)"
    shared = max(row.gradients_shared for row in table1)
    if shared < NOTEWORTHY_SHARE * min(medians):
        return cost
    return f"{cost}, {_format_gradients(shared)} of them for measuring the generator once"
