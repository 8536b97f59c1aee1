"""The report of `ganinv invert`: z for a user's images, each with a certificate."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.invert import notes, numbers, pictures, tables
from ganinv_cli.report.invert.answer import make_answer
from ganinv_cli.report.report import Report, ReportModule
from ganinv_cli.report.rows import flatten, to_tables
from ganinv_cli.report.shared.failures import Reasons
from ganinv_cli.report.shared.image_results import (
    find_rules,
    iterate_recoveries,
    make_unread_rows,
    read_images,
)
from ganinv_cli.report.shared.image_tables import UnreadRow, list_image_groups, list_trial_groups
from ganinv_cli.report.shared.run import Pixels, describe_run
from ganinv_cli.settings.names import image_group

if TYPE_CHECKING:
    from ganinv_cli.store import Results


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is neither a recovery nor a file that could not be read.
    """
    inverted: list[numbers.InvertRow] = []
    unread: list[UnreadRow] = []
    readable: list[int] = []
    for image in read_images(results):
        inverted += numbers.make_rows(image)
        unread += make_unread_rows(image)
        readable += [] if image.error else [image.number]
    if not inverted and not unread:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    run = describe_run(results, list_image_groups(results.attributes.get("config", {}), readable))
    return Report(
        name,
        make_answer(run, inverted, unread),
        to_tables(invert=inverted, unread=unread),
        tables.make_sections(inverted, unread),
        notes.make_notes(run, inverted),
        run,
        [flatten(replace(row, z_found=())) for row in inverted],
    )


def classify_failures(results: "Results") -> dict[str, Reasons]:
    """Return by group, (starts,), why each start is not a minimum."""
    return {
        image_group(image.number, rule): recoveries.failure_reasons
        for image, rule, recoveries in iterate_recoveries(read_images(results))
    }


def iterate_pictures(results: "Results") -> Iterator[tuple[str, Pixels]]:
    """Yield (file name, pixels) of original, reconstruction and difference of every image."""
    return pictures.iterate_files(
        read_images(results), has_several_rules=len(find_rules(results)) > 1
    )


REPORT = ReportModule(
    __name__,
    "invert",
    summarize,
    classify_failures,
    iterate_pictures,
    list_trial_groups=list_trial_groups,
    none_failed="None failed to converge.",
)
