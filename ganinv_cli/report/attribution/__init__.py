"""Which of several generators made an image, from the results of `ganinv invert` on each.

Albright & McCloskey, Source Generator Attribution via Inversion (2019): a generator matches its own
images to the last grey level, and other images hardly ever.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganinv_cli.report.attribution import notes, numbers, tables
from ganinv_cli.report.attribution.answer import make_answer
from ganinv_cli.report.report import Report
from ganinv_cli.report.rows import to_tables
from ganinv_cli.report.shared.image_results import read_images

if TYPE_CHECKING:
    from ganinv_cli.store import Results

NAME = "attribution"  # of the table, and stem of its files


def compares_generators(results: Sequence["Results"]) -> bool:
    """Return whether these are results of `ganinv invert` for one image on several generators."""
    if any(each.attributes.get("command") != "invert" for each in results):
        return False
    hashes = {each.attributes.get("checkpoint_sha256") for each in results}
    if len(hashes) < len(results) or len(results) < 2:
        return False
    images = [{image.sha256 for image in read_images(each)} - {""} for each in results]
    return any(first & second for i, first in enumerate(images) for second in images[:i])


def summarize_attribution(results: Sequence["Results"], files: Sequence[str]) -> Report:
    """Return the report that compares the generators of results of `ganinv invert`.

    `files` are the names of the results files, for the reader.
    """
    generators = numbers.list_generators(results, files)
    rows, unread = numbers.make_rows(generators), numbers.make_unread(generators)
    return Report(
        NAME,
        make_answer(rows, unread, generators),
        to_tables(attribution=rows, unread=unread),
        tables.make_sections(rows, unread),
        notes.make_notes(rows, generators),
        numbers.describe_generators(generators),
        numbers.flatten_rows(rows),
    )
