"""Tables: the rows are objects of JSON, and the columns say how their values are shown."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganinv_cli.errors import to_printable
from ganinv_cli.results.number_format import count_column_decimals, format_number, join_names
from ganinv_cli.results.store import Image

Row = dict[str, Any]  # an object of JSON
ImageKey = tuple[int, str]  # number and name; an image of two names has two


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
    always: bool = False  # whether a rule that was not exercised has this too

    def make_cell(self, row: Row) -> str:
        has_number = self.always or row.get("exercised", True)
        return self.show(read_key(row, self.key)) if has_number else "-"


@dataclass(frozen=True)
class Table:
    """A table; its first column holds words, the others mostly numbers.

    A cell or a heading may have several lines. A format either stacks or joins them.
    """

    title: str
    rows: Sequence[Row]
    columns: Sequence[Column]

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(column.heading for column in self.columns)

    def make_cells(self) -> list[tuple[str, ...]]:
        columns = [_align_digits(column, self.rows) for column in self.columns]
        return [tuple(column.make_cell(row) for column in columns) for row in self.rows]


def _align_digits(column: Column, rows: Iterable[Row]) -> Column:
    """Return the column with equal decimals of all its numbers, if these are not counts."""
    if column.show is not show_value:
        return column
    values = [read_key(row, column.key) for row in rows]
    numbers = [value for value in values if isinstance(value, float)]
    decimals = count_column_decimals(numbers)
    if decimals is None:
        return column
    return replace(column, show=lambda value: "-" if value is None else f"{value:,.{decimals}f}")


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
    """Return whether the cells of a column are words, which are wrapped and aligned on the left."""
    return any(re.search(r"[^\W\d_]{4}", cell) for cell in cells)


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


Z_NUMBERS = {"z_found", "z_explained", "z_deviation"}  # in a row of `invert`, (latent,) each


def flatten(row: Mapping[str, Any], prefix: str = "") -> Row:
    """Return a row with the nested keys joined by dots; an interval ends in `low` and `high`.

    Other lists are left out, as are the numbers of a z, which may have two.
    """
    columns: Row = {}
    for key, value in row.items():
        if isinstance(value, dict):
            columns |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list) and (len(value) != 2 or key in Z_NUMBERS):
            continue
        elif isinstance(value, list):
            ends = zip(("low", "high"), value, strict=True)
            columns |= {f"{prefix}{key}.{end}": at for end, at in ends}
        else:
            columns[prefix + key] = value
    return columns


def capitalize(text: str) -> str:
    """Return a text with a capital at its start and the other letters as they are."""
    return text[:1].upper() + text[1:]


MAX_NAMES = 3  # files that a sentence names


def get_key(row: Row) -> ImageKey:
    return row["number"], row["image"]


def label_images(rows: Iterable[Row]) -> dict[ImageKey, str]:
    """Return a distinct name for each image; two of one name get their numbers in front."""
    keys = dict.fromkeys(map(get_key, rows))
    counts = Counter(image for _, image in keys)
    return {
        (number, image): to_printable(image if counts[image] == 1 else f"{number:04d} {image}")
        for number, image in keys
    }


def name_rows(rows: Sequence[Row]) -> list[Column]:
    """Return the columns that say what a row is of: a number or an image, and a clipping rule.

    The rule of an image is named if there are several. Without rows there are no columns.
    """
    if not rows:
        return []
    first = next(iter(rows[0]))
    rule = Column("clipping", show=_name_rule, always=True)
    if first == "technique":
        return [rule]
    if first != "image":
        return [Column(first, first, "{:g}".format, always=True), rule]
    names = label_images(rows)
    image = Column("image", show=lambda row: names[get_key(row)], always=True)
    rules = {row.get("technique") for row in rows} - {None}
    return [image, rule] if len(rules) > 1 else [image]


def _name_rule(row: Row) -> str:
    name = show_value(row["technique"])
    return name if row.get("exercised", True) else f"{name},\nnot exercised"


def describe_changes(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each change that was made to files, `changes` of the rows."""
    names = label_images(rows)
    done_to: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["changes"]:
            done_to.setdefault(row["changes"], {})[names[get_key(row)]] = None
    return [f"{join_names([*of], MAX_NAMES)}: {done.rstrip('.')}." for done, of in done_to.items()]


def make_unread_rows(images: Iterable[Image]) -> list[Row]:
    """Return a row with the reason for each file that could not be read."""
    return [
        {"image": image.name, "number": image.number, "error": image.error}
        for image in images
        if image.error
    ]


def make_unread_table(unread: Sequence[Row]) -> Table:
    columns = [*name_rows(unread), Column("reason", "error")]
    return Table("Files that could not be read", unread, columns)


def describe_unread(unread: Sequence[Row]) -> str:
    """Return how many files could not be read, as a clause; empty for none."""
    files = "file" if len(unread) == 1 else "files"
    return f"{len(unread):,} {files} could not be read as an image" if unread else ""
