"""Options that mean the same in every command, and how their values are read."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ganinv_cli.cli import generator_options, publish
from ganinv_cli.cli.generator_options import OptionSpec
from ganinv_cli.cli.param_types import BatchSize, Names
from ganinv_cli.cli.session import Output
from ganinv_cli.clipping import RULES
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.names import ENGINES, PRECISIONS, SOLVERS, STARTS, STYLES

Command = TypeVar("Command", bound=Callable[..., Any])


def experiment_options(
    config_class: type[Config], trials_help: str, *extra: OptionSpec
) -> Callable[[Command], Command]:
    """Everything an experiment's config holds and a command line may change.

    `trials` says what that many of are run; `own` are its other settings: flag, name, help, type.
    """

    def make_option(
        flag: str, name: str, help_text: str, **type_: Any
    ) -> Callable[[Command], Command]:
        value = getattr(config_class, name)
        default = (
            ",".join(map(_format_default, value))
            if isinstance(value, tuple)
            else _format_default(value)
        )
        return click.option(
            flag, name, help=help_text, default=None, **{"show_default": default or False} | type_
        )

    def decorate(command: Command) -> Command:
        options = [
            click.option(
                "--config", help="TOML file with these settings, or the name of a shipped one."
            ),
            *(
                make_option(flag, name, text, **type_)
                for flag, name, text, type_ in generator_options.GENERATOR_OPTIONS
            ),
            *(make_option(flag, name, text, **type_) for flag, name, text, type_ in extra),
            make_option("--trials", "trials", trials_help, type=click.IntRange(1)),
            *(
                make_option(flag, name, text, **type_)
                for flag, name, text, type_ in _COMMON_OPTIONS
            ),
        ]
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _format_default(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) and value < 1 else str(value)


_COMMON_OPTIONS: tuple[OptionSpec, ...] = (
    (
        "--clip",
        "clip",
        f"Techniques, of {', '.join(RULES)}.",
        {"type": Names(tuple(RULES)), "metavar": "NAMES"},
    ),
    ("--solver", "solver", "Method.", {"type": click.Choice(SOLVERS)}),
    (
        "--start",
        "start",
        "Where the first start begins: at a draw from the prior, or where the encoder beside the "
        "checkpoint (ganinv train-encoder) leads; of an image file's starts, the first alone.",
        {"type": click.Choice(STARTS)},
    ),
    ("--restarts", "restarts", "Most restarts a trial.", {"type": click.IntRange(0)}),
    ("--budget", "budget", "Most gradients a trial.", {"type": click.FloatRange(1)}),
    (
        "--tolerance",
        "tolerance",
        "Mean squared error of z, by the bound that the loss gives, at which a trial is done.",
        {"type": click.FloatRange(0)},
    ),
    (
        "--precision",
        "precision",
        "Of the gradients of lbfgs: float32, or bfloat16 first and float32 from where that sees "
        "too little (mixed); auto is mixed where bfloat16 is fast. Where no z makes an image, as "
        "under noise, it is float32.",
        {"type": click.Choice(PRECISIONS)},
    ),
    (
        "--batch-size",
        "batch_size",
        "Trials in flight on a device: a number, or as many as are found to be fast.",
        {"type": BatchSize(), "metavar": "auto|N", "show_default": "auto"},
    ),
    (
        "--batch-norm",
        "batch_norm",
        "Statistics of batch norm: the checkpoint's, or each batch's own.",
        {"type": click.Choice(["frozen", "batch"])},
    ),
    ("--seed", "seed", "Names every random number.", {"type": click.IntRange(0, 2**32 - 1)}),
    (
        "--device",
        "device",
        "Where to compute: every GPU there is, or else the CPU (auto), the CPU, every GPU, or some "
        "of them.",
        {"metavar": "auto|cpu|gpu|gpu:0,1"},
    ),
    (
        "--engine",
        "engine",
        "local: the devices of this machine. ray: the workers of a Ray cluster (ganinv[ray]).",
        {"type": click.Choice(ENGINES)},
    ),
    (
        "--address",
        "address",
        "Of the Ray cluster: local starts one here, auto finds the one that this machine is part "
        "of.",
        {"metavar": "local|auto|HOST:PORT|ray://HOST:PORT"},
    ),
    (
        "--workers",
        "workers",
        "On the cluster.",
        {"type": click.IntRange(1), "show_default": "as many as there is room for"},
    ),
    (
        "--cpus-per-worker",
        "cpus_per_worker",
        "Cores of each, and its threads.",
        {"type": click.IntRange(1)},
    ),
    (
        "--gpus-per-worker",
        "gpus_per_worker",
        "May be a share of one, such as 0.5.",
        {"type": click.FloatRange(0), "show_default": "1 where the cluster has any, or else 0"},
    ),
    (
        "--shard",
        "shard",
        "Run one of N equal parts of the trials (of invert's images), for a task of an array job; "
        "ganinv merge makes one file of the parts.",
        {"metavar": "I/N"},
    ),
)

POLISH = (
    "--polish",
    "polish",
    "float64: images in float64, and z of what has converged to their last digits.",
    {"type": click.Choice(["none", "float64"])},
)

MASK = (
    "--mask",
    "mask",
    "Image of which pixels count: black ones do not. Cropped as the images are.",
    {"metavar": "PATH"},
)

STATIONARY = (
    "--stationary",
    "stationary",
    "A start is done when 40 gradients lowered its image loss by less than this share; plain "
    "descent (gd) goes on.",
    {"type": click.FloatRange(0, 1, min_open=True, max_open=True)},
)

CROP = (
    "--crop",
    "crop",
    "The part that is resized to the generator's images: center (the largest centred square), none "
    "(all of it, squeezed), or a square of X,Y,SIZE pixels.",
    {"metavar": "center|none|X,Y,SIZE"},
)


def results_options(default: str) -> Callable[[Command], Command]:
    """Where results go and how they are printed; the command takes them as one `output`."""

    def decorate(callback: Command) -> Command:
        command = _pass_output(callback, default)
        for option in reversed(
            (
                click.option(
                    "--out",
                    show_default=default,
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


def _pass_output(command: Command, default: str) -> Command:
    @functools.wraps(command)
    def wrapper(
        out: Path | None, overwrite: bool, style: str, verbose: bool, quiet: bool, **others: Any
    ) -> Any:
        is_explicit = out is not None
        output = Output(out or Path(default), overwrite, style, verbose, quiet, is_explicit)
        publish.get_results_folder(
            output.out
        )  # a name that leaves none is refused before anything else
        return command(output=output, **others)

    return wrapper  # type: ignore[return-value]


style = click.option(
    "--format",
    "style",
    default="text",
    show_default=True,
    type=click.Choice(STYLES),
    help="What is printed; the folder gets all of them.",
)
