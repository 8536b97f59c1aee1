"""Format the tables of an attribution: the answers, and the evidence for each generator."""

from dataclasses import dataclass

from ganinv_cli.report.attribution.numbers import AttributionRow, GeneratorEvidence
from ganinv_cli.report.output.number_format import format_number
from ganinv_cli.report.report import Columns, Section
from ganinv_cli.report.shared.image_tables import (
    ImageRow,
    UnreadRow,
    make_image_table,
    make_unread_tables,
)


@dataclass(frozen=True, kw_only=True)
class _EvidenceRow(ImageRow):
    """One generator's evidence about one image."""

    evidence: GeneratorEvidence


ANSWERS: Columns[AttributionRow] = {"made by": lambda row: row.answer}
EVIDENCE: Columns[_EvidenceRow] = {
    "verdict": lambda row: row.evidence.verdict,
    "RMSE": lambda row: format_number(row.evidence.rmse),
    "matched\nup to": lambda row: format_number(row.evidence.made_rmse),
    "PSNR\n(dB)": lambda row: format_number(row.evidence.psnr),
    "nearest copy": lambda row: row.evidence.nearest_copy or "-",
    "one z": lambda row: f"{row.evidence.agree:,} of {row.evidence.starts:,}",
    "outside": lambda row: row.evidence.outside,
}


def make_sections(rows: list[AttributionRow], unread: list[UnreadRow]) -> list[Section]:
    """Return the tables: the answer for each image, each generator's evidence, unread files."""
    if not rows:
        return make_unread_tables(unread)
    evidence = [
        _EvidenceRow(image=row.image, number=row.number, evidence=each)
        for row in rows
        for each in row.generators
    ]
    return [
        make_image_table("Which generator made it", "image", rows, _name_row, ANSWERS, 24),
        make_image_table(
            "The evidence for each generator", "image", evidence, _name_evidence, EVIDENCE, 20
        ),
        *make_unread_tables(unread),
    ]


def _name_row(row: AttributionRow, name: str) -> str:
    return name


def _name_evidence(row: _EvidenceRow, name: str) -> str:
    return f"{name},\n{row.evidence.checkpoint}"
