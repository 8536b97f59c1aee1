"""Steps of every experiment: read the generator, open the engine, measure, run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ganinv_cli.api.generator import LoadedGenerator, read_generator
from ganinv_cli.api.read_checkpoint import refuse_precision
from ganinv_cli.progress import Reporter
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.load import load
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import Engine
    from ganinv_cli.experiments.run import ShowProgress
    from ganinv_cli.network.generator import Generator

Kind = TypeVar("Kind", bound=Config)
Returned = TypeVar("Returned")


def load_config(kind: type[Kind], config: str | None, settings: Mapping[str, Any]) -> Kind:
    """Return the settings: defaults, then the config file or shipped config, then `settings`.

    Raises ConfigError.
    """
    return load(kind, find("config", config) if config else None, settings)


def load_run_generator(
    config: Config, reporter: Reporter, *, verbose: bool = False
) -> LoadedGenerator:
    """Return the generator that a config names. Raises CheckpointError, ConfigError."""
    return read_generator(
        config.checkpoint,
        config.conventions,
        config.label,
        reporter,
        verbose=verbose,
        gpus=config.engine == "local",  # else the workers use them
    )


@dataclass(frozen=True)
class Session(Generic[Kind]):
    """A run that can start: its config, engine and results file."""

    config: Kind
    engine: "Engine"
    out: Path
    overwrite: bool
    reporter: Reporter

    def run(
        self, experiment: "Callable[[Kind, Engine, Path, bool, ShowProgress], Returned]"
    ) -> Returned:
        """Run an experiment; return what it returns."""
        return experiment(self.config, self.engine, self.out, self.overwrite, self.reporter.show)


@contextmanager
def open_session(
    config: Kind,
    generator: LoadedGenerator,
    out: Path,
    reporter: Reporter,
    *,
    overwrite: bool = False,
    verbose: bool = False,
) -> Iterator[Session[Kind]]:
    """Open the engine and measure the settings that a config leaves open.

    Raises ConfigError for settings that the generator cannot have.
    """
    with open_engine(config, generator, reporter) as engine:
        if verbose:
            device, precision = engine.machine
            reporter.say(f"on {device}, gradients {precision}")
        if isinstance(config, ImagesConfig):
            config = _ensure_start_per_label(config, engine.generator.labels, reporter)
        reporter.enter("measuring the generator")
        config = _measure_settings(config, engine.generator, reporter)
        yield Session(config, engine, out, overwrite, reporter)


@contextmanager
def open_engine(
    config: Config, generator: LoadedGenerator, reporter: Reporter
) -> "Iterator[Engine]":
    """Open the engine that a config asks for, and free its workers at the end.

    TensorFlow must have been started.
    """
    from ganinv_cli.engine import devices
    from ganinv_cli.engine.local import MultiDevice, SingleDevice

    config = _choose_precision(config, generator)
    spec = generator.make_spec(config.batch_norm)
    if config.engine == "ray":
        from ganinv_cli.engine.ray.cluster import open_cluster

        with (
            devices.Device("cpu", 0).scope(),
            open_cluster(config, spec, reporter.say) as workers,
        ):
            yield workers
        return
    used_devices = devices.find_devices(config.device)
    if config.batch_norm == "batch":  # all trials are one batch, on one device
        used_devices = used_devices[:1]
    machine = devices.describe_machine(used_devices, config.precision)
    with used_devices[0].scope():
        yield (
            SingleDevice(generator.build(config.batch_norm, config.device), machine)
            if len(used_devices) == 1
            else MultiDevice(spec, used_devices, machine)
        )


def _choose_precision(config: Config, generator: LoadedGenerator) -> Config:
    """Return the config with a precision that the generator has. Raises ConfigError."""
    checkpoint = generator.checkpoint
    if checkpoint.has_layers:
        return config
    refuse_precision(checkpoint, "precision", config.precision, ("auto", "float32"))
    refuse_precision(checkpoint, "polish", getattr(config, "polish", "none"), ("none",))
    return replace(config, precision="float32")


def _measure_settings(config: Kind, generator: "Generator", reporter: Reporter) -> Kind:
    """Return the config with what is measured of the generator; show that, and theory on it."""
    from ganinv_cli.experiments.measured_settings import predict_descent, resolve_settings
    from ganinv_cli.report.inspect.descent import describe_prediction
    from ganinv_cli.solvers import make_solver

    solver = make_solver(config.solver, config.solver_settings)
    resolved = resolve_settings(config, generator)
    for name, value in resolved.solver_settings.items():
        asked = getattr(solver, name)
        if value != asked:
            reporter.say(f"[{config.solver}] {name} = {asked!r} is {value:g} here")
    prediction = predict_descent(resolved, generator)
    for line in describe_prediction(prediction) if prediction else ():
        reporter.say(line)
    return resolved


def _ensure_start_per_label(config: Kind, labels: int, reporter: Reporter) -> Kind:
    """Raise the default number of starts per image to the generator's number of labels."""
    if not config.trials == type(config).trials < labels:  # the user chose it, or it is enough
        return config
    reporter.say(f"{labels} labels, and so {labels} starts for each image")
    return replace(config, trials=labels)
