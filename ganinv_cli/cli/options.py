"""Options that several commands have, each declared once.

A command adds a declaration as `@options.seed()`, and may override arguments such as the help.
"""

import functools
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from ganinv_cli.cli.parameters import (
    GENERATOR,
    METHOD,
    OUTPUT,
    Names,
    Numbers,
    Option,
    Shipped,
    WholeNumber,
)
from ganinv_cli.errors import UsageError
from ganinv_cli.limits import MAX_SEED
from ganinv_cli.settings.conventions import DECLARATIONS, Conventions
from ganinv_cli.settings.names import STYLES

if TYPE_CHECKING:
    from ganinv_cli.api.generator import LoadedGenerator
    from ganinv_cli.progress import Reporter

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
option = partial(click.option, cls=Option)
Declaration = partial[Any]  # of an option; makes a Decorator


def declare(*names: str, **attributes: Any) -> Declaration:
    """Declare an option; what adds it to a command may override its attributes."""
    return partial(option, *names, **attributes)


seed = declare(
    "--seed",
    type=WholeNumber(0, MAX_SEED),
    default=0,
    show_default=True,
    group=METHOD,
    help="Seed for all random numbers.",
)
out = declare("--out", type=click.Path(path_type=Path, dir_okay=False), group=OUTPUT)
overwrite = declare("--overwrite", is_flag=True, group=OUTPUT, help="Start again if --out exists.")
verbose = declare("-v", "--verbose", is_flag=True, group=OUTPUT, help="Also print what was loaded.")
quiet = declare("-q", "--quiet", is_flag=True, group=OUTPUT, help="Show no progress.")
style = declare(
    "--format",
    "style",
    default="text",
    show_default=True,
    type=click.Choice(STYLES),
    group=OUTPUT,
    help="Format of the printed tables; the folder gets all formats.",
)
open_page = declare(
    "--open",
    "open_page",
    is_flag=True,
    group=OUTPUT,
    help="Show the page, report.html, in the browser at the end.",
)
TEXT_OR_JSON = click.Choice(["text", "json"])  # of commands that print no tables
convolution_precision = declare(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "bfloat16"]),
)
npz = declare("--npz", type=click.Path(path_type=Path, dir_okay=False), group=OUTPUT)
checkpoint = declare(
    "--checkpoint",
    type=Shipped("checkpoint"),
    show_default="portraits64",
    group=GENERATOR,
    help="Generator: a file, a folder, a prefix of files, or the name of one that ships.",
)
label = declare(
    "--label",
    type=WholeNumber(-1),
    show_default="-1",
    group=GENERATOR,
    help="Label of a conditional generator, from 0; -1 tries each.",
)


def _declare_convention(name: str) -> Declaration:
    declaration = DECLARATIONS[name]
    example = declaration.example
    attributes: dict[str, Any] = {"group": GENERATOR}
    if isinstance(example, bool):
        attributes["is_flag"] = True
    elif isinstance(example, int):
        attributes["type"] = WholeNumber(0)
    elif declaration.choices:
        attributes["type"] = Names(declaration.choices)
    elif isinstance(example, tuple):
        attributes["type"] = Numbers(type(example[0]), declaration.option_example)
    if declaration.metavar:
        attributes["metavar"] = declaration.metavar
    if declaration.shown_default:
        attributes["show_default"] = declaration.shown_default
    return declare(f"--{name}", help=declaration.help, **attributes)


# How to read a generator's file, and which label of a conditional generator to take.
reading: tuple[Declaration, ...] = (
    *(_declare_convention(name) for name, each in DECLARATIONS.items() if each.in_files),
    label,
    *(_declare_convention(name) for name, each in DECLARATIONS.items() if not each.in_files),
)


generator_argument = partial(click.argument, "checkpoint", type=Shipped("checkpoint"))


class GeneratorChoice(NamedTuple):
    """The generator named on the command line, and how to read it."""

    checkpoint: str
    conventions: Conventions
    label: int  # -1: all of them

    @property
    def path(self) -> Path:
        """The path of the generator. Raises CheckpointError if there is no such file."""
        from ganinv_cli.settings.shipped import find

        return find("checkpoint", self.checkpoint)

    def load(self, reporter: "Reporter", *, verbose: bool = False) -> "LoadedGenerator":
        """Read the generator. Raises CheckpointError, ConfigError."""
        from ganinv_cli.api.generator import read_generator

        return read_generator(
            self.checkpoint, self.conventions, self.label, reporter, verbose=verbose
        )


def generator_choice(checkpoint: Decorator | None = None) -> Callable[[Command], Command]:
    """Add the generator and the options for reading it, passed as one argument `choice`.

    `checkpoint` is the option or argument for the file; by default an argument.
    """
    return pack_options(
        "choice",
        _make_choice,
        ("checkpoint", "label", *DECLARATIONS),
        [checkpoint or generator_argument(), *(option(default=None) for option in reading)],
    )


def refuse_ignored(**reasons: str) -> None:
    """Raise UsageError for an option of the running command that is typed but has no effect.

    `reasons` has, for each parameter, what it needs; an empty reason lets it pass.
    """
    context = click.get_current_context()
    for name, reason in reasons.items():
        if reason and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"--{name} has no effect: {reason}; leave it out")


def pack_options(
    name: str, build: Callable[..., Any], values: Iterable[str], decorators: Iterable[Decorator]
) -> Callable[[Command], Command]:
    """Add options to a command, and pass the result of `build(**values)` as one argument."""

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def command(**given: Any) -> Any:
            packed = {value: given.pop(value) for value in values}
            return callback(**{name: build(**packed)}, **given)

        return add_options(command, decorators)  # type: ignore[return-value]

    return decorate


def add_options(command: Callable[..., Any], decorators: Iterable[Decorator]) -> Callable[..., Any]:
    """Add options to a command, in the order of its help."""
    for decorator in reversed(list(decorators)):
        command = decorator(command)
    return command


def _make_choice(checkpoint: str, label: int | None, **conventions: Any) -> GeneratorChoice:
    given = {name: value for name, value in conventions.items() if value is not None}
    return GeneratorChoice(checkpoint, Conventions(**given), -1 if label is None else label)
