"""The generator that a command is about: its options, and reading it."""

import functools
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ganinv_cli.cli import startup
from ganinv_cli.cli.param_types import Numbers
from ganinv_cli.errors import ConfigError, printable
from ganinv_cli.settings.config import Config

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import Recipe
    from ganinv_cli.formats.reading import Conventions
    from ganinv_cli.network.checkpoint import Checkpoint
    from ganinv_cli.network.generator import BatchNormMode

Command = TypeVar("Command", bound=Callable[..., Any])

ARGUMENT = click.argument("checkpoint")

Setting = tuple[str, str, str, dict[str, Any]]  # flag, name, help, type

SETTINGS: tuple[Setting, ...] = (
    ("--checkpoint", "checkpoint", "The generator: a file, a folder, or a prefix of files.", {}),
    (
        "--prior",
        "prior",
        "Where z comes from: uniform, uniform:LOW,HIGH, normal, normal:SIGMA, or "
        "normal:SIGMA,INSIDE with the share of it that the bounds keep. Else the format's.",
        {"metavar": "PRIOR"},
    ),
    (
        "--range",
        "range",
        "Of the generator's pixels, where its file does not say: tanh, sigmoid, or the values of "
        "black and white.",
        {"metavar": "tanh|sigmoid|LOW,HIGH"},
    ),
    (
        "--activation",
        "activation",
        "Between the layers of a file of weights alone, such as relu or leaky_relu:0.2.",
        {"metavar": "NAME"},
    ),
    (
        "--strides",
        "strides",
        "Of the convolutions of a file of weights alone, such as 1,2,2,2.",
        {"type": Numbers(int, "1,2,2,2"), "metavar": "NUMBERS"},
    ),
    (
        "--padding",
        "padding",
        "Of these, as PyTorch counts it, such as 0,1,1,1.",
        {"type": Numbers(int, "0,1,1,1"), "metavar": "NUMBERS"},
    ),
    (
        "--epsilon",
        "epsilon",
        "Of the batch norms of a file of weights alone: one number, or one for each.",
        {"type": Numbers(float, "1e-5,0.8"), "metavar": "NUMBERS"},
    ),
    (
        "--labels",
        "labels",
        "How many labels a file of weights alone takes, as one-hot behind z.",
        {"type": click.IntRange(0), "show_default": "what the file's folder says, or 0"},
    ),
    (
        "--label",
        "label",
        "Of a conditional generator, from 0; -1: each is tried.",
        {"type": click.IntRange(-1), "show_default": "-1"},
    ),
    ("--trust", "trust", "Run the code that a Keras file holds.", {"is_flag": True}),
)


class Chosen(NamedTuple):
    """The generator that a command line names."""

    checkpoint: str
    told: "Conventions"
    label: int  # -1: all of them

    @property
    def path(self) -> Path:
        """Raises CheckpointError where there is none."""
        from ganinv_cli.settings.shipped import find

        return find("checkpoint", self.checkpoint)


def chosen(checkpoint: Callable[[Any], Any] = ARGUMENT) -> Callable[[Command], Command]:
    """The options as one argument `chosen`, for commands that are no experiment.

    `checkpoint` is the argument or option for that.
    """

    def decorate(called: Command) -> Command:
        @functools.wraps(called)
        def command(checkpoint: str, **given: Any) -> Any:
            told = {name: given.pop(name, None) for _, name, _, _ in SETTINGS[1:]}
            label = told.pop("label")
            known = {name: value for name, value in told.items() if value is not None}
            from ganinv_cli.formats.reading import Conventions

            label = -1 if label is None else label
            return called(chosen=Chosen(checkpoint, Conventions(**known), label), **given)

        for flag, name, text, type_ in reversed(SETTINGS[1:]):
            command = click.option(flag, name, help=text, default=None, **type_)(command)
        return checkpoint(command)  # type: ignore[no-any-return]

    return decorate


def conventions(config: Config) -> "Conventions":
    """What a config says of its generator."""
    from ganinv_cli.formats.reading import Conventions

    return Conventions(**{field.name: getattr(config, field.name) for field in fields(Conventions)})


def read(
    path: Path, told: "Conventions", verbose: bool, quiet: bool = False, gpus: bool = True
) -> "Checkpoint":
    """The checkpoint, with TensorFlow started; what was assumed of it is said, unless `quiet`."""
    found = look(path, told, verbose, quiet, gpus)
    startup.tensorflow(verbose, gpus)
    return found


def look(
    path: Path, told: "Conventions", verbose: bool, quiet: bool = False, gpus: bool = True
) -> "Checkpoint":
    """The same, with TensorFlow started only where reading takes it."""
    from ganinv_cli import formats

    if formats.starts_tensorflow(path, told):
        startup.tensorflow(verbose, gpus)
    found = formats.read(path, told)
    if verbose:
        _say(f"{found.path}: {found.format}, layout {found.layout}, {found.sha256}")
        _say(f"ignored: {', '.join(found.ignored) or 'nothing'}")
    if not quiet:
        for file in found.told:
            _say(f"{found.path}: told by {file}")
        if found.assumed:
            _say(f"{found.path} does not say, and so is assumed:")
        for clause in found.assumed:
            _say(f"  {clause}")
    return found


def _say(sentence: str) -> None:
    """On stderr; names in files can be anything."""
    click.echo(printable(sentence), err=True)


def recipe(
    found: "Checkpoint", batch_norm: "BatchNormMode" = "frozen", label: int = -1
) -> "Recipe":
    """Of one label, or of all where it is -1. Raises ConfigError where it has no such label."""
    from ganinv_cli.engine.engine import Recipe
    from ganinv_cli.network.layers import BatchNorm

    labels = found.network.labels
    norms = any(isinstance(node.layer, BatchNorm) for node in found.network.nodes)
    if batch_norm == "batch" and not norms:
        raise ConfigError(
            f"{found.path} has no batch norm that could take a batch's statistics (a SavedModel's "
            "are constants in its graph); leave --batch-norm out"
        )
    if label >= labels:
        has = f"labels 0 to {labels - 1}" if labels else "no labels"
        raise ConfigError(
            f"label = {label}: {found.path} has {has}; leave --label out, or give one of these"
        )
    return Recipe(found, batch_norm, None if label < 0 else label)
