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
from ganinv_cli.report.report import Section
from ganinv_cli.report.shared import labels

COUNTING_TITLES = {"first_start": "First start", "with_restarts": "With restarts"}

_Cells = tuple[str, ...]


def make_sections(
    sweep: list[SweepRow], slopes: list[SlopeRow], comparisons: list[ComparisonRow]
) -> list[Section]:
    """Return the tables of errors, of the paper's two claims, of outcomes and of costs.

    A row that is the same for first starts as with restarts is only in the table with restarts.
    """
    return [
        *_make_both_tables("z error under noise",
               ("variance,\ntechnique", "trials", "median", "mean"),
               lambda counted: [_make_error_cells(row, counted) for row in sweep]),
        *_make_both_tables("converged trials against the Cramér-Rao bound",
               ("variance,\ntechnique", "trials", "bound,\nmean", "bound,\nmedian",
                "ratio,\nmedian", "95 % interval"),
               lambda counted: [_make_bound_cells(row, counted) for row in sweep]),
        *([_make_slopes_table(slopes)] if slopes else []),
        *_make_both_tables("rules compared trial by trial (Wilcoxon signed-rank)",
               ("variance,\nrules", "trials", "difference", "first\nnearer", "second\nnearer", "p",
                "p\n(Holm)"),
               lambda counted: [_make_comparison_cells(row) for row in comparisons
                                if row.counted == counted]),
        *labels.make_sections("variance,\ntechnique",
               {_format_row_name(row): row for row in sweep}),
        *_make_outcomes_tables(sweep),
        _make_costs_table(sweep),
    ]  # fmt: skip


def _make_both_tables(
    title: str, header: _Cells, rows: Callable[[str], list[_Cells]]
) -> list[Section]:
    """Return a table with restarts, and one of first starts with the rows that differ, if any."""
    first, best = rows("first_start"), rows("with_restarts")
    if not best:
        return []
    differing = [row for row in first if row not in best]  # the first cell names the row
    sections = [Section(f"{COUNTING_TITLES['with_restarts']}: {title}", header, best)]
    if differing:
        where = "" if len(differing) == len(best) else ", where it differs"
        sections.append(
            Section(f"{COUNTING_TITLES['first_start']}: {title}{where}", header, differing)
        )
    return sections


def _format_row_name(row: SweepRow) -> str:
    return f"{row.variance:g} {row.technique}"


def _make_error_cells(row: SweepRow, counting: str) -> _Cells:
    errors = row.errors(counting)
    return (
        _format_row_name(row),
        f"{row.trials:,}",
        _stack(format_scientific(errors.median), format_interval(errors.median_interval)),
        _stack(format_scientific(errors.mean), format_interval(errors.mean_interval)),
    )


def _stack(*lines: str) -> str:
    """Join the lines of a cell, without those that are empty."""
    return "\n".join(filter(None, lines))


def _make_bound_cells(row: SweepRow, counting: str) -> _Cells:
    errors = row.errors(counting)
    low, high = errors.ratio_interval
    return (
        _format_row_name(row),
        f"{errors.converged:,}",
        format_scientific(row.cramer_rao),
        format_scientific(row.cramer_rao_median),
        "-" if errors.ratio is None else f"{errors.ratio:,.2f}",
        "-" if low is None or high is None else f"[{low:,.2f}, {high:,.2f}]",
    )


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
        ("technique", *header),
        [
            (f"{technique},\n{statistic}", *(cell for name in shown for cell in columns[name][at]))
            for at, (technique, statistic) in enumerate(rows)
        ],
    )


def _format_slope(row: SlopeRow | None) -> str:
    if row is None or row.slope is None:
        return "-"
    low, high = row.interval
    ends = "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"
    return _stack(f"{row.slope:.3f}", ends)


def _make_comparison_cells(row: ComparisonRow) -> _Cells:
    return (
        f"{row.variance:g} {row.first},\n{row.second}",
        f"{row.trials:,}",
        _stack(format_scientific(row.median_difference), format_interval(row.interval)),
        format_share(row.first_nearer / row.trials),
        format_share(row.second_nearer / row.trials),
        format_p_value(row.p),
        format_p_value(row.p_holm),
    )


def format_p_value(p: float | None) -> str:
    """Return p in two digits."""
    return "-" if p is None else f"{p:.2g}"


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

    def make_rows(counting: str) -> list[_Cells]:
        return [
            (
                _format_row_name(row),
                f"{row.trials:,}",
                *(f"{row.outcomes[counting][name]:,}" for name in names),
            )
            for row in apart
        ]

    header = ("variance, technique", "trials", *(name.replace("_", "\n") for name in names))
    return _make_both_tables("how the trials ended, where not all converged", header, make_rows)


def _make_costs_table(sweep: list[SweepRow]) -> Section:
    return Section(
        "What a trial cost, means",
        ("variance, technique", "gradients", "first start", "restarts", "redraws", "seconds"),
        [
            (
                _format_row_name(row),
                format_number(row.gradients),
                format_number(row.gradients_first_start),
                format_number(row.restarts),
                format_number(row.redraws),
                format_number(row.seconds),
            )
            for row in sweep
        ],
    )
