"""Format the tables of `ganinv invert`: the certificates."""

from ganinv_cli.report.invert.numbers import InvertRow
from ganinv_cli.report.output.number_format import format_number, format_scientific
from ganinv_cli.report.report import Columns, Section
from ganinv_cli.report.shared.image_tables import (
    UnreadRow,
    make_image_table,
    make_statement,
    make_unread_tables,
)
from ganinv_cli.report.shared.phrases import capitalize

NEARNESS: Columns[InvertRow] = {
    "verdict": lambda row: row.verdict,
    "RMSE\n(of 255)": lambda row: format_number(row.rmse),
    "PSNR\n(dB)": lambda row: format_number(row.psnr),
    "image loss": lambda row: format_scientific(row.image_loss),
    "nearest copy": lambda row: row.nearest_copy or "-",
}
LABEL: Columns[InvertRow] = {"label": lambda row: f"{row.label}"}
CERTAINTY: Columns[InvertRow] = {
    "agree": lambda row: (
        f"{row.agreement.reached:,} of "
        f"{row.starts if row.starts_under_label is None else row.starts_under_label:,}"
    ),
    "one z": lambda row: row.agreement.same,
    "converged": lambda row: "yes" if row.converged else "no",
    "condition": lambda row: format_number(row.condition),
    "rank": lambda row: "-" if row.rank is None else f"{row.rank:,}/{row.latent:,}",
    "at\nbound": lambda row: row.at_bound,
    "outside": lambda row: row.outside,
}


def make_sections(inverted: list[InvertRow], unread: list[UnreadRow]) -> list[Section]:
    """Return the tables: errors of the images, certainty of z, and unread files."""
    if not inverted:
        return make_unread_tables(unread)
    several = len({row.technique for row in inverted}) > 1
    labelled = any(row.label is not None for row in inverted)

    def make_table(title: str, columns: Columns[InvertRow], max_length: int) -> Section:
        return make_image_table(title, "image", inverted, name_row, columns, max_length)

    def name_row(row: InvertRow, name: str) -> str:
        return f"{name},\n{row.technique}" if several else name

    return [
        make_table("How near the reconstruction is, and the verdict", NEARNESS, max_length=24),
        _make_explanations(inverted, several),
        make_table("How sure z is", {**LABEL, **CERTAINTY}, max_length=10)
        if labelled
        else make_table("How sure z is", CERTAINTY, max_length=15),
        *make_unread_tables(unread),
    ]


def _make_explanations(inverted: list[InvertRow], several: bool) -> Section:
    """Return the table of the verdicts in words."""

    def explain(row: InvertRow, name: str) -> str:
        heading = (
            f"{name}, {row.technique}: {row.verdict}." if several else f"{name}: {row.verdict}."
        )
        return make_statement(heading, f"{capitalize(row.explanation)}.")

    return make_image_table(
        "What the verdict says", "image: verdict", inverted, explain, {}, max_length=40
    )
