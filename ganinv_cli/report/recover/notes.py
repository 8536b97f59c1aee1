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
            "Recovered: the error of z was below the bound at any update, not only at the end, as "
            'in the paper\'s code (success = "ever").'
        )
    lines.append(
        "[a, b]: exact 95 % interval (Clopper-Pearson). Elsewhere: converged by the image loss, "
        f"but the error of z is not below {SMALLEST_EPSILON}. At bound: mean number of components "
        "of z at a bound of the prior, over the first starts that did not reach "
        f"{SMALLEST_EPSILON}."
    )
    shared = max((row.gradients_shared for row in table1), default=0.0)
    if shared:
        lines.append(
            f"The gradients of each trial include {format_number(shared)} for the preparation of "
            "the run, which is divided among all trials."
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
        "Estimated bound on the error of z: from the image loss and the least eigenvalue of JᵀJ at "
        "some random z, as if the generator were linear. It is an estimate, not a guarantee. A "
        f"trial converges if the bound is at most {run['config'].get('tolerance', 0):g}, or if the "
        "image equals the target in float32. Converged trials with an error within the bound: "
        f"{', '.join(counts)}."
    ]
