"""Which generator made each image: a sentence and a short table."""

from collections import Counter
from collections.abc import Sequence

from ganinv_cli.report.attribution.numbers import (
    NONE_OF_THEM,
    AttributionRow,
    ComparedGenerator,
    GeneratorEvidence,
)
from ganinv_cli.report.output.number_format import format_number
from ganinv_cli.report.report import Answer, Columns
from ganinv_cli.report.shared.image_tables import (
    UnreadRow,
    describe_unread,
    make_image_table,
    name_images,
    shorten_name,
)
from ganinv_cli.report.shared.phrases import capitalize

MAX_NAME = 20  # characters of a generator's name in the table

COLUMNS: Columns[AttributionRow] = {
    "made by": lambda row: shorten_name(row.answer, MAX_NAME),
    "nearest": lambda row: shorten_name(row.nearest, MAX_NAME),
    "its RMSE\n(of 255)": lambda row: format_number(_find_nearest(row).rmse),
}


def make_answer(
    rows: list[AttributionRow],
    unread: Sequence[UnreadRow],
    generators: Sequence[ComparedGenerator],
) -> Answer:
    """Return which generator made the image, or how many images each of them made."""
    warnings = [
        f"{each.name}: trials are missing; the same command goes on."
        for each in generators
        if not each.results.complete
    ]
    if not rows:
        said = describe_unread(unread) if unread else "no image is inverted on two generators yet"
        return Answer(f"{capitalize(said)}.", None, warnings)
    lost = f"; {describe_unread(unread)}" if unread else ""
    said = _describe_image(rows[0]) if len(rows) == 1 else _describe_images(rows)
    return Answer(
        f"{said}{lost}.",
        make_image_table(
            "Which generator made each image",
            "image",
            rows,
            lambda row, name: name,
            COLUMNS,
            max_length=24,
        ),
        warnings,
    )


def _describe_image(row: AttributionRow) -> str:
    (name,) = name_images([row], max_length=40).values()
    if row.answer != NONE_OF_THEM:
        return f"{capitalize(row.answer) if not row.made_by else row.answer} made {name}"
    nearest = (
        f"{row.nearest} comes nearest, with an RMSE of {format_number(_find_nearest(row).rmse)}"
    )
    return f"None of the {len(row.generators)} generators made {name}; {nearest} of 255"


def _describe_images(rows: Sequence[AttributionRow]) -> str:
    counts = Counter(row.answer for row in rows)
    answers = sorted(counts, key=lambda answer: (answer == NONE_OF_THEM, -counts[answer]))
    said = ", ".join(f"{answer} made {counts[answer]:,}" for answer in answers)
    return f"Of {len(rows):,} images, {said}"


def _find_nearest(row: AttributionRow) -> GeneratorEvidence:
    return next(each for each in row.generators if each.checkpoint == row.nearest)
