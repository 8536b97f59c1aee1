"""The report of `ganinv noise-sweep`: the paper's Figure 2, and tests of its two claims."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ganinv_cli.errors import ResultsError
from ganinv_cli.number_format import format_interval, format_scientific, format_share
from ganinv_cli.report.noise_sweep.rows import (
    SMALL_VARIANCE,
    compare_rules,
    find_same_rules,
    fit_slopes,
    make_rows,
    read_cells,
)
from ganinv_cli.report.report import Answer, Report, ReportModule
from ganinv_cli.report.rules import ACTED, ACTIONS, make_label_tables, make_rule_notes
from ganinv_cli.report.run import (
    capitalize,
    describe_rule,
    describe_run,
    describe_span,
    make_run_notes,
    make_warnings,
)
from ganinv_cli.report.table import Column, Row, Table, flatten
from ganinv_cli.settings.names import list_trial_groups, representative_rule

if TYPE_CHECKING:
    from ganinv_cli.store import Results

SIGNIFICANT = 0.05  # Holm's corrected p of Wilcoxon's test, below which two rules differ
MIN_TRIALS = 20  # with fewer, a bootstrap interval is too narrow


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is no trial to count.
    """
    cells = read_cells(results)
    if not cells:
        raise ResultsError(f"{name}: no trial under noise is saved yet; let its run go on")
    sweep, slopes = make_rows(results, cells), fit_slopes(cells)
    same = find_same_rules(cells)
    comparisons = compare_rules(cells, same)
    run = describe_run(results, list_trial_groups(results.attributes.get("config", {})))
    return Report(
        name,
        _make_answer(run, sweep, slopes, comparisons),
        {"noise_sweep": sweep, "slopes": slopes, "comparisons": comparisons, "same": same},
        _make_tables(sweep, slopes, comparisons),
        _make_notes(run, sweep, comparisons, same),
        run,
        [flatten(row) for row in sweep],
    )


REPORT = ReportModule(__name__, "noise-sweep", summarize, figures=r"figure2a|figure2b-variance-.+")


def _stack_interval(
    key: str, interval_key: str, show: Callable[[Any], str] = format_scientific
) -> Callable[[Row], str]:
    """Return the function that shows a value above its interval, if there is one."""
    return lambda row: f"{show(row[key])}\n{format_interval(row[interval_key], show)}".rstrip("\n")


ROW_NAME = Column("variance,\nclipping", show=lambda row: f"{row['variance']:g} {row['technique']}")
TRIALS = Column("trials", "trials")
COSTS = (
    ROW_NAME,
    Column("gradients", "gradients"),
    Column("first start", "gradients_first_start"),
    Column("restarts", "restarts"),
    Column("redraws", "redraws"),
    ACTIONS,
    Column("seconds", "seconds"),
)
BOUNDS = (
    ROW_NAME,
    Column("trials", "with_restarts.converged"),
    Column(
        "bound,\nmean",
        "cramer_rao",
        format_scientific,
        help="Bound: Cramér-Rao, variance · tr((JᵀJ)⁻¹) / latent with J at each trial's true z; no "
        "unbiased estimate has a smaller mean error, but a median or a biased estimate can.",
    ),
    Column(
        "error / bound,\nmeans",
        "with_restarts.ratio",
        lambda ratio: "-" if ratio is None else f"{ratio:,.2f}",
    ),
    Column(
        "95 % interval",
        "with_restarts.ratio_interval",
        lambda interval: format_interval(interval, "{:,.2f}".format) or "-",
    ),
)
COMPARISONS = (
    Column(
        "variance,\nrules",
        show=lambda row: f"{row['variance']:g} {row['first']},\n{row['second']}",
    ),
    TRIALS,
    Column(
        "difference",
        show=_stack_interval("median_difference", "interval"),
        help="Difference: median over the trials of the first rule's error minus the second's.",
    ),
    Column("first\nnearer", show=lambda row: format_share(row["first_nearer"] / row["trials"])),
    Column("second\nnearer", show=lambda row: format_share(row["second_nearer"] / row["trials"])),
    Column("p", "p", lambda p: "-" if p is None else f"{p:.2g}"),
    Column(
        "p\n(Holm)",
        "p_holm",
        "{:.2g}".format,
        help="p: Wilcoxon's test that the differences are symmetric about 0; it ranks them by "
        "size, so p can be small even if their median is near 0. p (Holm): corrected for all "
        "these tests.",
    ),
)


def _make_tables(sweep: list[Row], slopes: list[Row], comparisons: list[Row]) -> list[Table]:
    """Return the tables of errors, of the paper's two claims and of costs."""
    tested = [row for row in comparisons if row["counted"] == "with_restarts"]
    tables = [
        _make_errors_table(sweep),
        Table("Converged trials against the Cramér-Rao bound, with restarts", sweep, BOUNDS),
        _make_slopes_table(slopes),
        Table(
            "With restarts: rules compared trial by trial (Wilcoxon signed-rank)",
            tested,
            COMPARISONS,
        ),
        *make_label_tables(sweep, ROW_NAME),
        Table("Cost per trial, means", sweep, COSTS),
    ]
    return [table for table in tables if table.rows]


def _make_errors_table(sweep: list[Row]) -> Table:
    def show(name: str) -> Callable[[Row], str]:
        stack = _stack_interval(name, f"{name}_interval")
        return lambda row: stack(row["with_restarts"])

    columns = [
        ROW_NAME,
        TRIALS,
        *([ACTED] if any(row["acted"] is not None for row in sweep) else []),
        Column(
            "median",
            show=show("median"),
            help="z error: ‖z_found − z_true‖² / latent. [a, b]: 95 % interval, bootstrap over the "
            "trials.",
        ),
        Column("mean", show=show("mean")),
        Column(
            "first\nstart",
            "first_start.median",
            format_scientific,
            help="First start: the median before any restart.",
        ),
    ]
    return Table("With restarts: z error under noise", sweep, columns)


