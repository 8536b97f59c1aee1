"""Tables: the rows are objects of JSON, and the columns say how their values are shown."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.number_format import format_number

Row = dict[str, Any]  # an object of JSON


def show_value(value: Any) -> str:
    """Return a value as a cell; thousands of a count get a comma, and None is `-`."""
    if value is None or isinstance(value, float):
        return format_number(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    heading: str
    key: str = ""  # of the value in a row; dots lead into objects; empty: the whole row
    show: Callable[[Any], str] = show_value
    help: str = ""  # sentences, printed once in a report, below the first table that has them
    show_short: Callable[[Any], str] | None = None  # for a terminal and the page

    def make_cell(self, row: Row, short: bool = False) -> str:
        value: Any = row
        for part in filter(None, self.key.split(".")):
            value = value[part]
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
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: to_plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    return value


def flatten(row: Mapping[str, Any], prefix: str = "") -> Row:
    """Return a row with the nested keys joined by dots; an interval ends in `low` and `high`."""
    columns: Row = {}
    for key, value in row.items():
        if isinstance(value, dict):
            columns |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            ends = zip(("low", "high"), value, strict=True)
            columns |= {f"{prefix}{key}.{end}": at for end, at in ends}
        else:
            columns[prefix + key] = value
    return columns


def mean_or_none(values: NDArray[Any]) -> float | None:
    """Return the mean; None if there are no values, or if their mean is not finite."""
    return finite_or_none(float(np.mean(values))) if len(values) else None


def finite_or_none(value: float) -> float | None:
    """Return a number that JSON can hold; None if it is infinite or NaN."""
    return value if np.isfinite(value) else None
