"""`ganinv invert`: z for a user's images, each with a certificate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.invert import notes, numbers, pictures, tables
from ganinv_cli.report.output.plain_numbers import flatten
from ganinv_cli.report.report import DrawnFigure, Report, ReportModule, Row
from ganinv_cli.report.shared.failures import Reasons
from ganinv_cli.report.shared.image_names import list_image_groups, list_trial_groups
from ganinv_cli.report.shared.image_results import (
    find_rules,
    iterate_recoveries,
    make_error_rows,
    read_images,
)
from ganinv_cli.report.shared.run import Pixels, describe_run
from ganinv_cli.settings.names import image_group

if TYPE_CHECKING:
    from ganinv_cli.store import Results


def summarize(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is neither a recovery nor a file that could not be read.
    """
    inverted: list[Row] = []
    errors: list[Row] = []
    readable: list[int] = []
    for image in read_images(results):
        inverted += numbers.make_rows(image)
        errors += make_error_rows(image)
        readable += [] if image.error else [image.number]
    if not inverted and not errors:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    run = describe_run(results, list_image_groups(results.attributes.get("config", {}), readable))
    return Report(
        name,
        {"invert": inverted, "unread": errors},
        tables.make_sections(inverted, errors),
        notes.make_notes(run, inverted),
        run,
        [flatten(row) for row in inverted],
    )


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """Original, reconstruction and difference of the first images, a dozen a figure."""
    from ganinv_cli.report.invert import figures  # slow to import

    return figures.draw(results)


def classify_failures(results: "Results") -> dict[str, Reasons]:
    """(starts,) for each group: why each is no minimum, whatever its solver thought."""
    return {
        image_group(image.number, technique): recoveries.failure_reasons
        for image, technique, recoveries in iterate_recoveries(read_images(results))
    }


def iterate_pictures(results: "Results") -> Iterator[tuple[str, Pixels]]:
    """(name in the folder, pixels) of original, reconstruction and difference of every image."""
    return pictures.iterate_files(
        read_images(results), has_several_rules=len(find_rules(results)) > 1
    )


REPORT = ReportModule(
    "invert",
    summarize,
    draw,
    classify_failures,
    iterate_pictures,
    list_trial_groups=list_trial_groups,
    none_failed="None failed to converge.",
)
