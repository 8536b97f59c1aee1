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
    help="float64: images in float64, and z of what has converged to their last digits.",
)
MASK: Option = declare(
    "--mask",
    metavar="PATH",
    help="Image of which pixels count: black ones do not. Cropped as the images are.",
)
STATIONARY: Option = declare(
    "--stationary",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="A start is done when 40 gradients lowered its image loss by less than this share; plain "
    "descent (gd) goes on.",
)
CROP: Option = declare(
    "--crop",
    metavar="center|none|X,Y,SIZE",
    help="The part that is resized to the generator's images: center (the largest centred "
    "square), none (all of it, squeezed), or a square of X,Y,SIZE pixels.",
)

_COMMON: tuple[Option, ...] = (
    declare(
        "--clip",
        type=Names(tuple(RULES)),
        metavar="NAMES",
        help=f"Techniques, of {', '.join(RULES)}.",
    ),
    declare("--solver", type=click.Choice(SOLVERS), help="Method."),
    declare(
        "--loss",
        type=click.Choice(LOSSES),
        help="What lbfgs minimises, with r = G(z) - x: r'Wr with weights W that give brightness "
        "and large areas less (preconditioned), or r'r (plain). Under noise, and for images that "
        "no z makes, it is r'r; gd always minimises r'r.",
    ),
    declare(
        "--start",
        type=click.Choice(STARTS),
        help="Where the first start begins: at a draw from the prior, or where the encoder beside "
        "the checkpoint (ganinv train-encoder) leads; of an image file's starts, the first alone.",
    ),
    declare("--restarts", type=click.IntRange(0), help="Most restarts a trial."),
    declare("--budget", type=click.FloatRange(1), help="Most gradients a trial."),
    declare(
        "--tolerance",
        type=click.FloatRange(0),
        help="Mean squared error of z, by a bound estimated from the loss, at which a "
        "trial is done.",
    ),
    declare(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="Of the gradients of lbfgs: float32, or bfloat16 first and float32 from where that "
        "sees too little (mixed); auto is mixed where bfloat16 is fast. Where no z makes an image, "
        "as under noise, it is float32.",
    ),
    declare(
        "--batch-size",
        type=BatchSize(),
        metavar="auto|N",
        show_default="auto",
        help="Trials in flight on a device: a number, or as many as are found to be fast.",
    ),
    declare(
        "--batch-norm",
        type=click.Choice(["frozen", "batch"]),
        help="Statistics of batch norm: the checkpoint's, or each batch's own.",
    ),
    options.seed,
    declare(
        "--device",
        metavar="auto|cpu|gpu|gpu:0,1",
        help="Where to compute: every GPU there is, or else the CPU (auto), the CPU, every GPU, or "
        "some of them.",
    ),
    declare(
        "--engine",
        type=click.Choice(ENGINES),
        help="local: the devices of this machine. ray: the workers of a Ray cluster (ganinv[ray]).",
    ),
    declare(
        "--address",
        metavar="local|auto|HOST:PORT|ray://HOST:PORT",
        help="Of the Ray cluster: local starts one here, auto finds the one that this machine is "
        "part of.",
    ),
    declare(
        "--workers",
        type=click.IntRange(1),
        show_default="as many as there is room for",
        help="On the cluster.",
    ),
    declare(
        "--cpus-per-worker",
        type=click.IntRange(1),
        help="Cores of each, and its threads.",
    ),
    declare(
        "--gpus-per-worker",
        type=click.FloatRange(0),
        show_default="1 where the cluster has any, or else 0",
        help="May be a share of one, such as 0.5.",
    ),
    declare(
        "--shard",
        metavar="I/N",
        help="Run one of N equal parts of the trials (of invert's images), for a task of an array "
        "job; ganinv merge makes one file of the parts.",
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
                    "--config", help="TOML file with these settings, or the name of a shipped one."
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
            help="Results file; tables and figures go into the folder beside it.",
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
