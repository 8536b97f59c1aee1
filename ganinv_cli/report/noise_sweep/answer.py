"""How the error of z grows with the noise: a sentence and a short table."""

import math
from collections.abc import Callable, Sequence

from ganinv_cli.report.noise_sweep.claims import SMALL_VARIANCE, SlopeRow
from ganinv_cli.report.noise_sweep.numbers import SweepRow
from ganinv_cli.report.output.number_format import format_scientific
from ganinv_cli.report.report import Answer, Columns, make_table
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared.phrases import capitalize, describe_rule, describe_span, make_warnings


def make_answer(run: Json, sweep: Sequence[SweepRow], slopes: Sequence[SlopeRow]) -> Answer:
    """Return how the median error grows, with the rule of the least error at the most noise."""
    by_variance: dict[float, dict[str, SweepRow]] = {}
    for row in sweep:
        by_variance.setdefault(row.variance, {})[row.technique] = row

    def median_of(rule: str) -> Callable[[dict[str, SweepRow]], str]:
        return lambda rows: (
            format_scientific(rows[rule].with_restarts.median) if rule in rows else "-"
        )

    columns: Columns[dict[str, SweepRow]] = {
        "noise variance": lambda rows: f"{next(iter(rows.values())).variance:g}",
        "trials": lambda rows: describe_span([row.trials for row in rows.values()], "{:,}".format),
        **{rule: median_of(rule) for rule in dict.fromkeys(row.technique for row in sweep)},
    }
    return Answer(
        capitalize(_describe_growth(sweep, slopes)),
        make_table(
            "Median error of z by clipping rule: ‖z_found − z_true‖² / latent",
            by_variance.values(),
            columns,
        ),
        make_warnings(run),
    )


def _describe_growth(sweep: Sequence[SweepRow], slopes: Sequence[SlopeRow]) -> str:
    last = [row for row in sweep if row.variance == sweep[-1].variance]
    best = min(last, key=_get_median)
    rule = describe_rule(best.technique)
    least = f", the least of {len(last)} clipping rules" if len(last) > 1 else ""
    first = next(row for row in sweep if row.technique == best.technique)
    if first.variance == best.variance:
        return (
            f"at noise variance {best.variance:g} the median error of z is "
            f"{_format_error(best)} {rule}{least}."
        )
    return (
        f"{rule} the median error of z grows from {_format_error(first)} at noise variance "
        f"{first.variance:g} to {_format_error(best)} at variance {best.variance:g}{least}"
        f"{_describe_slope(best.technique, slopes)}."
    )


def _describe_slope(rule: str, slopes: Sequence[SlopeRow]) -> str:
    for row in slopes:
        key = row.technique, row.statistic, row.counted, row.over
        if key == (rule, "median", "with_restarts", "small") and row.slope is not None:
            return (
                f"; up to variance {SMALL_VARIANCE:g} the slope is {row.slope:.2f} "
                "(1: in proportion to the noise)"
            )
    return ""


def _get_median(row: SweepRow) -> float:
    median = row.with_restarts.median
    return math.inf if median is None else median


def _format_error(row: SweepRow) -> str:
    median = row.with_restarts.median
    return "no finite number" if median is None else format_scientific(median)
