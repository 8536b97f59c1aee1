"""How to read Table 1 and its companions."""

from ganinv_cli.report.output.number_format import format_interval, format_number, format_share
from ganinv_cli.report.recover.numbers import Table1Row
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared import actions, labels
from ganinv_cli.report.shared.actions import RuleActions, SameRow
from ganinv_cli.report.shared.run import make_run_notes
from ganinv_cli.statistics import SMALLEST_EPSILON


def make_notes(run: Json, table1: list[Table1Row], same: list[SameRow]) -> list[str]:
    """Return notes on missing trials, on the run, and on how to read the tables."""
    lines = make_run_notes(run)
    if run["config"].get("success") == "ever":
        lines.append(
            "Recovered: z was below the bound at any update, be it not at the end, as the paper's "
            'code counted (success = "ever").'
        )
    lines.append(
        "[a, b]: exact 95 % interval (Clopper-Pearson). Elsewhere: converged, as far as the image "
        f"loss tells, to a z whose error is not below {SMALLEST_EPSILON}. At bound: mean number of "
        "components of z at a bound of the prior, over the first starts that did not reach "
        f"{SMALLEST_EPSILON}."
    )
    shared = max((row.gradients_shared for row in table1), default=0.0)
    if shared:
        lines.append(
            f"Gradients of a trial include {format_number(shared)} for its share of what the run "
            "spent once over all its trials; more trials make it less."
        )
    acting = [RuleActions(row.technique, row.acted, row.shared) for row in table1]
    lines += actions.make_notes(same, acting)
    return lines + _make_bound_notes(run, table1) + labels.make_notes(table1)


def _make_bound_notes(run: Json, table1: list[Table1Row]) -> list[str]:
    """Return a note on how often the estimated bound held; none if no trial has one."""
    counts = [
        f"{row.technique} {row.bound.held:,} of {row.bound.converged:,} "
        f"{format_interval(row.bound.interval, format_share)}"
        for row in table1
        if row.bound and row.bound.converged
    ]
    if not counts:
        return []
    return [
        "Estimated bound: of the error of z, from the loss and the least eigenvalue at some random "
        "z, as if the generator were linear. It is no certainty. A trial converges if it is at "
        f"most {run['config'].get('tolerance', 0):g}, or if float32 cannot tell the image from the "
        f"one that is sought. Of those that did, the error was within it: {', '.join(counts)}."
    ]
