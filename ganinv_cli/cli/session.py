"""Steps of every experiment's command: load the settings, run, print the tables."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from ganinv_cli.cli import publish
from ganinv_cli.settings.config import Config, ImagesConfig

if TYPE_CHECKING:
    from ganinv_cli.api.generator import LoadedGenerator
    from ganinv_cli.api.session import Session
    from ganinv_cli.store import NamedImage

Kind = TypeVar("Kind", bound=Config)
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Output:
    """The results file and how to print it: the options of `results_options`."""

    out: Path
    overwrite: bool
    style: str
    verbose: bool
    quiet: bool
    is_explicit: bool = True  # whether the user gave the name `out`
    open_page: bool = False  # whether the page is shown in the browser at the end

    def for_shard(self, shard: str) -> "Output":
        """Return the output of one shard, which has its own file: recover-1-of-4.h5."""
        if self.is_explicit or not shard:
            return self
        part = shard.replace("/", "-of-")
        return replace(self, out=self.out.with_stem(f"{self.out.stem}-{part}"))

    def for_generator(self, name: str) -> "Output":
        """Return the output of one of several generators: invert-portraits64.h5."""
        return replace(self, out=self.out.with_stem(f"{self.out.stem}-{name}"))

    def publish(self, images: "Sequence[NamedImage] | None" = None) -> None:
        """Print the tables, and write them and the figures into the folder.

        `images` are the images to show, in order; None: all.
        """
        folder = publish.get_results_folder(self.out)
        shown = publish.ALL_IMAGES if images is None else {self.out: images}
        publish.publish(
            {self.out: folder}, self.style, self.quiet, brief=not self.verbose, images=shown
        )
        if self.open_page:
            publish.open_page(folder)


@dataclass(frozen=True)
class Run(Generic[Kind]):
    """A run whose settings were read."""

    config: Kind
    output: Output

    def read_generator(self) -> "LoadedGenerator":
        """Return the generator, to be passed to `execute`, which otherwise reads it."""
        from ganinv_cli.api.session import load_run_generator
        from ganinv_cli.progress.reporters import show_on_terminal

        with show_on_terminal(self.output.quiet) as reporter:
            return load_run_generator(self.config, reporter, verbose=self.output.verbose)

    def execute(
        self,
        experiment: "Callable[[Session[Kind]], Returned]",
        generator: "LoadedGenerator | None" = None,
    ) -> Returned:
        """Run an experiment; return what it returns."""
        from ganinv_cli.api.session import load_run_generator, open_session
        from ganinv_cli.progress.reporters import show_on_terminal

        config, output, verbose = self.config, self.output, self.output.verbose
        with show_on_terminal(output.quiet) as reporter:
            loaded = generator or load_run_generator(config, reporter, verbose=verbose)
            with open_session(
                *(config, loaded, output.out, reporter),
                overwrite=output.overwrite,
                verbose=verbose,
            ) as session:
                return experiment(session)


def prepare_run(
    kind: type[Kind], config: str | None, settings: Mapping[str, Any], output: Output
) -> Run[Kind]:
    """Load the settings, and print the config's note."""
    from ganinv_cli.api.session import load_config

    run_config = load_config(kind, config, settings)
    if isinstance(run_config, ImagesConfig):
        from ganinv_cli.experiments.image_files import list_named_images

        list_named_images(run_config.image)  # refuses names before TensorFlow is loaded
    if not output.quiet:
        if run_config.note:
            click.echo(run_config.note.strip(), err=True)
        if not settings.get("checkpoint") and run_config.checkpoint != kind.checkpoint:
            click.echo(f"generator: {run_config.checkpoint}, as {config} has it", err=True)
    return Run(run_config, output.for_shard(run_config.shard))


def report_unread_files(unread: Sequence[str]) -> None:
    """Print which files are not images; if there are any, exit with status 1."""
    for sentence in unread:
        click.echo(f"Error: {sentence}", err=True)
    if unread:
        sys.exit(1)
