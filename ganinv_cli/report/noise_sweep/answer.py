"""How the error of z grows with the noise: a sentence and a short table."""

from collections.abc import Callable, Sequence

from ganinv_cli.report.noise_sweep.claims import SMALL_VARIANCE, ComparisonRow, SlopeRow
from ganinv_cli.report.noise_sweep.numbers import SweepRow
from ganinv_cli.report.output.number_format import format_scientific
from ganinv_cli.report.report import Answer, Columns, make_table
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared.phrases import capitalize, describe_rule, describe_span, make_warnings
from ganinv_cli.settings.names import representative_rule

SIGNIFICANT = 0.05  # Holm's corrected p of Wilcoxon's test, below which two rules differ


def make_answer(
    run: Json,
    sweep: Sequence[SweepRow],
    slopes: Sequence[SlopeRow],
    comparisons: Sequence[ComparisonRow],
) -> Answer:
    """Return how the median error grows, and whether the clipping rules differ."""
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
        f"{capitalize(_describe_growth(sweep, slopes))}{_describe_differences(comparisons)}.",
        make_table(
            "Median error of z by clipping rule: ‖z_found − z_true‖² / latent",
            by_variance.values(),
            columns,
        ),
        make_warnings(run),
    )


def _describe_growth(sweep: Sequence[SweepRow], slopes: Sequence[SlopeRow]) -> str:
    """Return a clause on the rule that pictures of the run show."""
    name = representative_rule([row.technique for row in sweep])
    rows = [row for row in sweep if row.technique == name]
    first, last, rule = rows[0], rows[-1], describe_rule(name)
    trials = describe_span([row.trials for row in rows], "{:,}".format)
    if first is last:
        return (
            f"at noise variance {last.variance:g} the median error of z over {trials} trials is "
            f"{_format_error(last)} {rule}"
        )
    return (
        f"{rule} the median error of z over {trials} trials grows from {_format_error(first)} at "
        f"noise variance {first.variance:g} to {_format_error(last)} at variance "
        f"{last.variance:g}{_describe_slope(name, slopes)}"
    )


def _describe_differences(comparisons: Sequence[ComparisonRow]) -> str:
    """Return a clause on the paired tests of rules, each with its restarts; empty without any."""
    tested = [row for row in comparisons if row.counted == "with_restarts"]
    if not tested:
        return ""
    variances = {row.variance for row in tested}
    differing = {row.variance for row in tested if row.p_holm < SIGNIFICANT}
    if not differing:
        return "; no difference between clipping rules is significant"
    return (
        f"; clipping rules differ significantly at {len(differing)} of {len(variances)} variances"
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


def _format_error(row: SweepRow) -> str:
    median = row.with_restarts.median
    return "no finite number" if median is None else format_scientific(median)
