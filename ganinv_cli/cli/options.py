"""Options: those made from the declarations of settings, and those that several commands have.

A command adds a shared option as `@options.seed()`, and may override attributes such as the help.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ganinv_cli.settings.config import MAX_SEED, Config
from ganinv_cli.settings.conventions import CONVENTIONS
from ganinv_cli.settings.declare import (
    MAX_NUMBER,
    METHOD,
    OTHER,
    OUTPUT,
    Setting,
    check_value,
    list_choices,
    list_settings,
)
from ganinv_cli.settings.names import FIGURE_FORMATS, STYLES

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
Function = TypeVar("Function", bound=Callable[..., Any])


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


class Choice(click.Choice[str]):
    """One of several words; an error names the one that was meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        return f"{value!r}: give {list_choices(value, self.choices)}"


TEXT_OR_JSON = Choice(["text", "json"])  # formats of commands that print no tables


class Number(click.types.FloatParamType):
    """A number; its name ends the error for anything else."""

    name = "number; give one such as 0.01"


class WholeNumber(click.IntRange):
    """A whole number in a range; an error says what to type."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not re.fullmatch("[+-]?[0-9]+", value.strip()):
            advice = "give one such as 8"
            with suppress(ValueError):
                number = float(value.replace(",", ""))
                if number.is_integer() and abs(number) <= MAX_NUMBER:
                    advice = f"type {number:.0f}"
            self.fail(f"{value!r} is not a whole number; {advice}", param, ctx)
        return super().convert(value, param, ctx)


class CommaList(click.ParamType[tuple[Any, ...]]):
    """A comma-separated list of items of one type."""

    def __init__(self, item: click.ParamType[Any]) -> None:
        self.item = item
        self.name = "names" if isinstance(item, click.Choice) else "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not parts:
            self.fail("the list is empty; give one or more, separated by commas", param, ctx)
        return tuple(self.item.convert(part, param, ctx) for part in parts)


option = partial(click.option, cls=Option)


def make_parameter(setting: Setting) -> Decorator:
    """Return the option or argument of a setting; an option's value is None if it is not given.

    Its help shows the default, but a config file's value must not be overridden by it.
    """
    if setting.argument:
        return click.argument(
            setting.name,
            nargs=-1 if setting.type.is_list else 1,
            required=False,  # a config file may have it
            type=_find_type(setting),
            metavar=setting.argument,
        )
    names = setting.names or (f"--{setting.name.replace('_', '-')}",)
    kind = setting.type.kinds[0]
    metavar = {int: "N", float: "NUMBER"}.get(kind) if not setting.type.is_list else None
    attributes: dict[str, Any] = {
        "type": _find_type(setting),
        "is_flag": kind is bool,
        "multiple": setting.repeated,
        "default": None,
        "show_default": setting.shown_default or _format_default(setting.default) or False,
        "metavar": setting.metavar or metavar,
        "group": setting.group,
        "help": setting.help,
    }

    def check(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value not in (None, ()):
            check_value(param.opts[0], value, setting)
        return value

    return option(*names, setting.name, callback=check, **attributes)


def _find_type(setting: Setting) -> click.ParamType[Any]:
    if setting.is_path:
        return click.Path()
    kind = setting.type.kinds[0]
    numbers = {float: Number, int: WholeNumber}
    item = numbers[kind]() if kind in numbers else click.types.convert_type(kind)
    item = Choice(setting.choices) if setting.choices else item
    return CommaList(item) if setting.type.is_list else item


def _format_default(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_format_default, value))
    if value is None or isinstance(value, bool):
        return ""  # the help of a flag says what it does
    return f"{value:g}" if isinstance(value, float) else str(value)


def add_options(function: Function, decorators: Iterable[Decorator]) -> Function:
    """Add options to a command's function, in the order of its help."""
    for decorator in reversed(list(decorators)):
        function = decorator(function)  # type: ignore[assignment]
    return function


def count(*names: str, least: int = 1, most: int = MAX_NUMBER, **attributes: Any) -> Decorator:
    """Return an option for a whole number from `least` to `most`."""
    return option(*names, type=WholeNumber(least, most), metavar="N", **attributes)


seed = partial(count, "--seed", least=0, most=MAX_SEED, default=0, group=METHOD)
file_path = partial(click.Path, path_type=Path, dir_okay=False)
out = partial(option, "--out", type=file_path(), group=OUTPUT)
npz = partial(option, "--npz", type=file_path(), group=OUTPUT)
overwrite = partial(
    option, "--overwrite", is_flag=True, group=OUTPUT, help="Start again if --out exists."
)
verbose = partial(
    option, "-v", "--verbose", is_flag=True, group=OUTPUT, help="Also print what was loaded."
)
quiet = partial(option, "-q", "--quiet", is_flag=True, group=OUTPUT, help="Show no progress.")
assignments = partial(
    option,
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any setting of a config file, e.g. gd.rate=0.5, the rate of gd. Repeat it for several.",
)
style = partial(
    option,
    "--format",
    "style",
    default="text",
    type=Choice(list(STYLES)),
    group=OUTPUT,
    help="Format of the printed tables. The folder gets it beside text, CSV and JSON.",
)
figures = partial(
    option,
    "--figures",
    default="png",
    type=CommaList(Choice(FIGURE_FORMATS)),
    metavar="NAME,NAME",
    group=OUTPUT,
    help=f"Formats of the figures in the folder: one or more of {', '.join(FIGURE_FORMATS)}.",
)


def generator_options(checkpoint: Decorator) -> Callable[[Function], Function]:
    """Add the option or argument for a generator, and the options for reading it.

    A command takes them as further keywords, which are settings of a Config.
    """
    label = make_parameter(list_settings(Config)["label"])
    return partial(
        add_options, decorators=[checkpoint, *map(make_parameter, CONVENTIONS.values()), label]
    )


def join_arguments(given: Mapping[str, Any]) -> str:
    """Return the generator and the options for reading it, as one types them."""
    typed = [given["checkpoint"]]
    for name, value in given.items():
        if name in CONVENTIONS and value is not None:
            values = value if isinstance(value, tuple) else (value,)
            typed += [f"--{name}"] if value is True else [f"--{name}", ",".join(map(str, values))]
    return shlex.join(typed)
