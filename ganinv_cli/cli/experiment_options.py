"""Options of the experiments: the settings of their configs, and the output."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from ganinv_cli.cli import options, publish
from ganinv_cli.cli.options import Decorator, Option, declare
from ganinv_cli.cli.param_types import BatchSize, Names
from ganinv_cli.cli.session import Output
from ganinv_cli.clipping import RULES
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.names import ENGINES, LOSSES, PRECISIONS, SOLVERS, STARTS

Command = TypeVar("Command", bound=Callable[..., Any])

POLISH: Option = declare(
    "--polish",
    type=click.Choice(["none", "float64"]),
    help="float64: make images in float64, and refine converged z to their last digits.",
)
MASK: Option = declare(
    "--mask",
    metavar="PATH",
    help="Image that says which pixels count: black pixels do not. It is cropped like the images.",
)
STATIONARY: Option = declare(
    "--stationary",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="A start has converged when 40 gradients lowered its image loss by less than this share. "
    "Plain descent (gd) ignores it.",
)
CROP: Option = declare(
    "--crop",
    metavar="center|none|X,Y,SIZE",
    help="Part of the image to use: center (the largest centred square), none (the whole image, "
    "distorted), or a square of X,Y,SIZE pixels.",
)

_COMMON: tuple[Option, ...] = (
    declare(
        "--clip",
        type=Names(tuple(RULES)),
        metavar="NAMES",
        help=f"Clipping rules: some of {', '.join(RULES)}.",
    ),
    declare("--solver", type=click.Choice(SOLVERS), help="Optimisation method."),
    declare(
        "--loss",
        type=click.Choice(LOSSES),
        help="Loss of lbfgs, with r = G(z) - x: r'Wr, whose weights W reduce the effect of "
        "brightness and large areas (preconditioned), or r'r (plain). Noisy images, images outside "
        "the generator's range and gd always use r'r.",
    ),
    declare(
        "--start",
        type=click.Choice(STARTS),
        help="Start of the first descent: a draw from the prior, or the guess of the encoder "
        "beside the checkpoint (ganinv train-encoder).",
    ),
    declare("--restarts", type=click.IntRange(0), help="Maximum number of restarts per trial."),
    declare("--budget", type=click.FloatRange(1), help="Maximum number of gradients per trial."),
    declare(
        "--tolerance",
        type=click.FloatRange(0),
        help="A trial has converged when the estimated bound on the mean squared error of z is at "
        "most this.",
    ),
    declare(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="Precision of the gradients of lbfgs: float32, or mixed (bfloat16 first, then "
        "float32). auto is mixed if bfloat16 is fast here. Noisy images and images outside the "
        "generator's range always use float32.",
    ),
    declare(
        "--batch-size",
        type=BatchSize(),
        metavar="auto|N",
        show_default="auto",
        help="Trials per batch on a device: a number, or the fastest size, which is measured.",
    ),
    declare(
        "--batch-norm",
        type=click.Choice(["frozen", "batch"]),
        help="Statistics of batch norm: those of the checkpoint (frozen), or of each batch "
        "(batch).",
    ),
    options.seed,
    declare(
        "--device",
        metavar="auto|cpu|gpu|gpu:0,1",
        help="Devices: all GPUs, or the CPU if there is none (auto); the CPU; all GPUs; or some of "
        "them.",
    ),
    declare(
        "--engine",
        type=click.Choice(ENGINES),
        help="local: the devices of this machine. ray: the workers of a Ray cluster (needs "
        "ganinv[ray]).",
    ),
    declare(
        "--address",
        metavar="local|auto|HOST:PORT|ray://HOST:PORT",
        help="Address of the Ray cluster: local starts one here, auto finds the cluster of this "
        "machine.",
    ),
    declare(
        "--workers",
        type=click.IntRange(1),
        show_default="as many as fit",
        help="Number of Ray workers.",
    ),
    declare(
        "--cpus-per-worker",
        type=click.IntRange(1),
        help="Cores per Ray worker, which are also its threads.",
    ),
    declare(
        "--gpus-per-worker",
        type=click.FloatRange(0),
        show_default="1 if the cluster has GPUs, else 0",
        help="GPUs per Ray worker; may be a fraction, e.g. 0.5.",
    ),
    declare(
        "--shard",
        metavar="I/N",
        help="Run part I of N equal parts of the trials (invert: of the images), for array jobs; "
        "ganinv merge joins the parts.",
    ),
)


def experiment_options(
    config_class: type[Config],
    trials_help: str,
    *own: Option,
    checkpoint: Option = options.checkpoint,
) -> Callable[[Command], Command]:
    """Add an option for each setting of an experiment; its help shows the config's default.

    `trials_help` is the help of --trials; `own` are the options of this experiment alone, and
    `checkpoint` is its declaration of --checkpoint.
    """
    trials: Option = declare("--trials", type=click.IntRange(1), help=trials_help)
    settings = (checkpoint, *options.reading, *own, trials, *_COMMON)

    def decorate(command: Command) -> Command:
        return options.add_options(  # type: ignore[return-value]
            command,
            [
                click.option(
                    "--config", help="TOML file with settings, or the name of a shipped one."
                ),
                *(_make_setting(option, config_class) for option in settings),
            ],
        )

    return decorate


def _make_setting(option: Option, config_class: type[Config]) -> Decorator:
    """Return an option without a default, so that a config file's value is not overridden."""
    name = option.args[0].partition("/")[0].removeprefix("--").replace("-", "_")
    shown = option.keywords.get("show_default")
    if not isinstance(shown, str):
        shown = _format_default(getattr(config_class, name)) or False
    return option(default=None, show_default=shown)  # type: ignore[no-any-return]


def _format_default(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_format_default, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) and value < 1 else str(value)


def results_options(default: str) -> Callable[[Command], Command]:
    """Add the options for the output of results, passed as one argument `output`."""
    decorators: Iterable[Decorator] = (
        options.out(
            show_default=default,
            help="Results file. Tables and figures go into the folder of the same name.",
        ),
        options.overwrite(),
        options.style(),
        options.verbose(),
        options.quiet(),
    )
    build = partial(_make_output, default)
    names = ("out", "overwrite", "style", "verbose", "quiet")
    return options.pack_options("output", build, names, decorators)


def _make_output(default: str, out: Path | None, **others: Any) -> Output:
    output = Output(out or Path(default), is_explicit=out is not None, **others)
    publish.get_results_folder(output.out)  # raises before any work if the name gives no folder
    return output
