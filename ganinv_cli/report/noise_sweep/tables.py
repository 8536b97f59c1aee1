"""The noise sweep's tables in words."""

from collections.abc import Callable, Sequence

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.noise_sweep.claims import RANGES, SMALL
from ganinv_cli.report.output.number_format import decimal, interval, number, scientific
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared import labels

WORDS = {"first_start": "First start", "with_restarts": "With restarts"}

_Cells = tuple[str, ...]


def sections(sweep: list[Row], slopes: list[Row], comparisons: list[Row]) -> list[Section]:
    """The errors, the paper's two claims, how the trials ended, what they cost.

    A row that is the same for the first start as with restarts stands in the table with restarts
    alone.
    """
    return [
        *_both("z error under noise", ("variance,\ntechnique", "trials", "median", "mean"),
               lambda counted: [_errors(row, counted) for row in sweep]),
        *_both("converged trials against the Cramér-Rao bound",
               ("variance,\ntechnique", "trials", "bound,\nmean", "bound,\nmedian",
                "ratio,\nmedian", "95 % interval"),
               lambda counted: [_bounds(row, counted) for row in sweep]),
        *([_slopes(slopes)] if slopes else []),
        *_both("rules compared trial by trial (Wilcoxon signed-rank)",
               ("variance,\nrules", "trials", "difference", "first\nnearer", "second\nnearer", "p",
                "p\n(Holm)"),
               lambda counted: [_compared(t) for t in comparisons if t["counted"] == counted]),
        *labels.sections(sweep, "variance,\ntechnique", _place),
        *_endings(sweep),
        _costs(sweep),
    ]  # fmt: skip


def _both(title: str, header: _Cells, rows: Callable[[str], list[_Cells]]) -> list[Section]:
    """With restarts; then the rows that are others for the first start, where there are any."""
    first, best = rows("first_start"), rows("with_restarts")
    if not best:
        return []
    apart = [row for row in first if row not in best]  # its first cell says which row it is
    sections = [Section(f"{WORDS['with_restarts']}: {title}", header, best)]
    if apart:
        where = "" if len(apart) == len(best) else ", where it differs"
        sections.append(Section(f"{WORDS['first_start']}: {title}{where}", header, apart))
    return sections


def _place(row: Row) -> str:
    return f"{row['variance']:g} {row['technique']}"


def _errors(row: Row, counted: str) -> _Cells:
    return (
        _place(row),
        f"{row['trials']:,}",
        _with_interval(row[counted], "median"),
        _with_interval(row[counted], "mean"),
    )


def _with_interval(row: Row, name: str) -> str:
    """Stacked; without an interval there is nothing to stack."""
    return "\n".join(filter(None, (scientific(row[name]), interval(row[f"{name}_interval"]))))


def _bounds(row: Row, counted: str) -> _Cells:
    ends = row[counted]["ratio_interval"]
    return (
        _place(row),
        f"{row[counted]['converged']:,}",
        scientific(row["cramer_rao"]),
        scientific(row["cramer_rao_median"]),
        "-" if row[counted]["ratio"] is None else f"{row[counted]['ratio']:,.2f}",
        "-" if None in ends else f"[{ends[0]:,.2f}, {ends[1]:,.2f}]",
    )


def _slopes(slopes: list[Row]) -> Section:
    """A row a rule and statistic, a column a way of counting and range of variances."""
    found = {
        (row["technique"], row["statistic"], row["counted"], row["over"]): row for row in slopes
    }
    heads = {"all": "all variances", "small": f"to {SMALL:g}"}
    rows = list(dict.fromkeys(key[:2] for key in found))
    columns = {
        counted: [
            tuple(_slope(found.get((*row, counted, over))) for over in RANGES) for row in rows
        ]
        for counted in WORDS
    }
    same = columns["first_start"] == columns["with_restarts"]
    shown = ["with_restarts"] if same else list(WORDS)
    header = [f"{WORDS[counted].lower()}\n{head}" for counted in shown for head in heads.values()]
    return Section(
        "Slope of log z error against log variance; 1 is growth in proportion to the noise",
        ("technique", *header),
        [
            (f"{technique},\n{statistic}", *(cell for name in shown for cell in columns[name][at]))
            for at, (technique, statistic) in enumerate(rows)
        ],
    )


def _slope(row: Row | None) -> str:
    if row is None or row["slope"] is None:
        return "-"
    low, high = row["interval"]
    ends = f"[{low:.3f}, {high:.3f}]" if None not in (low, high) else ""
    return "\n".join(filter(None, (f"{row['slope']:.3f}", ends)))


def _compared(row: Row) -> _Cells:
    middle = scientific(row["median_difference"])
    return (
        f"{row['variance']:g} {row['first']},\n{row['second']}",
        f"{row['trials']:,}",
        "\n".join(filter(None, (middle, interval(row["interval"])))),
        decimal(row["first_nearer"] / row["trials"]),
        decimal(row["second_nearer"] / row["trials"]),
        probability(row["p"]),
        probability(row["p_holm"]),
    )


def probability(p: float | None) -> str:
    """Two digits."""
    return "-" if p is None else f"{p:.2g}"


def _endings(sweep: list[Row]) -> list[Section]:
    """Where not all converged; with a column for each outcome that there was."""
    apart = [
        row for row in sweep if any(row[counted]["converged"] < row["trials"] for counted in WORDS)
    ]
    names = [
        outcome.name
        for outcome in Outcome
        if any(row["outcomes"][counted][outcome.name] for row in apart for counted in WORDS)
    ]

    def rows(counted: str) -> list[_Cells]:
        return [
            (
                _place(row),
                f"{row['trials']:,}",
                *(f"{row['outcomes'][counted][name]:,}" for name in names),
            )
            for row in apart
        ]

    header = ("variance, technique", "trials", *(name.replace("_", "\n") for name in names))
    return _both("how the trials ended, where not all converged", header, rows)


def _costs(sweep: Sequence[Row]) -> Section:
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
        [(_place(row), *(number(row[key]) for key in header.values())) for row in sweep],
    )
