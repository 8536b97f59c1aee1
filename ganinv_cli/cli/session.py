"""Steps of every experiment's command: load the config, open the engine, print the tables."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from ganinv_cli.cli import publish, startup
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.load import load
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import Engine, GeneratorSpec
    from ganinv_cli.experiments.run import ShowProgress
    from ganinv_cli.network.generator import Generator

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

    def for_shard(self, shard: str) -> "Output":
        """Return the output of one shard, which has its own file: recover-1-of-4.h5."""
        if self.is_explicit or not shard:
            return self
        part = shard.replace("/", "-of-")
        return replace(self, out=self.out.with_stem(f"{self.out.stem}-{part}"))

    def for_generator(self, name: str) -> "Output":
        """Return the output of one of several generators: invert-portraits64.h5."""
        return replace(self, out=self.out.with_stem(f"{self.out.stem}-{name}"))

    def publish(self) -> None:
        """Print the tables, and write them and the figures into the folder."""
        folder = publish.get_results_folder(self.out)
        publish.publish({self.out: folder}, self.style, self.quiet)


@dataclass(frozen=True)
class Session(Generic[Kind]):
    """A run that can start: its config, engine and output, and how to show its progress."""

    config: Kind
    engine: "Engine"
    output: Output
    show: "ShowProgress"

    def run(
        self, experiment: "Callable[[Kind, Engine, Path, bool, ShowProgress], Returned]"
    ) -> "Returned":
        """Run an experiment; return what it returns."""
        output = self.output
        return experiment(self.config, self.engine, output.out, output.overwrite, self.show)


@dataclass(frozen=True)
class PreparedRun(Generic[Kind]):
    """A run whose settings and generator have been read; TensorFlow has started."""

    config: Kind
    spec: "GeneratorSpec"
    output: Output

    @contextmanager
    def open(self) -> Iterator[Session[Kind]]:
        """Open the engine; progress is shown until the end of the block."""
        from ganinv_cli.progress import terminal as progress

        config, output = self.config, self.output
        progress_display = progress.show_trials(output.out, output.quiet)
        with startup.open_engine(config, self.spec) as engine, progress_display as show:
            if output.verbose:
                device, precision = engine.machine
                click.echo(f"on {device}, gradients {precision}", err=True)
            if isinstance(config, ImagesConfig):
                config = _ensure_start_per_label(config, engine.generator.labels, output.quiet)
            config = _measure_settings(config, engine.generator, output.quiet)
            yield Session(config, engine, output, show)


def prepare_run(
    kind: type[Kind], config: str | None, settings: Mapping[str, Any], output: Output
) -> PreparedRun[Kind]:
    """Load the settings, start TensorFlow and read the generator."""
    from ganinv_cli.progress import terminal as progress

    run_config = load(kind, find("config", config) if config else None, settings)
    if run_config.note and not output.quiet:
        click.echo(run_config.note.strip(), err=True)
    progress.interrupt_on_sigterm()
    checkpoint = startup.read_checkpoint(
        find("checkpoint", run_config.checkpoint),
        run_config.conventions,
        output.verbose,
        output.quiet,
        gpus=run_config.engine == "local",  # else the workers use them
    )
    spec = startup.make_generator_spec(checkpoint, run_config.batch_norm, run_config.label)
    return PreparedRun(run_config, spec, output.for_shard(run_config.shard))


@contextmanager
def open_session(
    kind: type[Kind], config: str | None, settings: Mapping[str, Any], output: Output
) -> Iterator[Session[Kind]]:
    """Prepare a run and open it; at the end of the block, print the tables."""
    prepared = prepare_run(kind, config, settings, output)
    with prepared.open() as session:
        yield session
    prepared.output.publish()


def report_unread_files(unread: Sequence[str]) -> None:
    """Print which files are not images; if there are any, exit with status 1."""
    for sentence in unread:
        click.echo(f"Error: {sentence}", err=True)
    if unread:
        sys.exit(1)


def _measure_settings(config: Kind, generator: "Generator", quiet: bool) -> Kind:
    """Return the config with what is measured of the generator; print that, and theory on it."""
    from ganinv_cli.experiments.measured_settings import predict_descent, resolve_settings
    from ganinv_cli.report.inspect.descent import describe_prediction

    resolved = resolve_settings(config, generator)
    if quiet:
        return resolved
    for name, value in resolved.solver_settings.items():
        asked = config.solver_settings[name]
        if value != asked:
            click.echo(f"[{config.solver}] {name} = {asked!r} is {value:g} here", err=True)
    prediction = predict_descent(resolved, generator)
    for line in describe_prediction(prediction) if prediction else ():
        click.echo(line, err=True)
    return resolved


def _ensure_start_per_label(config: Kind, labels: int, quiet: bool) -> Kind:
    """Raise the default number of starts per image to the generator's number of labels."""
    if not config.trials == type(config).trials < labels:  # the user chose it, or it is enough
        return config
    if not quiet:
        click.echo(f"{labels} labels, and so {labels} starts for each image", err=True)
    return replace(config, trials=labels)
