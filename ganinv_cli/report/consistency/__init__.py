"""`ganinv consistency`: the paper's Table 2, and whether z is unique."""

from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.consistency import numbers, tables
from ganinv_cli.report.consistency.notes import make_notes
from ganinv_cli.report.output.plain_numbers import flatten
from ganinv_cli.report.report import DrawnFigure, Report, ReportModule, Row
from ganinv_cli.report.shared.failures import ELSEWHERE, Reasons
from ganinv_cli.report.shared.image_names import list_image_groups, list_trial_groups
from ganinv_cli.report.shared.image_results import iterate_recoveries, make_error_rows, read_images
from ganinv_cli.report.shared.prior import read_prior
from ganinv_cli.report.shared.run import describe_run
from ganinv_cli.settings.names import image_group

if TYPE_CHECKING:
    from ganinv_cli.store import Results


def summarize(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is neither a recovery nor a file that could not be read.
    """
    table2: list[Row] = []
    strays: list[Row] = []
    errors: list[Row] = []
    label_rows: list[Row] = []
    readable: list[int] = []
    handling_by_image: dict[int, str] = {}
    for image in read_images(results):
        table2 += numbers.make_rows(image)
        strays += numbers.make_stray_rows(image)
        errors += make_error_rows(image)
        label_rows += numbers.make_label_rows(image)
        readable += [] if image.error else [image.number]
        handling_by_image[image.number] = image.handling
    if not table2 and not errors:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    run = describe_run(results, list_image_groups(results.attributes.get("config", {}), readable))
    return Report(
        name,
        {"table2": table2, "strays": strays, "unread": errors}
        | ({"labels": label_rows} if label_rows else {}),
        tables.make_sections(table2, strays, errors, label_rows, read_prior(run["config"])),
        make_notes(run, table2, label_rows, handling_by_image),
        run,
        [flatten(row) for row in table2],
    )


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """A figure for each image: the image, what was found of it, and the distances."""
    from ganinv_cli.report.consistency import figures  # slow to import

    return figures.draw(read_images(results))


def classify_failures(results: "Results") -> dict[str, Reasons]:
    """(recoveries,) for each group: why each failed, whatever its solver thought.

    It is no minimum, or not the one that most recoveries are; where there is none, none is.
    """
    return {
        image_group(image.number, technique): np.where(
            recoveries.stationary & recoveries.away_from_largest & recoveries.is_mostly_one,
            ELSEWHERE,
            recoveries.failure_reasons,
        )
        for image, technique, recoveries in iterate_recoveries(read_images(results))
    }


REPORT = ReportModule(
    "table2",
    summarize,
    draw,
    classify_failures,
    max_page_figures=20,  # as many images
    list_trial_groups=list_trial_groups,
    none_failed="None failed to converge.",
)
