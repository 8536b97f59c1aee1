"""Tables: the rows are objects of JSON, and the columns say how their values are shown."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np

from ganinv_cli.analysis.cells import Image, ImageKey
from ganinv_cli.errors import to_printable
from ganinv_cli.number_format import format_number

Row = dict[str, Any]  # an object of JSON


def show_value(value: Any) -> str:
    """Return a value as a cell; thousands of a count get a comma, and None is `-`."""
    if value is None or isinstance(value, float):
        return format_number(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def read_key(row: Row, key: str) -> Any:
    """Return a value of a row; dots lead into objects, and the empty key is the whole row."""
    value: Any = row
    for part in filter(None, re.split(r"(?<!\d)\.", key)):  # 2.5e-7 is one part
        value = value[part]
    return value


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    heading: str
    key: str = ""  # of the value in a row, as in `read_key`
    show: Callable[[Any], str] = show_value
    help: str = ""  # sentences, printed once in a report, below the first table that has them
    show_short: Callable[[Any], str] | None = None  # for a terminal and the page

    def make_cell(self, row: Row, short: bool = False) -> str:
        value = read_key(row, self.key)
        return (self.show_short or self.show)(value) if short else self.show(value)


@dataclass(frozen=True)
class Table:
    """A table; its first column holds words, the others mostly numbers.

    A cell or a heading may have several lines. A format either stacks or joins them.
    """

    title: str
    rows: Sequence[Row]
    columns: Sequence[Column]
    topic: str = ""  # columns of the measures on it are the last ones

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(column.heading for column in self.columns)

    def make_cells(self, short: bool = False) -> list[tuple[str, ...]]:
        """Return the cells of each row; with `short`, with short names of images."""
        return [tuple(column.make_cell(row, short) for column in self.columns) for row in self.rows]


def list_help(tables: Iterable[Table]) -> list[str]:
    """Return the sentences below each table: those of its columns that no table before it has."""
    given: set[str] = set()
    texts = []
    for table in tables:
        new = dict.fromkeys(column.help for column in table.columns if column.help)
        texts.append(" ".join(each for each in new if each not in given))
        given |= new.keys()
    return texts


def holds_words(cells: Iterable[str]) -> bool:
    """Return whether the cells of a column are words, which are aligned on the left."""
    every = set(cells)
    return every != {"-"} and not any(re.match(r"-?[\d.\[]", cell) for cell in every)


def to_plain(value: Any) -> Any:
    """Return a value that JSON can hold; a number that is not finite becomes None."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: to_plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    return value


def flatten(row: Mapping[str, Any], prefix: str = "") -> Row:
    """Return a row with the nested keys joined by dots; an interval ends in `low` and `high`.

    Other lists are left out: the numbers of a z.
    """
    columns: Row = {}
    for key, value in row.items():
        if isinstance(value, dict):
            columns |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list) and len(value) != 2:
            continue
        elif isinstance(value, list):
            ends = zip(("low", "high"), value, strict=True)
            columns |= {f"{prefix}{key}.{end}": at for end, at in ends}
        else:
            columns[prefix + key] = value
    return columns


MAX_NAMES = 3  # files that a sentence names
LINE_WIDTH = 78  # of a table of sentences


def get_key(row: Row) -> ImageKey:
    return row["number"], row["image"]


def label_images(rows: Iterable[Row], max_length: int | None = None) -> dict[ImageKey, str]:
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
    topic: str = "",
) -> Table:
    """Return a table whose first column is made from each row and the name of its image.

    The names have at most `max_length` letters on a terminal and on the page.
    """
    names, short_names = label_images(rows), label_images(rows, max_length)
    first = Column(
        heading,
        show=lambda row: name_row(row, names[get_key(row)]),
        show_short=lambda row: name_row(row, short_names[get_key(row)]),
    )
    return Table(title, rows, [first, *columns], topic)


def make_statement(heading: str, sentence: str) -> str:
    """Return the cell of a table of one column: a sentence under what it is about."""
    return f"{heading}\n{fill(sentence, LINE_WIDTH, break_on_hyphens=False)}"


def describe_handling(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each change that was made to files, `said` of the rows."""
    names = label_images(rows)
    done_to: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["said"]:
            done_to.setdefault(row["said"], {})[names[get_key(row)]] = None
    return [f"{_join_names([*of])}: {done.rstrip('.')}." for done, of in done_to.items()]


def _join_names(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def make_unread_rows(images: Iterable[Image]) -> list[Row]:
    """Return a row with the reason for each file that could not be read."""
    return [
        {"image": image.name, "number": image.number, "error": image.error}
        for image in images
        if image.error
    ]


def make_unread_table(unread: Sequence[Row]) -> Table:
    return make_image_table(
        "Files that could not be read",
        "file and reason",
        unread,
        name_row=lambda row, name: make_statement(f"{name}:", row["error"]),
        max_length=LINE_WIDTH,
    )


def describe_unread(unread: Sequence[Row]) -> str:
    """Return how many files could not be read, as a clause; empty for none."""
    files = "file" if len(unread) == 1 else "files"
    return f"{len(unread):,} {files} could not be read as an image" if unread else ""
