"""Format the tables of `ganinv consistency`: Table 2 and its companions."""

from itertools import groupby, islice

from ganinv_cli.prior import Prior
from ganinv_cli.report.consistency.numbers import LabelRow, StrayRow, Table2Row
from ganinv_cli.report.output.number_format import format_concise, format_number, format_scientific
from ganinv_cli.report.report import Section
from ganinv_cli.report.shared.image_tables import (
    UnreadRow,
    make_image_table,
    make_sentence_row,
    make_unread_tables,
)
from ganinv_cli.report.shared.prior import format_range
from ganinv_cli.report.shared.recoveries import TOLERANCES

MAX_STRAYS = 20  # rows per image and rule; the JSON has all
ROW_HEADING = "image,\ntechnique"


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
    return [
        _make_distances_table(table2),
        make_image_table(
            "Is z unique?",
            ("image, technique: verdict",),
            table2,
            lambda row, name: make_sentence_row(f"{name}, {row.technique}: {row.verdict}"),
            max_length=40,
        ),
        _make_minima_table(table2),
        *_make_label_tables(label_rows),
        _make_tolerances_table(table2),
        _make_losses_table(table2),
        _make_reached_table(table2),
        _make_bounds_table(table2, prior),
        *_make_strays_tables(strays),
        *make_unread_tables(unread),
    ]


def _make_table(table2: list[Table2Row], title: str, columns: dict[str, list[str]]) -> Section:
    cells = {_get_row_key(row): each for row, *each in zip(table2, *columns.values(), strict=True)}
    return make_image_table(
        title,
        (ROW_HEADING, *columns),
        table2,
        lambda row, name: (f"{name},\n{row.technique}", *cells[_get_row_key(row)]),
        max_length=16,
    )


def _make_distances_table(table2: list[Table2Row]) -> Section:
    distance = [row.distance for row in table2]
    return _make_table(
        table2,
        "The paper's Table 2: distance between recoveries of one image",
        {
            "trials": [f"{row.recoveries:,}" for row in table2],
            "mean": [format_scientific(each.mean) for each in distance],
            "paper": [format_scientific(row.paper) for row in table2],
            "median": [format_scientific(each.median) for each in distance],
            "largest": [format_scientific(each.largest) for each in distance],
            "squared": [format_scientific(each.mean_squared) for each in distance],
            "random": [format_scientific(row.baseline) for row in table2],
        },
    )


def _make_minima_table(table2: list[Table2Row]) -> Section:
    minima = [row.minima for row in table2]
    return _make_table(
        table2,
        "How many converged, and to how many minima",
        {
            "trials": [f"{row.recoveries:,}" for row in table2],
            "by\nsolver": [f"{row.converged.solver:,}" for row in table2],
            "polished": [_format_polished(row) for row in table2],
            "not\nconverged": [f"{row.not_converged:,}" for row in table2],
            "distinct\nminima": [f"{each.distinct:,}" for each in minima],
            "most\nfrequent": [f"{each.largest:,}" for each in minima],
        },
    )


def _make_label_tables(label_rows: list[LabelRow]) -> list[Section]:
    """Return the table of the labels that recoveries ended under; none without labels."""
    if not label_rows:
        return []
    return [
        make_image_table(
            "Under which label the recoveries ended",
            ("image,\ntechnique", "label", "trials", "converged", "distinct\nminima",
             "least\nloss", "trials\nat it", "mean\ndistance"),
            label_rows,
            lambda row, name: (
                f"{name},\n{row.technique}",
                f"{row.label}",
                *(f"{count:,}" for count in (row.recoveries, row.converged, row.distinct)),
                format_scientific(row.image_loss),
                f"{row.reached:,}",
                format_scientific(row.distance),
            ),
            max_length=16,
        )
    ]  # fmt: skip


def _make_tolerances_table(table2: list[Table2Row]) -> Section:
    return _make_table(
        table2,
        "Distinct minima, by the distance below which two recoveries are one z",
        {
            format_concise(at): [f"{row.minima.distinct_at[name]:,}" for row in table2]
            for name, at in TOLERANCES.items()
        },
    )


def _make_losses_table(table2: list[Table2Row]) -> Section:
    losses = [row.image_loss for row in table2]
    return _make_table(
        table2,
        "Image loss, squared error summed over pixels in [-1, 1]",
        {
            "least": [format_scientific(each.least) for each in losses],
            "median": [format_scientific(each.median) for each in losses],
            "largest": [format_scientific(each.largest) for each in losses],
            "largest /\nleast − 1": [format_scientific(each.spread) for each in losses],
            "PSNR of\nbest (dB)": [format_number(row.psnr) for row in table2],
            "gradients": [format_number(row.gradients) for row in table2],
        },
    )


def _make_reached_table(table2: list[Table2Row]) -> Section:
    reached = [row.reached for row in table2]
    return _make_table(
        table2,
        "The recoveries that reached the least image loss alone",
        {
            "trials": [f"{each.recoveries:,}" for each in reached],
            "mean\ndistance": [format_scientific(each.distance.mean) for each in reached],
            "median\ndistance": [format_scientific(each.distance.median) for each in reached],
            "squared": [format_scientific(each.distance.mean_squared) for each in reached],
            "converged": [f"{each.converged:,}" for each in reached],
            "distinct\nminima": [f"{each.distinct:,}" for each in reached],
        },
    )


def _make_bounds_table(table2: list[Table2Row], prior: Prior) -> Section:
    outside = [row.outside for row in table2]
    at_bound = [row.at_bound for row in table2]
    return _make_table(
        table2,
        f"How many components of z lie outside the box {format_range(prior)} that z is drawn from",
        {
            "of": [f"{row.latent:,}" for row in table2],
            "outside,\nmedian": [_format_count(each.median) for each in outside],
            "outside,\nmost": [_format_count(each.most) for each in outside],
            "or at its edge,\nmedian": [_format_count(each.median) for each in at_bound],
            "or at its edge,\nmost": [_format_count(each.most) for each in at_bound],
        },
    )


def _format_count(components: float | None) -> str:
    return "-" if components is None else f"{components:g}"


def _make_strays_tables(strays: list[StrayRow]) -> list[Section]:
    """Return a table of the first strays of each image and rule; none without strays."""
    shown = [
        row
        for _, of in groupby(strays, _get_row_key)  # the rows of an image and rule are consecutive
        for row in islice(of, MAX_STRAYS)
    ]
    if not shown:
        return []
    more, labelled = len(strays) - len(shown), shown[0].label is not None
    title = "Recoveries away from the minimum that most are" + (
        f"; {more:,} more are in the JSON" if more else ""
    )
    return [
        make_image_table(
            title,
            (
                *("image, technique", "trial", "image loss", "distance", "converged", "restarts"),
                *(["label"] if labelled else []),
            ),
            shown,
            lambda row, name: (
                f"{name}, {row.technique}",
                f"{row.trial:,}",
                format_scientific(row.image_loss),
                format_scientific(row.distance),
                "yes" if row.converged else "no",
                f"{row.restarts:,}",
                *([f"{row.label}"] if labelled else []),
            ),
            max_length=10 if labelled else 17,
        )
    ]


def _get_row_key(row: Table2Row | StrayRow) -> tuple[int, str]:
    return row.number, row.technique


def _format_polished(row: Table2Row) -> str:
    """Return how many converged after refinement, and of how many if not all were refined."""
    count, polished = row.converged.polished, row.polished
    if count is None:
        return "-"
    return f"{count:,}" + (f" of {polished:,}" if polished < row.recoveries else "")
