"""Commands whose help groups its options, and the types of the options' values."""

import math
import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click
from click.shell_completion import CompletionItem

from ganinv_cli.limits import MAX_NUMBER
from ganinv_cli.settings.shipped import ResourceKind, list_shipped

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

Number = TypeVar("Number", int, float)

FIRST_GROUP = "Options most people need"
INPUT, GENERATOR, METHOD = "What to invert", "Generator", "Method"
MACHINE, OUTPUT, OTHER = "Where to run", "Output", "Other options"
GROUPS = (INPUT, GENERATOR, METHOD, MACHINE, OUTPUT, OTHER)  # in the order of a help page


class Option(click.Option):
    """An option that has a group in the help; its default is shown as a user would type it."""

    def __init__(self, *args: Any, group: str = OTHER, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group

    def get_help_extra(self, ctx: click.Context) -> "OptionHelpExtra":
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)  # the error for a number outside it says what it is
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        return extra


class Command(click.Command):
    """A command whose help shows the options named in `first`, then the others by group."""

    def __init__(self, *args: Any, first: tuple[str, ...] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.first = first  # names of parameters, in the order of the help

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        by_name = {option.name: option for option in options}
        first = [by_name.pop(name) for name in self.first]
        groups = {FIRST_GROUP: first} | {
            title: [each for each in by_name.values() if getattr(each, "group", OTHER) == title]
            for title in GROUPS
        }
        if not first:
            groups = {"Options": options}
        for title, members in groups.items():
            records = [record for each in members if (record := each.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Shipped(click.ParamType[str]):
    """A path, or the name of a checkpoint or config that ships; completed in the shell by both."""

    name = "path|name"

    def __init__(self, kind: ResourceKind) -> None:
        self.kind = kind

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the shipped names that begin so, after the shell's own completion of paths."""
        names = [name for name in list_shipped(self.kind) if name.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file"), *map(CompletionItem, names)]


class WholeNumber(click.IntRange):
    """A whole number of at least `least` and at most `most`, and never above `largest`."""

    name = "n"
    problem = "is not a whole number"  # of a text that cannot be used

    def __init__(self, least: int, most: int | None = None, *, largest: int = MAX_NUMBER) -> None:
        super().__init__(least, most)
        self.largest = largest  # of numbers that mean something; memory ends before most of them

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        shown = _shorten(value)
        try:
            # Python reads at most 4,300 digits; 100 without zeros before them are too large as well
            start: Any = _drop_zeros(value)[:100] if isinstance(value, str) else value
            number = super().convert(start, param, ctx)
        except click.BadParameter:
            return self.fail(f"{shown} {self.problem}{_describe_range(self)}", param, ctx)
        if self.max is None and number > self.largest:
            self.fail(f"{shown} is too large; give at most {self.largest:,}", param, ctx)
        return number


class DecimalNumber(click.FloatRange):
    """A number of at least `min` and at most `max`, or between them if they are open."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        try:
            number = super().convert(value, param, ctx)
        except click.BadParameter:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{_shorten(value)} is not a number{_describe_range(self)}", param, ctx)
        return number


def _drop_zeros(text: str) -> str:
    """Return a number without the zeros at its beginning."""
    return re.sub(r"^\s*([+-]?)0+(?=\d)", r"\1", text)


def _shorten(value: Any) -> str:
    """Return what was typed, or the beginning of it, for messages."""
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _describe_range(of: click.IntRange | click.FloatRange) -> str:
    """Return the words for a range, e.g. " of at least 1" or " between 0 and 1"."""
    if of.min is not None and of.max is not None:
        words = "above {0} and below {1}" if of.min_open and of.max_open else "from {0} to {1}"
        if of.min_open != of.max_open:
            words = "above {0}, at most {1}" if of.min_open else "from {0}, below {1}"
        return " " + words.format(of.min, of.max)
    if of.min is not None:
        return f" {'above' if of.min_open else 'of at least'} {of.min}"
    return ""


class BatchSize(WholeNumber):
    """A number of rows of a batch, or `auto`, which is 0."""

    name = "auto|n"
    problem = "is neither auto nor a whole number"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        return 0 if value == "auto" else super().convert(value, param, ctx)


class Names(click.ParamType[tuple[str, ...]]):
    """A comma-separated list of names, each one of `choices`."""

    name = "names"

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        names = tuple(part.strip() for part in value.split(",") if part.strip())
        known = ", ".join(self.choices)
        for name in names:
            if name not in self.choices:
                self.fail(f"{name} is not one of {known}", param, ctx)
        if not names:
            self.fail(f"the list is empty; give one or more of {known}", param, ctx)
        return names

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that the last item of the list begins, each after the earlier items."""
        before, comma, last = incomplete.rpartition(",")
        names = [name for name in self.choices if name.startswith(last)]
        return [CompletionItem(before + comma + name) for name in names]


class Numbers(click.ParamType[tuple[Number, ...]], Generic[Number]):
    """A comma-separated list of numbers, all int or all float."""

    name = "numbers"

    def __init__(self, kind: type[Number], example: str) -> None:
        self.kind: type[Number] = kind
        self.example = example

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Number, ...]:
        try:
            numbers = tuple(self.kind(part) for part in value.split(",") if part.strip())
        except ValueError:
            numbers = ()
        if not numbers:
            kind = "whole numbers" if self.kind is int else "numbers"
            self.fail(f"{value} is not a list of {kind} such as {self.example}", param, ctx)
        return numbers
