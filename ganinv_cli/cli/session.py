"""What the commands of all experiments do alike: load, run, print."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from ganinv_cli.cli import generators, publish
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.load import load

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import Engine
    from ganinv_cli.experiments.progress import Progress

Kind = TypeVar("Kind", bound=Config)


@dataclass(frozen=True)
class Output:
    """Where results go and how they are printed: the options of `options.results`."""

    out: Path
    overwrite: bool
    style: str
    verbose: bool
    quiet: bool
    named: bool = True  # whether the user gave the name `out`

    @property
    def folder(self) -> Path:
        """Of the tables and figures."""
        return publish.folder(self.out)

    def of(self, shard: str) -> "Output":
        """That of one part of a run, which has a file of its own: recover-1-of-4.h5."""
        if self.named or not shard:
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
    show: "Callable[[Progress], None]"


def settled(kind: type[Kind], config: str | None, settings: Mapping[str, Any], quiet: bool) -> Kind:
    """The settings of a run; its config's note is said."""
    from ganinv_cli.settings.shipped import find

    chosen = load(kind, find("config", config) if config else None, settings)
    if chosen.note and not quiet:
        click.echo(chosen.note.strip(), err=True)
    return chosen


def complain(unread: Sequence[str]) -> None:
    """Say which files were no images; where there are any, the exit status is 1."""
    for sentence in unread:
        click.echo(f"Error: {sentence}", err=True)
    if unread:
        sys.exit(1)


@contextmanager
def session(config: Config, output: Output) -> Iterator[Session]:
    """TensorFlow, the generator and the engine, ready; progress is shown while it lasts."""
    from ganinv_cli.cli import progress
    from ganinv_cli.cli.engine import engine as opened
    from ganinv_cli.settings.shipped import find

    progress.heed_schedulers()
    checkpoint = find("checkpoint", config.checkpoint)
    told = generators.conventions(config)
    gpus = config.engine == "local"  # else they are the workers'
    found = generators.read(checkpoint, told, output.verbose, output.quiet, gpus)
    recipe = generators.recipe(found, config.batch_norm, config.label)
    shown = progress.recovery(output.out, output.quiet)
    with opened(config, recipe) as engine, shown as show:
        if output.verbose:
            device, precision = engine.machine
            click.echo(f"on {device}, gradients {precision}", err=True)
        yield Session(engine, show)


def explained(
    command: Literal["consistency", "invert"], config: ImagesConfig, output: Output
) -> list[str]:
    """Run an experiment on image files; returns a sentence for each that is no image."""
    with session(config, output) as ready:
        from ganinv_cli.experiments.images import explain

        labels = ready.engine.generator.labels
        if config.trials == type(config).trials < labels:  # nobody asked for another number
            config = replace(config, trials=labels)
            if not output.quiet:
                click.echo(f"{labels} labels, and so {labels} starts for each image", err=True)
        return explain(
            command,
            config,
            ready.engine,
            output.out,
            output.folder,
            output.overwrite,
            ready.show,
        )
