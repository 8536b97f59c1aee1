"""`ganinv consistency`: the paper's Table 2, and whether z is unique."""

from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.consistency import labels, numbers
from ganinv_cli.report.consistency import tables as words
from ganinv_cli.report.consistency.images import by_rule, images
from ganinv_cli.report.consistency.notes import notes
from ganinv_cli.report.output.plain_numbers import flat
from ganinv_cli.report.report import Drawn, Report, Row
from ganinv_cli.report.shared.failures import ELSEWHERE, Reasons
from ganinv_cli.report.shared.image_names import groups
from ganinv_cli.report.shared.prior import prior_of
from ganinv_cli.report.shared.run import described
from ganinv_cli.settings.names import image_group

if TYPE_CHECKING:
    from ganinv_cli.store import Results

TABLE = "table2"
NONE_FAILED = "None failed to converge."
ON_PAGE = 20  # figures; as many images


def summarise(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is neither a recovery nor a file that could not be read.
    """
    table2: list[Row] = []
    strays: list[Row] = []
    errors: list[Row] = []
    labelled: list[Row] = []
    readable: list[int] = []
    said: dict[int, str] = {}
    for image in images(results):
        table2 += numbers.rows(image)
        strays += numbers.strays(image)
        errors += numbers.unread(image)
        labelled += labels.rows(image)
        readable += [] if image.error else [image.number]
        said[image.number] = image.said
    if not table2 and not errors:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    run = described(results, groups(results.attributes.get("config", {}), readable))
    return Report(
        name,
        {"table2": table2, "strays": strays, "unread": errors}
        | ({"labels": labelled} if labelled else {}),
        words.sections(table2, strays, errors, labelled, prior_of(run["config"])),
        [
            *notes(run, table2, said),
            *labels.notes(labelled),
        ],
        run,
        [flat(row) for row in table2],
    )


def draw(results: "Results") -> dict[str, Drawn]:
    """A figure for each image: the image, what was found of it, and the distances."""
    from ganinv_cli.report.consistency import figures  # slow to import

    return figures.draw(images(results))


def failed(results: "Results") -> dict[str, Reasons]:
    """(recoveries,) for each group: why each failed, whatever its solver thought.

    It is no minimum, or not the one that most recoveries are; where there is none, none is.
    """
    return {
        image_group(image.number, technique): np.where(
            recoveries.stationary & recoveries.strays & recoveries.mostly_one,
            ELSEWHERE,
            recoveries.unsettled,
        )
        for image, technique, recoveries in by_rule(images(results))
    }