def _make_slopes_table(slopes: list[Row]) -> Table:
    """Return a table with a row per rule and statistic, and a column per range of variances."""
    rows: dict[tuple[str, str], Row] = {}
    for row in slopes:
        if row["counted"] == "with_restarts":
            named = rows.setdefault(
                (row["technique"], row["statistic"]), {"all": None, "small": None}
            )
            named |= {"name": f"{row['technique']},\n{row['statistic']}", row["over"]: row}

    def show(row: Row | None) -> str:
        if row is None or row["slope"] is None:
            return "-"
        return _stack_interval("slope", "interval", "{:.3f}".format)(row)

    return Table(
        "Slope of log z error against log variance; 1 is growth in proportion to the noise",
        list(rows.values()),
        [
            Column("clipping", "name"),
            Column("all variances", "all", show),
            Column(f"to {SMALL_VARIANCE:g}", "small", show),
        ],
    )


def _make_notes(run: Row, sweep: list[Row], comparisons: list[Row], same: list[Row]) -> list[str]:
    """Return notes on missing trials, on the run, and on what the numbers include."""
    lines = make_run_notes(run)
    clipped = bool(run["config"].get("clip_pixels"))
    biased = " Clipping the pixels adds a bias, too." if clipped else ""
    lines.append(
        f"Noisy pixels were {'' if clipped else 'not '}clipped to [-1, 1]. Under strong noise "
        "every estimate is biased, because the generator is not linear, and so are those that a "
        f"rule keeps in the prior's bounds: their errors can be below the Cramér-Rao bound."
        f"{biased}"
    )
    if any(row["variance"] == 0 for row in sweep):
        lines.append("Variance 0 has no logarithm: it is in neither the slopes nor figure 2a.")
    if any(
        row[each]["without_number"] for row in sweep for each in ("first_start", "with_restarts")
    ):
        lines.append(
            "A trial without a finite z counts as an infinite error: it raises the median, and "
            "there is no mean."
        )
    if any(row["trials"] < MIN_TRIALS for row in sweep):
        lines.append(
            f"Some rows have fewer than {MIN_TRIALS} trials: their bootstrap intervals are too "
            "narrow."
        )
    return lines + make_rule_notes(same, sweep)


def _make_answer(
    run: Row, sweep: Sequence[Row], slopes: Sequence[Row], comparisons: Sequence[Row]
) -> Answer:
    """Return how the median error grows, and whether the clipping rules differ."""
    by_variance: dict[float, Row] = {}
    for row in sweep:
        rules = by_variance.setdefault(row["variance"], {"variance": row["variance"]})
        rules[row["technique"]] = row

    def show_median(rule: str) -> Callable[[Row], str]:
        return lambda rules: (
            format_scientific(rules[rule]["with_restarts"]["median"]) if rule in rules else "-"
        )

    def count_trials(rules: Row) -> str:
        counts = [row["trials"] for row in rules.values() if isinstance(row, dict)]
        return describe_span(counts, "{:,}".format)

    columns = [
        Column("noise variance", "variance", "{:g}".format),
        Column("trials", show=count_trials),
        *(
            Column(rule, show=show_median(rule))
            for rule in dict.fromkeys(row["technique"] for row in sweep)
        ),
    ]
    return Answer(
        f"{capitalize(_describe_growth(sweep, slopes))}{_describe_differences(comparisons)}.",
        Table(
            "Median error of z by clipping rule: ‖z_found − z_true‖² / latent",
            list(by_variance.values()),
            columns,
        ),
        make_warnings(run),
    )


def _describe_growth(sweep: Sequence[Row], slopes: Sequence[Row]) -> str:
    """Return a clause on the rule that pictures of the run show."""
    name = representative_rule([row["technique"] for row in sweep])
    rows = [row for row in sweep if row["technique"] == name]
    first, last, rule = rows[0], rows[-1], describe_rule(name)
    trials = describe_span([row["trials"] for row in rows], "{:,}".format)
    if first is last:
        return (
            f"at noise variance {last['variance']:g} the median error of z over {trials} trials is "
            f"{_format_error(last)} {rule}"
        )
    return (
        f"{rule} the median error of z over {trials} trials grows from {_format_error(first)} at "
        f"noise variance {first['variance']:g} to {_format_error(last)} at variance "
        f"{last['variance']:g}{_describe_slope(name, slopes)}"
    )


def _describe_differences(comparisons: Sequence[Row]) -> str:
    """Return a clause on the paired tests of rules, each with its restarts; empty without any."""
    tested = [row for row in comparisons if row["counted"] == "with_restarts"]
    if not tested:
        return ""
    variances = {row["variance"] for row in tested}
    differing = {row["variance"] for row in tested if row["p_holm"] < SIGNIFICANT}
    if not differing:
        return "; no difference between clipping rules is significant"
    return (
        f"; clipping rules differ significantly at {len(differing)} of {len(variances)} variances"
    )


def _describe_slope(rule: str, slopes: Sequence[Row]) -> str:
    wanted = (rule, "median", "with_restarts", "small")
    for row in slopes:
        key = tuple(row[part] for part in ("technique", "statistic", "counted", "over"))
        if key == wanted and row["slope"] is not None:
            return (
                f"; up to variance {SMALL_VARIANCE:g} the slope is {row['slope']:.2f} "
                "(1: in proportion to the noise)"
            )
    return ""


def _format_error(row: Row) -> str:
    median = row["with_restarts"]["median"]
    return "no finite number" if median is None else format_scientific(median)
