"""The generator that a command is about: its options, and reading it."""

import functools
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ganinv_cli.cli import startup
from ganinv_cli.cli.param_types import Numbers
from ganinv_cli.errors import ConfigError, to_printable
from ganinv_cli.settings.config import Config

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import GeneratorSpec
    from ganinv_cli.formats.interface import Conventions
    from ganinv_cli.network.checkpoint import Checkpoint
    from ganinv_cli.network.generator import BatchNormMode

Command = TypeVar("Command", bound=Callable[..., Any])

CHECKPOINT_ARGUMENT = click.argument("checkpoint")

OptionSpec = tuple[str, str, str, dict[str, Any]]  # flag, name, help, type

GENERATOR_OPTIONS: tuple[OptionSpec, ...] = (
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


class GeneratorChoice(NamedTuple):
    """The generator that a command line names."""

    checkpoint: str
    conventions: "Conventions"
    label: int  # -1: all of them

    @property
    def path(self) -> Path:
        """Raises CheckpointError where there is none."""
        from ganinv_cli.settings.shipped import find

        return find("checkpoint", self.checkpoint)


def generator_options(
    checkpoint: Callable[[Any], Any] = CHECKPOINT_ARGUMENT,
) -> Callable[[Command], Command]:
    """The options as one argument `chosen`, for commands that are no experiment.

    `checkpoint` is the argument or option for that.
    """

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def command(checkpoint: str, **others: Any) -> Any:
            values = {name: others.pop(name, None) for _, name, _, _ in GENERATOR_OPTIONS[1:]}
            label = values.pop("label")
            given_conventions = {name: value for name, value in values.items() if value is not None}
            from ganinv_cli.formats.interface import Conventions

            label = -1 if label is None else label
            return callback(
                chosen=GeneratorChoice(checkpoint, Conventions(**given_conventions), label),
                **others,
            )

        for flag, name, text, type_ in reversed(GENERATOR_OPTIONS[1:]):
            command = click.option(flag, name, help=text, default=None, **type_)(command)
        return checkpoint(command)  # type: ignore[no-any-return]

    return decorate


def make_conventions(config: Config) -> "Conventions":
    """What a config says of its generator."""
    from ganinv_cli.formats.interface import Conventions

    return Conventions(**{field.name: getattr(config, field.name) for field in fields(Conventions)})


def read_checkpoint(
    path: Path, conventions: "Conventions", verbose: bool, quiet: bool = False, gpus: bool = True
) -> "Checkpoint":
    """The checkpoint, with TensorFlow started; what was assumed of it is said, unless `quiet`."""
    generator_checkpoint = read_checkpoint_lazily(path, conventions, verbose, quiet, gpus)
    startup.start_tensorflow(verbose, gpus)
    return generator_checkpoint


def read_checkpoint_lazily(
    path: Path, conventions: "Conventions", verbose: bool, quiet: bool = False, gpus: bool = True
) -> "Checkpoint":
    """The same, with TensorFlow started only where reading takes it."""
    from ganinv_cli import formats

    if formats.needs_tensorflow(path, conventions):
        startup.start_tensorflow(verbose, gpus)
    checkpoint = formats.read(path, conventions)
    if verbose:
        _print_message(
            f"{checkpoint.path}: {checkpoint.format}, layout {checkpoint.layout}, "
            f"{checkpoint.sha256}"
        )
        _print_message(f"ignored: {', '.join(checkpoint.ignored) or 'nothing'}")
    if not quiet:
        for file in checkpoint.convention_files:
            _print_message(f"{checkpoint.path}: told by {file}")
        if checkpoint.assumed:
            _print_message(f"{checkpoint.path} does not say, and so is assumed:")
        for clause in checkpoint.assumed:
            _print_message(f"  {clause}")
    return checkpoint


def _print_message(sentence: str) -> None:
    """On stderr; names in files can be anything."""
    click.echo(to_printable(sentence), err=True)


def make_generator_spec(
    checkpoint: "Checkpoint", batch_norm: "BatchNormMode" = "frozen", label: int = -1
) -> "GeneratorSpec":
    """Of one label, or of all where it is -1. Raises ConfigError where it has no such label."""
    from ganinv_cli.engine.engine import GeneratorSpec
    from ganinv_cli.network.layers import BatchNorm

    labels = checkpoint.network.labels
    norms = any(isinstance(node.layer, BatchNorm) for node in checkpoint.network.nodes)
    if batch_norm == "batch" and not norms:
        raise ConfigError(
            f"{checkpoint.path} has no batch norm that could take a batch's statistics (a "
            "SavedModel's "
            "are constants in its graph); leave --batch-norm out"
        )
    if label >= labels:
        has = f"labels 0 to {labels - 1}" if labels else "no labels"
        raise ConfigError(
            f"label = {label}: {checkpoint.path} has {has}; leave --label out, or give one of these"
        )
    return GeneratorSpec(checkpoint, batch_norm, None if label < 0 else label)
