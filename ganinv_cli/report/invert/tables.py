"""The certificates in words."""

from ganinv_cli.report.output.number_format import format_number, format_scientific
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared.image_names import make_image_table, make_unread_table


def make_sections(inverted: list[Row], errors: list[Row]) -> list[Section]:
    """How near each reconstruction is, how sure its z is, and the files that were not read."""
    if not inverted:
        return make_unread_table(errors)
    return [
        _make_nearness_table(inverted),
        _make_certainty_table(inverted),
        *make_unread_table(errors),
    ]


def _make_table(
    inverted: list[Row],
    title: str,
    header: tuple[str, ...],
    cells: list[tuple[str, ...]],
    max_length: int,
) -> Section:
    """With the image in front, and the rule where there are several."""
    several = len({row["technique"] for row in inverted}) > 1
    of = {_get_row_key(row): each for row, each in zip(inverted, cells, strict=True)}
    return make_image_table(
        title,
        ("image", *header),
        inverted,
        lambda row, name: (
            name + (f",\n{row['technique']}" if several else ""),
            *of[_get_row_key(row)],
        ),
        max_length,
    )


def _get_row_key(row: Row) -> tuple[int, str]:
    return row["number"], row["technique"]


def _make_nearness_table(inverted: list[Row]) -> Section:
    return _make_table(
        inverted,
        "How near the reconstruction is",
        ("RMSE", "PSNR\n(dB)", "image loss", "verdict"),
        [
            (
                format_number(row["rmse"]),
                format_number(row["psnr"]),
                format_scientific(row["image_loss"]),
                row["verdict"].partition(":")[0] + ("" if row["told"] else ",\nz not told"),
            )
            for row in inverted
        ],
        max_length=28,
    )


def _make_certainty_table(inverted: list[Row]) -> Section:
    labelled = any("label" in row for row in inverted)
    return _make_table(
        inverted,
        "How sure z is",
        (*(["label"] if labelled else []), "agree", "one z", "converged", "condition", "rank",
         "at\nbound", "outside"),
        [
            (
                *([f"{row['label']}"] if labelled else []),
                f"{row['agreement']['reached']:,} of "
                f"{row.get('starts_under_label', row['starts']):,}",
                f"{row['agreement']['same']:,}",
                "yes" if row["converged"] else "no",
                format_number(row["condition"]),
                "-" if row["rank"] is None else f"{row['rank']:,}/{row['latent']:,}",
                f"{row['at_bound']:,}",
                f"{row['outside']:,}",
            )
            for row in inverted
        ],
        max_length=10 if labelled else 15,
    )  # fmt: skip
