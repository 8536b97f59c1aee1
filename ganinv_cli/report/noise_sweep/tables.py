"""The tables of noise-sweep."""

from collections.abc import Callable

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.noise_sweep.claims import (
    SMALL_VARIANCE,
    VARIANCE_RANGES,
    ComparisonRow,
    SlopeRow,
)
from ganinv_cli.report.noise_sweep.numbers import SweepRow
from ganinv_cli.report.output.number_format import (
    format_interval,
    format_number,
    format_scientific,
    format_share,
)
from ganinv_cli.report.report import Columns, Section, make_table
from ganinv_cli.report.rows import Interval
from ganinv_cli.report.shared import labels
from ganinv_cli.report.shared.actions import format_acted

COUNTING_TITLES = {"first_start": "First start", "with_restarts": "With restarts"}
COUNTING_PHRASES = {"first_start": "of first starts", "with_restarts": "with restarts"}

COSTS: Columns[SweepRow] = {
    "variance, clipping": lambda row: _format_row_name(row),
    "gradients": lambda row: format_number(row.gradients),
    "first start": lambda row: format_number(row.gradients_first_start),
    "restarts": lambda row: format_number(row.restarts),
    "redraws": lambda row: format_number(row.redraws),
    "actions": lambda row: format_number(row.actions),
    "seconds": lambda row: format_number(row.seconds),
}
COMPARISONS: Columns[ComparisonRow] = {
    "variance,\nrules": lambda row: f"{row.variance:g} {row.first},\n{row.second}",
    "trials": lambda row: row.trials,
    "difference": lambda row: _stack_interval(row.median_difference, row.interval),
    "first\nnearer": lambda row: format_share(row.first_nearer / row.trials),
    "second\nnearer": lambda row: format_share(row.second_nearer / row.trials),
    "p": lambda row: "-" if row.p is None else f"{row.p:.2g}",
    "p\n(Holm)": lambda row: f"{row.p_holm:.2g}",
}


def make_sections(
    sweep: list[SweepRow], slopes: list[SlopeRow], comparisons: list[ComparisonRow]
) -> list[Section]:
    """Return the tables of errors, of the paper's two claims, of outcomes and of costs.

    A row that is the same for first starts as with restarts is only in the table with restarts.
    """
    return [
        *_make_both_tables(lambda counted: _make_errors_table(sweep, counted)),
        *_make_both_tables(lambda counted: _make_bounds_table(sweep, counted)),
        *([_make_slopes_table(slopes)] if slopes else []),
        *_make_both_tables(lambda counted: _make_comparisons_table(comparisons, counted)),
        *labels.make_sections("variance,\nclipping", {_format_row_name(row): row for row in sweep}),
        *_make_outcomes_tables(sweep),
        make_table("Cost per trial, means", sweep, COSTS),
    ]


def _make_both_tables(make: Callable[[str], Section]) -> list[Section]:
    """Return a table with restarts, and one of first starts with the rows that differ, if any."""
    first, best = map(make, COUNTING_TITLES)
    differing = [row for row in first.rows if row not in best.rows]  # the first cell names the row
    where = "" if len(differing) == len(best.rows) else ", rows that differ"
    tables = best, first._replace(title=first.title + where, rows=differing)
    return [table for table in tables if table.rows]


def _format_row_name(row: SweepRow) -> str:
    return f"{row.variance:g} {row.technique}"


def _make_errors_table(sweep: list[SweepRow], counting: str) -> Section:
    def summarize(row: SweepRow, name: str) -> str:
        errors = vars(row.errors(counting))
        return _stack_interval(errors[name], errors[f"{name}_interval"])

    acted: Columns[SweepRow] = {"acted": lambda row: format_acted(row.acted_count(counting))}
    columns: Columns[SweepRow] = {
        "variance,\nclipping": _format_row_name,
        "trials": lambda row: row.trials,
        **(acted if any(row.acted is not None for row in sweep) else {}),
        "median": lambda row: summarize(row, "median"),
        "mean": lambda row: summarize(row, "mean"),
    }
    return make_table(f"{COUNTING_TITLES[counting]}: z error under noise", sweep, columns)


