"""Tables and sentences on many images, each under a name that no other has."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from ganinv_cli.analysis.image_results import ImageKey, ImageResults, read_images
from ganinv_cli.errors import ResultsError, to_printable
from ganinv_cli.report.run import describe_run
from ganinv_cli.report.table import Column, Row, Table, to_plain
from ganinv_cli.settings.names import image_group

if TYPE_CHECKING:
    from ganinv_cli.store import Results

MAX_NAMES = 3  # files that a sentence names
LINE_WIDTH = 78  # of a table of sentences

VERDICT = Column("verdict", "verdict")  # this and the next are of rows with a certificate's keys
LEFT = Column(
    "left\n(of 255)",
    "excess",
    help="Left: what the changes that come nearest to the image leave, in grey levels (RMS).",
)
COPIES = Column(
    "its\nown",
    "excess_limit",
    help="Its own: the most that is left of pictures that the generator made.",
)
RMSE = Column("RMSE\n(of 255)", "rmse", help="RMSE: without these changes, in grey levels.")


def get_key(row: Row) -> ImageKey:
    """Return the key of the image that a row is about."""
    return row["number"], row["image"]


def read_rows(
    results: "Results", name: str, make_rows: Callable[[ImageResults], list[Row]]
) -> tuple[list[Row], list[Row], Row]:
    """Return rows on all images, rows on the files that could not be read, and on the run.

    Raises ResultsError, with `name` in its message, if there are rows of neither kind.
    """
    rows: list[Row] = []
    unread: list[Row] = []
    groups: list[str] = []
    rules = results.attributes.get("config", {}).get("clip", ())
    for image in read_images(results):
        rows += map(to_plain, make_rows(image))
        unread += make_unread_rows(image)
        groups += [] if image.error else [image_group(image.number, rule) for rule in rules]
    if not rows and not unread:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    return rows, unread, describe_run(results, groups)


def make_unread_rows(image: ImageResults) -> list[Row]:
    """Return a row with the reason if the file could not be read, else none."""
    if not image.error:
        return []
    return [{"image": image.name, "number": image.number, "error": image.error}]


def name_images(rows: Iterable[Row], max_length: int | None = None) -> dict[ImageKey, str]:
    """Return a distinct name for each image.

    A name that two images have gets the image's number in front. A name longer than `max_length`
    letters, its number included, is shortened in the middle.
    """
    called = {get_key(row): shorten_name(row["image"], max_length) for row in rows}
    counts = Counter(called.values())
    return {
        (number, image): name
        if counts[name] == 1
        else f"{number:04d} {shorten_name(image, max_length and max_length - 5)}"
        for (number, image), name in called.items()
    }


def shorten_name(name: str, max_length: int | None) -> str:
    """Return a name with control characters escaped, shortened in the middle if it is too long."""
    name = to_printable(name)
    if max_length is None or len(name) <= max_length:
        return name
    head = (max_length - 1) // 2
    return f"{name[:head]}…{name[len(name) - (max_length - 1 - head) :]}"


def make_image_table(
    title: str,
    heading: str,
    rows: Sequence[Row],
    columns: Iterable[Column] = (),
    *,
    name_row: Callable[[Row, str], str] = lambda row, name: name,
    max_length: int,
) -> Table:
    """Return a table whose first column is made from each row and the name of its image.

    The names have at most `max_length` letters on a terminal and on the page.
    """
    names, short_names = name_images(rows), name_images(rows, max_length)
    first = Column(
        heading,
        show=lambda row: name_row(row, names[get_key(row)]),
        show_short=lambda row: name_row(row, short_names[get_key(row)]),
    )
    return Table(title, rows, [first, *columns])


def join_names(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    every = list(dict.fromkeys(names))
    more = len(every) - MAX_NAMES
    return ", ".join(every[:MAX_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def make_statement(heading: str, sentence: str) -> str:
    """Return the cell of a table of one column: a sentence under what it is about."""
    return f"{heading}\n{fill(sentence, LINE_WIDTH, break_on_hyphens=False)}"


def make_unread_tables(unread: Sequence[Row]) -> list[Table]:
    """Return a table of the files that could not be read; none if all were read."""
    if not unread:
        return []
    return [
        make_image_table(
            "Files that could not be read",
            "file and reason",
            unread,
            name_row=lambda row, name: make_statement(f"{name}:", row["error"]),
            max_length=LINE_WIDTH,
        )
    ]


def describe_unread(unread: Sequence[Row]) -> str:
    """Return how many files could not be read, as a clause."""
    return (
        f"{len(unread):,} {'file' if len(unread) == 1 else 'files'} could not be read as an image"
    )


def describe_handling(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each change that was made to files, `said` of the rows."""
    names = name_images(rows)
    done_to: dict[str, list[str]] = {}
    for row in rows:
        if row["said"]:
            done_to.setdefault(row["said"], []).append(names[get_key(row)])
    return [f"{join_names(of)}: {done.rstrip('.')}." for done, of in done_to.items()]


def describe_criterion(run: Row, any_polished: bool) -> str:
    """Return a note on what counts as converged; `refine/minimum.py` has the test.

    `any_polished`: whether any recovery was refined.
    """
    settings = run["config"].get("polish") or {}
    precision = settings.get("precision", "float64")  # float32: a generator without layers
    if not any_polished:
        return f"Nothing was refined in {precision}: converged means that the solver converged."
    exact = f"is below {settings['explained']:g}" if "explained" in settings else "is as good as 0"
    return (
        f"Converged: after refinement in {precision}, the image loss {exact}, or z passes "
        "Goldstein's test for a minimum (docs/consistency.md)."
    )
