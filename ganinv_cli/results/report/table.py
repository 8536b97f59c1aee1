"""Tables: the rows are objects of JSON, and the columns say how their values are shown."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import fill
from typing import Any

import numpy as np

from ganinv_cli.errors import to_printable
from ganinv_cli.results.number_format import count_column_decimals, format_number, join_names
from ganinv_cli.results.store import Image
from ganinv_cli.settings.names import name_images

Row = dict[str, Any]  # an object of JSON
NOT_EXERCISED = "not exercised"  # in place of the numbers of a rule that never acted
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
    show_short: Callable[[Any], str] | None = None  # for a terminal and the page
    always: bool = False  # whether a rule that was not exercised has this too

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

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(column.heading for column in self.columns)

    def make_cells(self, short: bool = False) -> list[tuple[str, ...]]:
        """Return the cells of each row; with `short`, with short names of images."""
        columns = [_align_digits(column, self.rows) for column in self.columns]
        return [tuple(_make_cells(columns, row, short)) for row in self.rows]


def _make_cells(columns: Sequence[Column], row: Row, short: bool) -> list[str]:
    """Return the cells of a row; a rule that was not exercised has these words for its numbers."""
    if row.get("exercised", True):
        return [column.make_cell(row, short) for column in columns]
    cells = [column.make_cell(row, short) if column.always else "-" for column in columns]
    first = next((n for n, column in enumerate(columns) if not column.always), None)
    if first is not None:
        has_lines = any("\n" in cell for cell in cells)
        cells[first] = NOT_EXERCISED.replace(" ", "\n") if has_lines else NOT_EXERCISED
    return cells


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
MAX_NAME, MAX_NAME_BESIDE_RULE = 20, 16  # letters of an image's name on a terminal and the page
MAX_NAME_IN_SENTENCES = 40
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


def _label_without_folders(rows: Sequence[Row], max_length: int) -> dict[ImageKey, str]:
    """Return a distinct name for each image: that of its file, with folders if others have it."""
    paths = [row["image"] for row in rows]
    files = [row | {"image": name} for row, name in zip(rows, name_images(paths), strict=True)]
    names = label_images(files, max_length)
    return {get_key(row): names[get_key(file)] for row, file in zip(rows, files, strict=True)}


def shorten_name(name: str, max_length: int | None) -> str:
    """Return a name with control characters escaped, shortened in the middle if it is too long."""
    name = to_printable(name)
    if max_length is None or len(name) <= max_length:
        return name
    head = (max_length - 1) // 2
    return f"{name[:head]}…{name[len(name) - (max_length - 1 - head) :]}"


def name_rows(
    rows: Sequence[Row], max_length: int | None = None, one_line: bool = False
) -> list[Column]:
    """Return the columns that say what a row is of: a number or an image, and a clipping rule.

    The rule of an image is named if there are several. The names of images have at most
    `max_length` letters on a terminal and on the page; None: as many as a table of numbers has room
    for. With `one_line` the rule has a column of its own, and the names are those of the files
    without their folders.
    """
    first, rule = next(iter(rows[0])), Column("clipping", "technique", always=True)
    if first == rule.key:
        return [rule]
    if first != "image":
        heading = f"{first},\nclipping"
        return [Column(heading, show=lambda row: f"{row[first]:g} {row['technique']}", always=True)]
    several = len({row.get("technique") for row in rows} - {None}) > 1
    room = max_length or (MAX_NAME_BESIDE_RULE if several else MAX_NAME)
    names, short_names = label_images(rows), label_images(rows, room)
    if one_line:
        short_names = _label_without_folders(rows, room)
    if one_line or not several:
        image = Column(
            "image",
            show=lambda row: names[get_key(row)],
            show_short=lambda row: short_names[get_key(row)],
            always=True,
        )
        return [image, rule] if several else [image]
    return [
        Column(
            "image,\nclipping",
            show=lambda row: f"{names[get_key(row)]},\n{row['technique']}",
            show_short=lambda row: f"{short_names[get_key(row)]},\n{row['technique']}",
            always=True,
        )
    ]


def make_sentence_table(
    title: str, rows: Sequence[Row], key: str, word: str = "", *, is_named: bool = False
) -> Table:
    """Return a table of one column: a sentence on each row, under what it is of.

    `key` has the sentence, `word` what stands behind the name, if anything. If the sentence
    `is_named`, it begins with the name of a file, which gets no capital.
    """

    def make_show(names: Column, short: bool) -> Callable[[Row], str]:
        def show(row: Row) -> str:
            name = names.make_cell(row, short).replace("\n", " ")
            heading = f"{name}: {row[word]}." if word else f"{name}:"
            text = row[key] or f"{NOT_EXERCISED}: the rule changed no z"
            text = text if is_named else capitalize(text)
            sentence = f"{text.removesuffix('.')}."
            return f"{heading}\n{fill(sentence, LINE_WIDTH, break_on_hyphens=False)}"

        return show

    if not rows:
        return Table(title, rows, [])
    (names,) = name_rows(rows, MAX_NAME_IN_SENTENCES)
    heading = names.heading.replace("\n", " ")
    shown = (make_show(names, short) for short in (False, True))
    column = Column(heading, "", next(shown), show_short=next(shown), always=True)
    return Table(title, rows, [column])


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
    return make_sentence_table("Files that could not be read", unread, "error", is_named=True)


def describe_unread(unread: Sequence[Row]) -> str:
    """Return how many files could not be read, as a clause; empty for none."""
    files = "file" if len(unread) == 1 else "files"
    return f"{len(unread):,} {files} could not be read as an image" if unread else ""
