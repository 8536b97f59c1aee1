"""`ganinv invert`: z for a user's images, each with a certificate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.consistency.images import by_rule, images, techniques
from ganinv_cli.report.consistency.numbers import unread
from ganinv_cli.report.invert import numbers
from ganinv_cli.report.invert import pictures as pictures_
from ganinv_cli.report.invert import tables as words
from ganinv_cli.report.output.plain_numbers import flat
from ganinv_cli.report.report import Drawn, Report, Row
from ganinv_cli.report.shared.failures import Reasons
from ganinv_cli.report.shared.image_names import groups
from ganinv_cli.report.shared.run import Pixels, described
from ganinv_cli.settings.names import image_group

if TYPE_CHECKING:
    from ganinv_cli.store import Results

TABLE = "invert"
NONE_FAILED = "None failed to converge."


def summarise(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is neither a recovery nor a file that could not be read.
    """
    inverted: list[Row] = []
    errors: list[Row] = []
    readable: list[int] = []
    for image in images(results):
        inverted += numbers.rows(image)
        errors += unread(image)
        readable += [] if image.error else [image.number]
    if not inverted and not errors:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    run = described(results, groups(results.attributes.get("config", {}), readable))
    return Report(
        name,
        {"invert": inverted, "unread": errors},
        words.sections(inverted, errors),
        words.notes(run, inverted),
        run,
        [flat(row) for row in inverted],
    )


def draw(results: "Results") -> dict[str, Drawn]:
    """Original, reconstruction and difference of the first images, a dozen a figure."""
    from ganinv_cli.report.invert import figures  # slow to import

    return figures.draw(results)


def failed(results: "Results") -> dict[str, Reasons]:
    """(starts,) for each group: why each is no minimum, whatever its solver thought."""
    return {
        image_group(image.number, technique): recoveries.unsettled
        for image, technique, recoveries in by_rule(images(results))
    }


def pictures(results: "Results") -> Iterator[tuple[str, Pixels]]:
    """(name in the folder, pixels) of original, reconstruction and difference of every image."""
    return pictures_.files(images(results), several=len(techniques(results)) > 1)
