"""The generator that a command is about: its options, and reading it."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ganinv_cli.cli import startup
from ganinv_cli.cli.param_types import Numbers
from ganinv_cli.errors import ConfigError, to_printable
from ganinv_cli.settings.conventions import DECLARATIONS, Conventions

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import GeneratorSpec
    from ganinv_cli.network.checkpoint import Checkpoint
    from ganinv_cli.network.generator import BatchNormMode

Command = TypeVar("Command", bound=Callable[..., Any])

CHECKPOINT_ARGUMENT = click.argument("checkpoint")

OptionSpec = tuple[str, str, str, dict[str, Any]]  # flag, name, help, type


def _make_option_spec(name: str) -> OptionSpec:
    declaration = DECLARATIONS[name]
    example = declaration.example
    type_: dict[str, Any] = {}
    if isinstance(example, bool):
        type_["is_flag"] = True
    elif isinstance(example, int):
        type_["type"] = click.IntRange(0)
    elif isinstance(example, tuple):
        type_["type"] = Numbers(type(example[0]), declaration.option_example)
    if declaration.metavar:
        type_["metavar"] = declaration.metavar
    if declaration.shown_default:
        type_["show_default"] = declaration.shown_default
    return f"--{name}", name, declaration.help, type_


GENERATOR_OPTIONS: tuple[OptionSpec, ...] = (
    ("--checkpoint", "checkpoint", "The generator: a file, a folder, or a prefix of files.", {}),
    *(_make_option_spec(name) for name, each in DECLARATIONS.items() if each.in_files),
    (
        "--label",
        "label",
        "Of a conditional generator, from 0; -1: each is tried.",
        {"type": click.IntRange(-1), "show_default": "-1"},
    ),
    *(_make_option_spec(name) for name, each in DECLARATIONS.items() if not each.in_files),
)


class GeneratorChoice(NamedTuple):
    """The generator that a command line names."""

    checkpoint: str
    conventions: Conventions
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
            label = -1 if label is None else label
            return callback(
                chosen=GeneratorChoice(checkpoint, Conventions(**given_conventions), label),
                **others,
            )

        for flag, name, text, type_ in reversed(GENERATOR_OPTIONS[1:]):
            command = click.option(flag, name, help=text, default=None, **type_)(command)
        return checkpoint(command)  # type: ignore[no-any-return]

    return decorate


def read_checkpoint(
    path: Path, conventions: Conventions, verbose: bool, quiet: bool = False, gpus: bool = True
) -> "Checkpoint":
    """The checkpoint, with TensorFlow started; what was assumed of it is said, unless `quiet`."""
    generator_checkpoint = read_checkpoint_lazily(path, conventions, verbose, quiet, gpus)
    startup.start_tensorflow(verbose, gpus)
    return generator_checkpoint


def read_checkpoint_lazily(
    path: Path, conventions: Conventions, verbose: bool, quiet: bool = False, gpus: bool = True
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
