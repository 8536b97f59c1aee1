"""Options of the experiments: the settings of their configs, and the output."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from ganinv_cli.cli import options, publish
from ganinv_cli.cli.options import Declaration, Decorator, declare
from ganinv_cli.cli.parameters import (
    INPUT,
    MACHINE,
    METHOD,
    BatchSize,
    DecimalNumber,
    Names,
    Shipped,
    WholeNumber,
)
from ganinv_cli.cli.session import Output
from ganinv_cli.clipping import RULES
from ganinv_cli.limits import MAX_BATCH_SIZE, MAX_TRIALS, MAX_WORKERS
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.names import ENGINES, LOSSES, PRECISIONS, SOLVERS, STARTS

Command = TypeVar("Command", bound=Callable[..., Any])

POLISH = declare(
    "--polish",
    type=click.Choice(["none", "float64"]),
    group=METHOD,
    help="float64: make the images in float64, and refine each converged z in float64.",
)
MASK = declare(
    "--mask",
    type=click.Path(),
    metavar="FILE",
    group=INPUT,
    help="Image, or array in a .npy or .npz file, that says which pixels count: black pixels do "
    "not. It is cropped like the images.",
)
STATIONARY = declare(
    "--stationary",
    type=DecimalNumber(0, 1, min_open=True, max_open=True),
    group=METHOD,
    help="A start of lbfgs has converged if 40 gradients reduce its image loss by less than this "
    "fraction.",
)
CROP = declare(
    "--crop",
    metavar="center|none|X,Y,SIZE",
    group=INPUT,
    help="Part of the image to use: center (the largest square in the middle), none (the whole "
    "image, distorted), or a square of SIZE pixels whose upper left corner is X,Y.",
)

_METHOD: tuple[Declaration, ...] = tuple(
    partial(option, group=METHOD)
    for option in (
        declare(
            "--clip",
            type=Names(tuple(RULES)),
            help=f"Clipping rules to run: one or more of {', '.join(RULES)}.",
        ),
        declare("--solver", type=click.Choice(SOLVERS), help="Optimisation method."),
        declare(
            "--loss",
            type=click.Choice(LOSSES),
            help="Loss that lbfgs minimises, with r = G(z) - x: r'Wr, whose weights W reduce the "
            "effect of brightness and large areas (preconditioned), or r'r (plain). It is always "
            "r'r for noisy images and for images outside the generator's range.",
        ),
        declare(
            "--start",
            type=click.Choice(STARTS),
            help="Start of the first descent: a draw from the prior, or the guess of the encoder "
            "beside the checkpoint (ganinv train-encoder).",
        ),
        declare("--restarts", type=WholeNumber(0), help="Maximum number of restarts per trial."),
        declare("--budget", type=DecimalNumber(1), help="Maximum number of gradients per trial."),
        declare(
            "--tolerance",
            type=DecimalNumber(0),
            help="A trial has converged if the estimated bound on the mean squared error of z "
            "is at most this.",
        ),
        declare(
            "--precision",
            type=click.Choice(PRECISIONS),
            help="Precision of the gradients of lbfgs: float32, or mixed (bfloat16 first, then "
            "float32). auto is mixed if bfloat16 is fast here. It is always float32 for noisy "
            "images and for images outside the generator's range.",
        ),
        declare(
            "--batch-norm",
            type=click.Choice(["frozen", "batch"]),
            help="Statistics of the batch norms: those in the checkpoint (frozen), or those of "
            "each batch (batch).",
        ),
        options.seed,
    )
)
_MACHINE: tuple[Declaration, ...] = tuple(
    partial(option, group=MACHINE)
    for option in (
        declare(
            "--device",
            metavar="auto|cpu|gpu|gpu:0,1",
            help="Devices: all GPUs, or the CPU if there is none (auto); the CPU; all GPUs; or "
            "the GPUs with these numbers.",
        ),
        declare(
            "--batch-size",
            type=BatchSize(1, largest=MAX_BATCH_SIZE),
            metavar="auto|N",
            show_default="auto",
            help="Trials per batch on each device; auto measures the fastest size.",
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
            help="Address of the Ray cluster: local starts one here, auto finds the cluster of "
            "this machine.",
        ),
        declare(
            "--workers",
            type=WholeNumber(1, largest=MAX_WORKERS),
            show_default="as many as fit",
            help="Number of Ray workers.",
        ),
        declare(
            "--cpus-per-worker",
            type=WholeNumber(1, largest=MAX_WORKERS),
            help="Cores and threads per Ray worker.",
        ),
        declare(
            "--gpus-per-worker",
            type=DecimalNumber(0),
            show_default="1 if the cluster has GPUs, else 0",
            help="GPUs per Ray worker; may be a fraction, e.g. 0.5.",
        ),
        declare(
            "--shard",
            metavar="I/N",
            help="Run part I of N equal parts of the trials (invert: of the images), for array "
            "jobs; ganinv merge joins the parts.",
        ),
    )
)


def experiment_options(
    config_class: type[Config],
    trials_help: str,
    *own: Declaration,
    checkpoint: Declaration = options.checkpoint,
    trials_names: tuple[str, ...] = ("--trials",),
) -> Callable[[Command], Command]:
    """Add an option for each setting of an experiment; its help shows the config's default.

    `trials_help` is the help of --trials, and `trials_names` are its names; `own` are the options
    of this experiment alone, and `checkpoint` is its declaration of --checkpoint.
    """
    trials = declare(
        *trials_names,
        "trials",
        type=WholeNumber(1, largest=MAX_TRIALS),
        group=INPUT,
        help=trials_help,
    )
    settings = (*own, trials, checkpoint, *options.reading, *_METHOD, *_MACHINE)

    def decorate(command: Command) -> Command:
        return options.add_options(  # type: ignore[return-value]
            command,
            [
                *(_make_setting(option, config_class) for option in settings),
                declare(
                    "--config",
                    type=Shipped("config"),
                    help="TOML file with settings, or the name of one that ships; options "
                    "override it.",
                )(),
            ],
        )

    return decorate


def _make_setting(option: Declaration, config_class: type[Config]) -> Decorator:
    """Return an option without a default, so that a config file's value is not overridden."""
    name = option.args[-1].partition("/")[0].removeprefix("--").replace("-", "_")
    shown = option.keywords.get("show_default")
    if not isinstance(shown, str):
        shown = _format_default(getattr(config_class, name)) or False
    return option(default=None, show_default=shown)  # type: ignore[no-any-return]


def _format_default(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_format_default, value))
    if isinstance(value, bool):
        return ""  # of a flag; its help says what it does
    return f"{value:g}" if isinstance(value, float) else str(value)


def results_options(default: str) -> Callable[[Command], Command]:
    """Add the options for the output of results, passed as one argument `output`."""
    decorators: Iterable[Decorator] = (
        options.out(
            show_default=default,
            help="Results file. Tables and figures go into the folder of the same name.",
        ),
        options.overwrite(),
        options.style(),
        options.open_page(),
        options.verbose(help="Print all tables, and what was loaded."),
        options.quiet(),
    )
    build = partial(_make_output, default)
    names = ("out", "overwrite", "style", "open_page", "verbose", "quiet")
    return options.pack_options("output", build, names, decorators)


def _make_output(default: str, out: Path | None, **others: Any) -> Output:
    output = Output(out or Path(default), is_explicit=out is not None, **others)
    publish.check_results_folder(output.out)  # before any work
    return output
