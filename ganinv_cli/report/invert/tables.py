"""Format the tables of `ganinv invert`: the certificates."""

from ganinv_cli.report.invert.numbers import InvertRow
from ganinv_cli.report.output.number_format import format_number, format_scientific
from ganinv_cli.report.report import Section
from ganinv_cli.report.shared.image_tables import UnreadRow, make_image_table, make_unread_tables


def make_sections(inverted: list[InvertRow], unread: list[UnreadRow]) -> list[Section]:
    """Return the tables: errors of the images, certainty of z, and unread files."""
    if not inverted:
        return make_unread_tables(unread)
    return [
        _make_nearness_table(inverted),
        _make_certainty_table(inverted),
        *make_unread_tables(unread),
    ]


def _make_table(
    inverted: list[InvertRow],
    title: str,
    header: tuple[str, ...],
    cells: list[tuple[str, ...]],
    max_length: int,
) -> Section:
    """Return a table with the image in the first column, and the rule if there are several."""
    several = len({row.technique for row in inverted}) > 1
    of = {_get_row_key(row): each for row, each in zip(inverted, cells, strict=True)}
    return make_image_table(
        title,
        ("image", *header),
        inverted,
        lambda row, name: (
            name + (f",\n{row.technique}" if several else ""),
            *of[_get_row_key(row)],
        ),
        max_length,
    )


def _get_row_key(row: InvertRow) -> tuple[int, str]:
    return row.number, row.technique


def _make_nearness_table(inverted: list[InvertRow]) -> Section:
    return _make_table(
        inverted,
        "How near the reconstruction is",
        ("RMSE", "PSNR\n(dB)", "image loss", "verdict"),
        [
            (
                format_number(row.rmse),
                format_number(row.psnr),
                format_scientific(row.image_loss),
                row.verdict.partition(":")[0] + ("" if row.told else ",\nz not told"),
            )
            for row in inverted
        ],
        max_length=28,
    )


def _make_certainty_table(inverted: list[InvertRow]) -> Section:
    labelled = any(row.label is not None for row in inverted)
    return _make_table(
        inverted,
        "How sure z is",
        (*(["label"] if labelled else []), "agree", "one z", "converged", "condition", "rank",
         "at\nbound", "outside"),
        [
            (
                *([f"{row.label}"] if labelled else []),
                f"{row.agreement.reached:,} of "
                f"{row.starts if row.starts_under_label is None else row.starts_under_label:,}",
                f"{row.agreement.same:,}",
                "yes" if row.converged else "no",
                format_number(row.condition),
                "-" if row.rank is None else f"{row.rank:,}/{row.latent:,}",
                f"{row.at_bound:,}",
                f"{row.outside:,}",
            )
            for row in inverted
        ],
        max_length=10 if labelled else 15,
    )  # fmt: skip
