"""`ganinv invert`: z for a user's images, each with a certificate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ganinv_cli.errors import ResultsError
from ganinv_cli.report import consistency_numbers as numbers
from ganinv_cli.report import invert_numbers, invert_pictures
from ganinv_cli.report import invert_words as words
from ganinv_cli.report.many import groups
from ganinv_cli.report.report import Drawn, Report
from ganinv_cli.report.rows import flat
from ganinv_cli.report.runs import Pixels, described
from ganinv_cli.words import image_group

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganinv_cli.store import Results

TABLE = "invert"
NONE_FAILED = "None failed to converge."


def summarise(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is neither a recovery nor a file that could not be read.
    """
    images = numbers.images(results)
    inverted, errors = invert_numbers.rows(images), numbers.unread(images)
    if not inverted and not errors:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    readable = [image.number for image in images if not image.error]
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
    from ganinv_cli.report import invert_figures  # slow to import

    return invert_figures.draw(numbers.images(results))


def failed(results: "Results") -> "dict[str, NDArray[np.str_]]":
    """(starts,) for each group: why each is no minimum, whatever its solver thought."""
    return {
        image_group(image.number, technique): recoveries.unsettled
        for image, technique, recoveries in numbers.by_rule(numbers.images(results))
    }


def pictures(results: "Results") -> Iterator[tuple[str, Pixels]]:
    """(name in the folder, pixels) of original, reconstruction and difference of every image."""
    return invert_pictures.files(numbers.images(results))