def _stack_interval(value: float | None, interval: Interval) -> str:
    """Return the cell of a value above its interval, if there is one."""
    return "\n".join(filter(None, (format_scientific(value), format_interval(interval))))


def _make_bounds_table(sweep: list[SweepRow], counting: str) -> Section:
    def format_ratio(row: SweepRow) -> str:
        ratio = row.errors(counting).ratio
        return "-" if ratio is None else f"{ratio:,.2f}"

    columns: Columns[SweepRow] = {
        "variance,\nclipping": _format_row_name,
        "trials": lambda row: row.errors(counting).converged,
        "bound,\nmean": lambda row: format_scientific(row.cramer_rao),
        "error / bound,\nmeans": format_ratio,
        "95 % interval": lambda row: (
            format_interval(row.errors(counting).ratio_interval, "{:,.2f}".format) or "-"
        ),
    }
    title = f"{COUNTING_TITLES[counting]}: converged trials against the Cramér-Rao bound"
    return make_table(title, sweep, columns)


def _make_comparisons_table(comparisons: list[ComparisonRow], counting: str) -> Section:
    rows = [row for row in comparisons if row.counted == counting]
    title = f"{COUNTING_TITLES[counting]}: rules compared trial by trial (Wilcoxon signed-rank)"
    return make_table(title, rows, COMPARISONS)


def _make_slopes_table(slopes: list[SlopeRow]) -> Section:
    """Return a table with a row per rule and statistic, a column per counting and range."""
    found = {(row.technique, row.statistic, row.counted, row.over): row for row in slopes}
    heads = {"all": "all variances", "small": f"to {SMALL_VARIANCE:g}"}
    rows = list(dict.fromkeys(key[:2] for key in found))
    columns = {
        counted: [
            tuple(_format_slope(found.get((*row, counted, over))) for over in VARIANCE_RANGES)
            for row in rows
        ]
        for counted in COUNTING_TITLES
    }
    same = columns["first_start"] == columns["with_restarts"]
    shown = ["with_restarts"] if same else list(COUNTING_TITLES)
    header = [
        f"{COUNTING_TITLES[counted].lower()}\n{head}"
        for counted in shown
        for head in heads.values()
    ]
    return Section(
        "Slope of log z error against log variance; 1 is growth in proportion to the noise",
        ("clipping", *header),
        [
            (f"{technique},\n{statistic}", *(cell for name in shown for cell in columns[name][at]))
            for at, (technique, statistic) in enumerate(rows)
        ],
    )


def _format_slope(row: SlopeRow | None) -> str:
    if row is None or row.slope is None:
        return "-"
    cell = f"{row.slope:.3f}\n{format_interval(row.interval, '{:.3f}'.format)}"
    return cell.rstrip("\n")  # of a slope without an interval


def _make_outcomes_tables(sweep: list[SweepRow]) -> list[Section]:
    """Return tables of outcomes for rows in which not all trials converged."""
    apart = [
        row
        for row in sweep
        if any(row.errors(counted).converged < row.trials for counted in COUNTING_TITLES)
    ]
    names = [
        outcome.name
        for outcome in Outcome
        if any(row.outcomes[counted][outcome.name] for row in apart for counted in COUNTING_TITLES)
    ]

    def count_of(counting: str, name: str) -> Callable[[SweepRow], int]:
        return lambda row: row.outcomes[counting][name]

    def make(counting: str) -> Section:
        columns: Columns[SweepRow] = {
            "variance, clipping": _format_row_name,
            "trials": lambda row: row.trials,
            **{name.replace("_", "\n"): count_of(counting, name) for name in names},
        }
        title = f"Outcomes {COUNTING_PHRASES[counting]}, if not all converged"
        return make_table(title, apart, columns)

    return _make_both_tables(make)
