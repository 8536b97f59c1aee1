"""Options that mean the same in every command, and how their values are read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ganinv_cli.config import RecoverConfig
from ganinv_cli.words import RULES, SOLVERS, STYLES

Command = TypeVar("Command", bound=Callable[..., Any])


class Names(click.ParamType[tuple[str, ...]]):
    """A comma-separated list of some of these names."""

    name = "names"

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known

    def convert(self, value: Any, param: Any, context: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in value.split(",") if part.strip())
        unknown = [name for name in names if name not in self.known]
        if unknown or not names:
            wrong = f"{unknown[0]!r} is" if unknown else "nothing is"
            self.fail(f"{wrong} not one of {', '.join(self.known)}", param, context)
        return names


def experiment(command: Command) -> Command:
    """Everything an experiment's config holds and a command line may change."""
    for option in reversed(_EXPERIMENT):
        command = option(command)
    return command


def _default(name: str) -> str:
    value = getattr(RecoverConfig, name)
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _setting(flag: str, name: str, help_text: str, **kind: Any) -> Callable[[Command], Command]:
    return click.option(flag, name, help=help_text, show_default=_default(name), **kind)


_EXPERIMENT = (
    click.option("--config", help="TOML file with these settings, or the name of a shipped one."),
    _setting("--checkpoint", "checkpoint", "The generator: a checkpoint's folder or prefix."),
    _setting("--trials", "trials", "Latent vectors to recover.", type=click.IntRange(1)),
    _setting(
        "--clip", "clip", f"Techniques, of {', '.join(RULES)}.", type=Names(RULES), metavar="NAMES"
    ),
    _setting("--solver", "solver", "Method.", type=click.Choice(SOLVERS)),
    _setting("--restarts", "restarts", "Most restarts a trial.", type=click.IntRange(0)),
    _setting("--budget", "budget", "Most gradients a trial.", type=click.FloatRange(1)),
    _setting(
        "--tolerance",
        "tolerance",
        "Image loss (squared error summed over pixels) at which a trial is done.",
        type=click.FloatRange(0),
    ),
    _setting("--batch-size", "batch_size", "Trials in flight.", type=click.IntRange(1)),
    _setting(
        "--batch-norm",
        "batch_norm",
        "Statistics of batch norm: the checkpoint's, or each batch's own.",
        type=click.Choice(["frozen", "batch"]),
    ),
    _setting("--seed", "seed", "Names every random number.", type=click.IntRange(0, 2**32 - 1)),
    _setting("--device", "device", "Where to compute.", type=click.Choice(["auto", "cpu", "gpu"])),
)


def results(default: str) -> Callable[[Command], Command]:
    """Where results go and how they are printed."""

    def decorate(command: Command) -> Command:
        for option in reversed(
            (
                click.option(
                    "--out",
                    default=default,
                    show_default=True,
                    type=click.Path(path_type=Path, dir_okay=False),
                    help="Results file; tables and figures go into the folder beside it.",
                ),
                click.option("--overwrite", is_flag=True, help="Start again where --out exists."),
                style,
                click.option("-v", "--verbose", is_flag=True, help="Say what was loaded."),
                click.option("-q", "--quiet", is_flag=True, help="No progress."),
            )
        ):
            command = option(command)
        return command

    return decorate


style = click.option(
    "--format",
    "style",
    default="text",
    show_default=True,
    type=click.Choice(STYLES),
    help="What is printed; the folder gets all of them.",
)
