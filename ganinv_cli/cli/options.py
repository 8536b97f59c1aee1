"""Options: those made from the declarations of settings, and those that several commands have.

A command adds a shared option as `@options.seed()`, and may override attributes such as the help.
"""

import re
import shlex
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ganinv_cli.errors import GaninvError
from ganinv_cli.settings.config import MAX_SEED, Config
from ganinv_cli.settings.conventions import CONVENTIONS
from ganinv_cli.settings.declare import (
    GROUPS,
    MAX_NUMBER,
    METHOD,
    OTHER,
    OUTPUT,
    Setting,
    list_settings,
)
from ganinv_cli.settings.names import STYLES

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

FIRST_GROUP = "Options most people need"
RATE_NAMES = ("--lr", "--rate", "--learning-rate")  # of options that other programs have
TEXT_OR_JSON = click.Choice(["text", "json"])  # formats of commands that print no tables

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


class GroupedCommand(click.Command):
    """A command whose help shows the options named in `first`, then the others by group."""

    def __init__(self, *args: Any, first: tuple[str, ...] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.first = first  # names of parameters, in the order of the help

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        by_name = {option.name: option for option in options}
        groups = {FIRST_GROUP: [by_name.pop(name) for name in self.first]} | {
            title: [each for each in by_name.values() if getattr(each, "group", OTHER) == title]
            for title in GROUPS
        }
        for title, members in groups.items() if self.first else [("Options", options)]:
            records = [record for each in members if (record := each.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an error for a likely slip says what to type instead."""
        given = list(args)  # which parsing consumes
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if isinstance(error, click.NoSuchOption) and error.option_name in RATE_NAMES:
                said = (
                    f"no option {error.option_name}; it is a setting of a solver, e.g. "
                    "--solver gd --set gd.rate=0.5"
                )
            elif values := self._join_list(given):
                said = f"{error.format_message().rstrip('.')}; a list has commas: {values}"
            else:
                raise
            raise click.UsageError(said, ctx) from error

    def _join_list(self, args: list[str]) -> str:
        """Return a list of numbers that is separated by spaces with commas; empty if none is."""
        for option in self.params:
            for name in option.opts if isinstance(option.type, CommaList) else ():
                after = args[args.index(name) + 1 :] if name in args else []
                values = list(takewhile(re.compile(r"-?[\d.]+").match, after))
                if len(values) > 1:
                    return f"{name} {','.join(values)}"
        return ""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with --verbose, the traceback behind an error is printed."""
        try:
            return super().invoke(ctx)
        except (GaninvError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if ctx.params.get("verbose") and cause:
                traceback.print_exception(cause)
            raise


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
    return option(*names, setting.name, **attributes)


def _find_type(setting: Setting) -> click.ParamType[Any]:
    if setting.is_path:
        return click.Path()
    item = click.types.convert_type(setting.type.kinds[0])
    item = click.Choice(setting.choices) if setting.choices else item
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
    return option(*names, type=click.IntRange(least, most), metavar="N", **attributes)


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
    type=click.Choice(STYLES),
    group=OUTPUT,
    help="Format of the printed tables; the folder gets all formats.",
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
