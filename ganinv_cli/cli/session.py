"""What the commands of all experiments do alike: load, run, print."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from ganinv_cli.cli import publish, startup
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.load import load

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import Engine
    from ganinv_cli.experiments.progress import RunProgress

Kind = TypeVar("Kind", bound=Config)


@dataclass(frozen=True)
class Output:
    """Where results go and how they are printed: the options of `options.results`."""

    out: Path
    overwrite: bool
    style: str
    verbose: bool
    quiet: bool
    is_explicit: bool = True  # whether the user gave the name `out`

    @property
    def folder(self) -> Path:
        """Of the tables and figures."""
        return publish.get_results_folder(self.out)

    def for_shard(self, shard: str) -> "Output":
        """That of one part of a run, which has a file of its own: recover-1-of-4.h5."""
        if self.is_explicit or not shard:
            return self
        part = shard.replace("/", "-of-")
        return replace(self, out=self.out.with_stem(f"{self.out.stem}-{part}"))

    def publish(self) -> None:
        """Print the tables and fill the folder."""
        publish.publish({self.out: self.folder}, self.style, self.quiet)


@dataclass(frozen=True)
class Session:
    """What an experiment is called with, besides its config and output."""

    engine: "Engine"
    show: "Callable[[RunProgress], None]"


def load_config(
    kind: type[Kind], config: str | None, settings: Mapping[str, Any], quiet: bool
) -> Kind:
    """The settings of a run; its config's note is said."""
    from ganinv_cli.settings.shipped import find

    run_config = load(kind, find("config", config) if config else None, settings)
    if run_config.note and not quiet:
        click.echo(run_config.note.strip(), err=True)
    return run_config


def report_unread_files(unread: Sequence[str]) -> None:
    """Say which files were no images; where there are any, the exit status is 1."""
    for sentence in unread:
        click.echo(f"Error: {sentence}", err=True)
    if unread:
        sys.exit(1)


@contextmanager
def open_session(config: Config, output: Output) -> Iterator[Session]:
    """TensorFlow, the generator and the engine, ready; progress is shown while it lasts."""
    from ganinv_cli.cli import progress
    from ganinv_cli.settings.shipped import find

    progress.interrupt_on_sigterm()
    path = find("checkpoint", config.checkpoint)
    conventions = config.conventions
    gpus = config.engine == "local"  # else they are the workers'
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


def run_image_experiment(
    command: Literal["consistency", "invert"], config: ImagesConfig, output: Output
) -> list[str]:
    """Run an experiment on image files; returns a sentence for each that is no image."""
    with open_session(config, output) as ready:
        from ganinv_cli.experiments.images import invert_images

        labels = ready.engine.generator.labels
        if config.trials == type(config).trials < labels:  # nobody asked for another number
            config = replace(config, trials=labels)
            if not output.quiet:
                click.echo(f"{labels} labels, and so {labels} starts for each image", err=True)
        return invert_images(
            command,
            config,
            ready.engine,
            output.out,
            output.folder,
            output.overwrite,
            ready.show,
        )
