"""Values of options that are lists."""

from typing import Any, Generic, TypeVar

import click

Number = TypeVar("Number", int, float)


class BatchSize(click.ParamType[int]):
    """A number of rows of a batch, or `auto`, which is 0."""

    name = "rows"

    def convert(self, value: Any, param: Any, context: Any) -> int:
        if value == "auto":
            return 0
        if value.isdecimal() and int(value) > 0:
            return int(value)
        return self.fail(f"{value!r} is neither auto nor a number of at least 1", param, context)


class Names(click.ParamType[tuple[str, ...]]):
    """A comma-separated list of names, each one of `choices`."""

    name = "names"

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices

    def convert(self, value: Any, param: Any, context: Any) -> tuple[str, ...]:
        names = tuple(part.strip() for part in value.split(",") if part.strip())
        unknown = [name for name in names if name not in self.choices]
        if unknown or not names:
            wrong = f"{unknown[0]!r} is" if unknown else "nothing is"
            self.fail(f"{wrong} not one of {', '.join(self.choices)}", param, context)
        return names


class Numbers(click.ParamType[tuple[Number, ...]], Generic[Number]):
    """A comma-separated list of numbers, all int or all float."""

    name = "numbers"

    def __init__(self, kind: type[Number], example: str) -> None:
        self.kind: type[Number] = kind
        self.example = example

    def convert(self, value: Any, param: Any, context: Any) -> tuple[Number, ...]:
        try:
            numbers = tuple(self.kind(part) for part in value.split(",") if part.strip())
        except ValueError:
            numbers = ()
        if not numbers:
            self.fail(f"{value!r} is not numbers such as {self.example}", param, context)
        return numbers
