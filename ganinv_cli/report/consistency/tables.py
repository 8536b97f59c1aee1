"""Format the tables of `ganinv consistency`: Table 2 and its companions."""

from collections.abc import Callable
from itertools import groupby, islice

from ganinv_cli.prior import Prior
from ganinv_cli.report.consistency.numbers import LabelRow, StrayRow, Table2Row
from ganinv_cli.report.output.number_format import format_concise, format_number, format_scientific
from ganinv_cli.report.report import Columns, Section
from ganinv_cli.report.shared.actions import format_acted
from ganinv_cli.report.shared.image_tables import (
    UnreadRow,
    make_image_table,
    make_statement,
    make_unread_tables,
)
from ganinv_cli.report.shared.prior import format_range
from ganinv_cli.report.shared.recoveries import TOLERANCES

MAX_STRAYS = 20  # rows per image and rule; the JSON has all
ROW_HEADING = "image,\nclipping"

_Columns = Columns[Table2Row]

DISTANCES: _Columns = {
    "trials": lambda row: row.recoveries,
    "mean": lambda row: format_scientific(row.distance.mean),
    "unrefined\nmean": lambda row: format_scientific(row.distance_as_found),
    "paper": lambda row: format_scientific(row.paper),
    "median": lambda row: format_scientific(row.distance.median),
    "largest": lambda row: format_scientific(row.distance.largest),
    "random": lambda row: format_scientific(row.baseline),
}
MINIMA: _Columns = {
    "trials": lambda row: row.recoveries,
    "by\nsolver": lambda row: row.converged.solver,
    "when\nrefined": lambda row: _format_polished(row),
    "not\nconverged": lambda row: row.not_converged,
    "distinct\nminima": lambda row: row.minima.distinct,
    "most\nfrequent": lambda row: row.minima.largest,
}
LABELS: Columns[LabelRow] = {
    "label": lambda row: f"{row.label}",
    "trials": lambda row: row.recoveries,
    "converged": lambda row: row.converged,
    "distinct\nminima": lambda row: row.distinct,
    "least\nloss": lambda row: format_scientific(row.image_loss),
    "trials\nat it": lambda row: row.reached,
    "mean\ndistance": lambda row: format_scientific(row.distance),
}
LOSSES: _Columns = {
    "least": lambda row: format_scientific(row.image_loss.least),
    "median": lambda row: format_scientific(row.image_loss.median),
    "largest": lambda row: format_scientific(row.image_loss.largest),
    "largest /\nleast − 1": lambda row: format_scientific(row.image_loss.spread),
    "PSNR of\nbest (dB)": lambda row: format_number(row.psnr),
    "gradients": lambda row: format_number(row.gradients),
}
REACHED: _Columns = {
    "trials": lambda row: row.reached.recoveries,
    "mean\ndistance": lambda row: format_scientific(row.reached.distance.mean),
    "median\ndistance": lambda row: format_scientific(row.reached.distance.median),
    "squared": lambda row: format_scientific(row.reached.distance.mean_squared),
    "converged": lambda row: row.reached.converged,
    "distinct\nminima": lambda row: row.reached.distinct,
}
BOUNDS: _Columns = {
    "of": lambda row: row.latent,
    "outside,\nmedian": lambda row: _format_count(row.outside.median),
    "outside,\nmost": lambda row: _format_count(row.outside.most),
    "or at bound,\nmedian": lambda row: _format_count(row.at_bound.median),
    "or at bound,\nmost": lambda row: _format_count(row.at_bound.most),
    "rule\nacted": lambda row: format_acted(row.acted),
}
STRAYS: Columns[StrayRow] = {
    "trial": lambda row: row.trial,
    "image loss": lambda row: format_scientific(row.image_loss),
    "distance": lambda row: format_scientific(row.distance),
    "converged": lambda row: "yes" if row.converged else "no",
    "restarts": lambda row: row.restarts,
}


def make_sections(
    table2: list[Table2Row],
    strays: list[StrayRow],
    unread: list[UnreadRow],
    label_rows: list[LabelRow],
    prior: Prior,
) -> list[Section]:
    """Return the tables: distances, uniqueness, minima, losses, bounds, strays, unread files."""
    if not table2:
        return make_unread_tables(unread)

    def make_table(title: str, columns: _Columns) -> Section:
        return make_image_table(title, ROW_HEADING, table2, _name_row, columns, max_length=16)

    return [
        make_table("The paper's Table 2: distance between recoveries of one image", DISTANCES),
        make_image_table(
            "Is z unique?",
            "image, clipping: verdict",
            table2,
            lambda row, name: make_statement(f"{name}, {row.technique}:", row.verdict),
            {},
            max_length=40,
        ),
        make_table("How many converged, and to how many minima", MINIMA),
        *_make_label_tables(label_rows),
        make_table(
            "Distinct minima, by the distance below which two recoveries are one z",
            {format_concise(at): _count_distinct_at(name) for name, at in TOLERANCES.items()},
        ),
        make_table("Image loss, squared error summed over pixels in [-1, 1]", LOSSES),
        make_table("Only the recoveries that reached the least image loss", REACHED),
        make_table(
            f"Components of z outside the bounds {format_range(prior)} of the prior", BOUNDS
        ),
        *_make_strays_tables(strays),
        *make_unread_tables(unread),
    ]


def _name_row(row: Table2Row | LabelRow, name: str) -> str:
    return f"{name},\n{row.technique}"


def _count_distinct_at(tolerance: str) -> Callable[[Table2Row], int]:
    return lambda row: row.minima.distinct_at[tolerance]


def _make_label_tables(label_rows: list[LabelRow]) -> list[Section]:
    """Return the table of the labels that recoveries ended under; none without labels."""
    title = "Labels under which the recoveries ended"
    table = make_image_table(title, ROW_HEADING, label_rows, _name_row, LABELS, max_length=16)
    return [table] if label_rows else []


def _format_count(components: float | None) -> str:
    return "-" if components is None else f"{components:g}"


def _make_strays_tables(strays: list[StrayRow]) -> list[Section]:
    """Return a table of the first strays of each image and rule; none without strays."""
    shown = [
        row  # the rows of an image and rule are consecutive
        for _, of in groupby(strays, lambda row: (row.key, row.technique))
        for row in islice(of, MAX_STRAYS)
    ]
    if not shown:
        return []
    more, labelled = len(strays) - len(shown), shown[0].label is not None
    title = "Recoveries away from the most frequent minimum" + (
        f"; {more:,} more are in the JSON" if more else ""
    )
    label: Columns[StrayRow] = {"label": lambda row: f"{row.label}"} if labelled else {}
    return [
        make_image_table(
            title,
            "image, clipping",
            shown,
            lambda row, name: f"{name}, {row.technique}",
            {**STRAYS, **label},
            max_length=10 if labelled else 17,
        )
    ]


def _format_polished(row: Table2Row) -> str:
    """Return how many converged after refinement, and of how many if not all were refined."""
    count, polished = row.converged.polished, row.polished
    if count is None:
        return "-"
    return f"{count:,}" + (f" of {polished:,}" if polished < row.recoveries else "")
