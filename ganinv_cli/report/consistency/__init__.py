"""The report of `ganinv consistency`: the paper's Table 2, and whether z is unique."""

from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.consistency import numbers, tables
from ganinv_cli.report.consistency.answer import make_answer
from ganinv_cli.report.consistency.notes import make_notes
from ganinv_cli.report.report import Report, ReportModule
from ganinv_cli.report.rows import flatten, to_tables
from ganinv_cli.report.shared.failures import ELSEWHERE, Reasons
from ganinv_cli.report.shared.image_results import iterate_recoveries, make_unread_rows, read_images
from ganinv_cli.report.shared.image_tables import (
    ImageKey,
    UnreadRow,
    list_image_groups,
    list_trial_groups,
)
from ganinv_cli.report.shared.prior import read_prior
from ganinv_cli.report.shared.run import describe_run
from ganinv_cli.settings.names import image_group

if TYPE_CHECKING:
    from ganinv_cli.store import Results


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is neither a recovery nor a file that could not be read.
    """
    table2: list[numbers.Table2Row] = []
    strays: list[numbers.StrayRow] = []
    unread: list[UnreadRow] = []
    label_rows: list[numbers.LabelRow] = []
    readable: list[int] = []
    handling_by_image: dict[ImageKey, str] = {}
    for image in read_images(results):
        table2 += numbers.make_rows(image)
        strays += numbers.make_stray_rows(image)
        unread += make_unread_rows(image)
        label_rows += numbers.make_label_rows(image)
        readable += [] if image.error else [image.number]
        handling_by_image[image.key] = image.handling
    if not table2 and not unread:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    run = describe_run(results, list_image_groups(results.attributes.get("config", {}), readable))
    labels = to_tables(labels=label_rows) if label_rows else {}
    return Report(
        name,
        make_answer(run, table2, unread),
        to_tables(table2=table2, strays=strays, unread=unread) | labels,
        tables.make_sections(table2, strays, unread, label_rows, read_prior(run["config"])),
        make_notes(run, table2, label_rows, handling_by_image),
        run,
        [flatten(row) for row in table2],
    )


def classify_failures(results: "Results") -> dict[str, Reasons]:
    """Return by group, (recoveries,), why each recovery failed, not by the solver's outcome.

    A recovery fails if it is not a minimum, or not the minimum that most recoveries reached, if
    there is one.
    """
    return {
        image_group(image.number, rule): np.where(
            recoveries.stationary & recoveries.away_from_largest & recoveries.is_mostly_one,
            ELSEWHERE,
            recoveries.failure_reasons,
        )
        for image, rule, recoveries in iterate_recoveries(read_images(results))
    }


REPORT = ReportModule(
    __name__,
    "table2",
    summarize,
    classify_failures,
    max_page_figures=20,  # one per image
    list_trial_groups=list_trial_groups,
    none_failed="None failed to converge.",
)
