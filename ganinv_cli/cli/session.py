"""Steps of every experiment's command: load the config, open the engine, print the tables."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ganinv_cli.cli import publish, startup
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.load import load

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import Engine
    from ganinv_cli.experiments.progress import RunProgress

Kind = TypeVar("Kind", bound=Config)
ImagesKind = TypeVar("ImagesKind", bound=ImagesConfig)


@dataclass(frozen=True)
class Output:
    """The results file and how to print it: the options of `results_options`."""

    out: Path
    overwrite: bool
    style: str
    verbose: bool
    quiet: bool
    is_explicit: bool = True  # whether the user gave the name `out`

    @property
    def folder(self) -> Path:
        """The folder of the tables and figures."""
        return publish.get_results_folder(self.out)

    def for_shard(self, shard: str) -> "Output":
        """Return the output of one shard, which has its own file: recover-1-of-4.h5."""
        if self.is_explicit or not shard:
            return self
        part = shard.replace("/", "-of-")
        return replace(self, out=self.out.with_stem(f"{self.out.stem}-{part}"))

    def publish(self) -> None:
        """Print the tables, and write them and the figures into the folder."""
        publish.publish({self.out: self.folder}, self.style, self.quiet)


@dataclass(frozen=True)
class Session:
    """The engine of an experiment, and the function that shows its progress."""

    engine: "Engine"
    show: "Callable[[RunProgress], None]"


def load_config(
    kind: type[Kind], config: str | None, settings: Mapping[str, Any], quiet: bool
) -> Kind:
    """Load the settings of a run, and print the note of its config."""
    from ganinv_cli.settings.shipped import find

    run_config = load(kind, find("config", config) if config else None, settings)
    if run_config.note and not quiet:
        click.echo(run_config.note.strip(), err=True)
    return run_config


def report_unread_files(unread: Sequence[str]) -> None:
    """Print which files are not images; if there are any, exit with status 1."""
    for sentence in unread:
        click.echo(f"Error: {sentence}", err=True)
    if unread:
        sys.exit(1)


@contextmanager
def open_session(config: Config, output: Output) -> Iterator[Session]:
    """Start TensorFlow, read the generator and open the engine; show progress until the end."""
    from ganinv_cli.cli import progress
    from ganinv_cli.settings.shipped import find

    progress.interrupt_on_sigterm()
    path = find("checkpoint", config.checkpoint)
    conventions = config.conventions
    gpus = config.engine == "local"  # else the workers use them
    generator_checkpoint = startup.read_checkpoint(
        path, conventions, output.verbose, output.quiet, gpus
    )
    spec = startup.make_generator_spec(generator_checkpoint, config.batch_norm, config.label)
    progress_display = progress.show_trials(output.out, output.quiet)
    with startup.open_engine(config, spec) as engine, progress_display as show:
        if output.verbose:
            device, precision = engine.machine
            click.echo(f"on {device}, gradients {precision}", err=True)
        yield Session(engine, show)


def ensure_start_per_label(config: ImagesKind, session: Session, output: Output) -> ImagesKind:
    """Raise the default number of starts per image to the generator's number of labels."""
    labels = session.engine.generator.labels
    if not config.trials == type(config).trials < labels:  # the user chose it, or it is enough
        return config
    if not output.quiet:
        click.echo(f"{labels} labels, and so {labels} starts for each image", err=True)
    return replace(config, trials=labels)
