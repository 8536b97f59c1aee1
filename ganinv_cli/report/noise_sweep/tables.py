"""The noise sweep's tables in words."""

from collections.abc import Callable, Sequence

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.noise_sweep.claims import SMALL_VARIANCE, VARIANCE_RANGES
from ganinv_cli.report.output.number_format import (
    format_interval,
    format_number,
    format_scientific,
    format_share,
)
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared import labels

COUNTING_TITLES = {"first_start": "First start", "with_restarts": "With restarts"}

_Cells = tuple[str, ...]


def make_sections(sweep: list[Row], slopes: list[Row], comparisons: list[Row]) -> list[Section]:
    """The errors, the paper's two claims, how the trials ended, what they cost.

    A row that is the same for the first start as with restarts stands in the table with restarts
    alone.
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
                                if row["counted"] == counted]),
        *labels.make_sections(sweep, "variance,\ntechnique", _format_row_name),
        *_make_outcomes_tables(sweep),
        _make_costs_table(sweep),
    ]  # fmt: skip


def _make_both_tables(
    title: str, header: _Cells, rows: Callable[[str], list[_Cells]]
) -> list[Section]:
    """With restarts; then the rows that are others for the first start, where there are any."""
    first, best = rows("first_start"), rows("with_restarts")
    if not best:
        return []
    differing = [row for row in first if row not in best]  # its first cell says which row it is
    sections = [Section(f"{COUNTING_TITLES['with_restarts']}: {title}", header, best)]
    if differing:
        where = "" if len(differing) == len(best) else ", where it differs"
        sections.append(
            Section(f"{COUNTING_TITLES['first_start']}: {title}{where}", header, differing)
        )
    return sections


def _format_row_name(row: Row) -> str:
    return f"{row['variance']:g} {row['technique']}"


def _make_error_cells(row: Row, counting: str) -> _Cells:
    return (
        _format_row_name(row),
        f"{row['trials']:,}",
        _format_with_interval(row[counting], "median"),
        _format_with_interval(row[counting], "mean"),
    )


def _format_with_interval(row: Row, name: str) -> str:
    """Stacked; without an interval there is nothing to stack."""
    return "\n".join(
        filter(None, (format_scientific(row[name]), format_interval(row[f"{name}_interval"])))
    )


def _make_bound_cells(row: Row, counting: str) -> _Cells:
    ends = row[counting]["ratio_interval"]
    return (
        _format_row_name(row),
        f"{row[counting]['converged']:,}",
        format_scientific(row["cramer_rao"]),
        format_scientific(row["cramer_rao_median"]),
        "-" if row[counting]["ratio"] is None else f"{row[counting]['ratio']:,.2f}",
        "-" if None in ends else f"[{ends[0]:,.2f}, {ends[1]:,.2f}]",
    )


def _make_slopes_table(slopes: list[Row]) -> Section:
    """A row a rule and statistic, a column a way of counting and range of variances."""
    found = {
        (row["technique"], row["statistic"], row["counted"], row["over"]): row for row in slopes
    }
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


def _format_slope(row: Row | None) -> str:
    if row is None or row["slope"] is None:
        return "-"
    low, high = row["interval"]
    ends = f"[{low:.3f}, {high:.3f}]" if None not in (low, high) else ""
    return "\n".join(filter(None, (f"{row['slope']:.3f}", ends)))


def _make_comparison_cells(row: Row) -> _Cells:
    middle = format_scientific(row["median_difference"])
    return (
        f"{row['variance']:g} {row['first']},\n{row['second']}",
        f"{row['trials']:,}",
        "\n".join(filter(None, (middle, format_interval(row["interval"])))),
        format_share(row["first_nearer"] / row["trials"]),
        format_share(row["second_nearer"] / row["trials"]),
        format_p_value(row["p"]),
        format_p_value(row["p_holm"]),
    )


def format_p_value(p: float | None) -> str:
    """Two digits."""
    return "-" if p is None else f"{p:.2g}"


def _make_outcomes_tables(sweep: list[Row]) -> list[Section]:
    """Where not all converged; with a column for each outcome that there was."""
    apart = [
        row
        for row in sweep
        if any(row[counted]["converged"] < row["trials"] for counted in COUNTING_TITLES)
    ]
    names = [
        outcome.name
        for outcome in Outcome
        if any(
            row["outcomes"][counted][outcome.name] for row in apart for counted in COUNTING_TITLES
        )
    ]

    def make_rows(counting: str) -> list[_Cells]:
        return [
            (
                _format_row_name(row),
                f"{row['trials']:,}",
                *(f"{row['outcomes'][counting][name]:,}" for name in names),
            )
            for row in apart
        ]

    header = ("variance, technique", "trials", *(name.replace("_", "\n") for name in names))
    return _make_both_tables("how the trials ended, where not all converged", header, make_rows)


def _make_costs_table(sweep: Sequence[Row]) -> Section:
    header = {
        "gradients": "gradients",
        "first start": "gradients_first_start",
        "restarts": "restarts",
        "redraws": "redraws",
        "seconds": "seconds",
    }
    return Section(
        "What a trial cost, means",
        ("variance, technique", *header),
        [
            (_format_row_name(row), *(format_number(row[key]) for key in header.values()))
            for row in sweep
        ],
    )
