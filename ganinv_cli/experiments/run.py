"""A whole run from top to bottom, for the commands and the Python functions."""

import glob
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ganinv_cli import preconditioner
from ganinv_cli.encoder.model import Encoder, encoder_path
from ganinv_cli.engine.engine import Engine
from ganinv_cli.engine.loaded_generator import (
    LoadedGenerator,
    refuse_precision,
)
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments import images, noise_sweep, recover
from ganinv_cli.experiments.jobs import PendingJobs
from ganinv_cli.experiments.plan import ImageInputs, ImageRun, Plan
from ganinv_cli.experiments.progress import ProgressCounter
from ganinv_cli.experiments.provenance import make_provenance
from ganinv_cli.experiments.rows import Groups, join_groups
from ganinv_cli.experiments.worker import Worker
from ganinv_cli.files import follow_link
from ganinv_cli.jacobian import (
    POINTS,
    find_spectrum,
    measure_largest_changes,
    refuse_dead_generator,
)
from ganinv_cli.loop.snapshot import Snapshot
from ganinv_cli.network.generator import Generator
from ganinv_cli.progress import Reporter
from ganinv_cli.progress.interrupts import stop_on_signals
from ganinv_cli.settings.config import (
    Config,
    ConsistencyConfig,
    ImagesConfig,
    InvertConfig,
    NoiseSweepConfig,
    RecoverConfig,
)
from ganinv_cli.settings.shipped import find
from ganinv_cli.solvers import make_solver
from ganinv_cli.solvers.gd import GradientDescent
from ganinv_cli.statistics.descent_theory import Prediction, predict
from ganinv_cli.store import Run, open_run, read_results

COMMIT_SECONDS = 5.0

NO_INPUTS = ImageInputs()
Settings = TypeVar("Settings", bound=Config)


class Experiment(NamedTuple):
    """An experiment: its settings, and what is particular to it."""

    config: type[Config]
    make_plan: Callable[[Any, Generator], Plan]  # from settings and generator


EXPERIMENTS = {
    "recover": Experiment(RecoverConfig, recover.make_plan),
    "noise-sweep": Experiment(NoiseSweepConfig, noise_sweep.make_plan),
    "consistency": Experiment(ConsistencyConfig, images.make_plan),
    "invert": Experiment(InvertConfig, images.make_plan),
}
_COMMANDS = {experiment.config: command for command, experiment in EXPERIMENTS.items()}


def run_experiment(
    config: Config,
    generator: LoadedGenerator,
    out: Path,
    reporter: Reporter,
    *,
    overwrite: bool = False,
    verbose: bool = False,
    inputs: ImageInputs = NO_INPUTS,
) -> ImageRun | None:
    """Run the trials of a config that `out` lacks, and make one file of all at the end.

    Finished trials are committed as they come. An interruption commits them, saves the running
    batch and raises KeyboardInterrupt; the same call continues. Returns what was done with the
    images, if the experiment has any. Raises GaninvError.
    """
    try:
        with open_engine(config, generator, reporter) as engine:
            if verbose:
                reporter.say(f"on {engine.machine.device}, gradients {engine.machine.precision}")
            reporter.enter("measuring the generator")
            config = _measure_settings(config, engine.generator, reporter)
            command = _COMMANDS[type(config)]
            plan = EXPERIMENTS[command].make_plan(config, engine.generator)
            worker = _make_worker(plan, engine)
            encoder = {"encoder_sha256": worker.encoder.sha256} if worker.encoder else {}
            about = make_provenance(
                command,
                config,
                plan.solver,
                engine.generator,
                engine.machine.device,
                {**plan.identity, **encoder},
                "mixed" if worker.mixed_precision else "float32",
            )
            with open_run(out, about, overwrite) as run:
                return _fill(run, plan, worker, engine, reporter, inputs)
    except KeyboardInterrupt:
        reporter.say(_describe_interruption(out))
        raise


def _fill(
    run: Run, plan: Plan, worker: Worker, engine: Engine, reporter: Reporter, inputs: ImageInputs
) -> ImageRun | None:
    """Run what an open results file lacks, and finish it."""
    generator = engine.generator
    if inputs.figure_folder is None:
        inputs = replace(inputs, figure_folder=run.path.with_suffix(""))
    plan = plan.open_cases(run, generator, inputs, reporter.say)
    jobs = PendingJobs(run, plan)
    for note in run.notes:
        reporter.say(note)
    if surplus := _describe_surplus(run, plan):
        reporter.say(surplus)
    if jobs.missing:
        _run_jobs(jobs, replace(worker, plan=plan), engine, run, reporter)
    reporter.enter("finishing the results")
    _commit_summaries(plan, run, generator)
    results = read_results(run.path)
    if not (results.complete and results.figures):
        run.finish(plan.make_figures(results, generator))
    return plan.images


def _run_jobs(
    jobs: PendingJobs, worker: Worker, engine: Engine, run: Run, reporter: Reporter
) -> None:
    """Run the jobs, commit rows every few seconds, and show the progress.

    Raises KeyboardInterrupt after an interruption, when what has finished is committed.
    """
    plan, config = worker.plan, worker.plan.config
    snapshots = [Snapshot(run.snapshot_file(n), run.key) for n in range(engine.workers)]
    for snapshot in snapshots:
        snapshot.select(jobs.find_rules)
    resumed = [job for snapshot in snapshots for job in snapshot.jobs]
    jobs.leave_out(resumed)
    finished = jobs.total - jobs.missing
    if finished or resumed:
        running = f", and the state of {len(resumed):,} that ran" if resumed else ""
        reporter.say(f"resuming: {finished:,} of {jobs.total:,} trials are saved{running}")
    expected = min(plan.relative_cost * plan.solver.expected_gradients, config.budget)
    counter = ProgressCounter(
        jobs.total,
        finished,
        expected,
        plan.success_word,
        has_fixed_cost=expected == config.budget,
    )
    constants = _make_constants(plan, engine.generator)
    uncommitted: list[Groups] = []

    def commit() -> Groups:
        """Commit what has finished, and return it."""
        rows = join_groups(uncommitted)
        if rows:
            run.commit(rows, constants)
            uncommitted.clear()
        return rows

    last_commit = time.monotonic()
    with stop_on_signals(reporter.say) as stop:
        task = replace(worker, snapshots=snapshots)
        results = engine.run(task, jobs, stop)
        try:
            with closing(results):
                for result in results:
                    if result.rows:
                        uncommitted.append({name: dict(r) for name, r in result.rows.items()})
                    if time.monotonic() - last_commit > COMMIT_SECONDS:
                        rows = commit()
                        if engine.workers == 1 and not stop.is_set():
                            _commit_summaries(plan, run, engine.generator, rows)
                        last_commit = time.monotonic()
                    reporter.show(counter.add(result))
        finally:
            commit()
        if stop.is_set():
            raise KeyboardInterrupt


def _commit_summaries(
    plan: Plan, run: Run, generator: Generator, groups: Collection[str] | None = None
) -> None:
    """Commit the summaries of cases that have all their trials, of these groups or of all."""
    for rows in plan.iterate_summaries(run, generator, groups):
        run.commit(rows)


@contextmanager
def open_engine(config: Config, generator: LoadedGenerator, reporter: Reporter) -> Iterator[Engine]:
    """Open the engine that a config asks for, and free its workers at the end.

    TensorFlow must have been started. Raises ConfigError if the generator lacks the precision.
    """
    from ganinv_cli.engine import devices
    from ganinv_cli.engine.local import MultiDevice, SingleDevice

    if not generator.checkpoint.has_layers:
        polish = getattr(config, "polish", "none")
        refuse_precision(generator.checkpoint, "precision", config.precision, ("auto", "float32"))
        refuse_precision(generator.checkpoint, "polish", polish, ("none",))
        config = replace(config, precision="float32")
    spec = generator.make_spec(config.batch_norm)
    if config.engine == "ray":
        from ganinv_cli.engine.ray_cluster import open_cluster

        with (
            devices.Device("cpu", 0).scope(),
            open_cluster(config, spec, reporter.say) as cluster,
        ):
            yield cluster
        return
    used_devices = devices.find_devices(config.device)
    if config.batch_norm == "batch":  # all trials are one batch, on one device
        used_devices = used_devices[:1]
    machine = devices.describe_machine(used_devices, config.precision)
    with used_devices[0].scope():
        if len(used_devices) > 1:
            yield MultiDevice(spec, used_devices, machine)
        else:
            yield SingleDevice(generator.build(config.batch_norm, config.device), machine)


def resolve_settings(config: Settings, generator: Generator) -> Settings:
    """Return the config with measured numbers for the solver's settings that need measuring.

    All workers get these numbers, and they are stored in the results file. Raises CheckpointError
    if the images do not depend on z; with a preconditioner, it is measured later and says so.
    """
    solver = make_solver(config.solver, config.solver_settings)
    mask = images.read_mask(config, generator) if isinstance(config, ImagesConfig) else None
    resolved = solver.resolve(generator, mask)
    if not resolved.preconditioner_points and generator.batch_norm == "frozen":
        refuse_dead_generator(measure_largest_changes(generator, POINTS))
    measured = {
        name: value for name, value in asdict(resolved).items() if value != getattr(solver, name)
    }
    if not measured:
        return config
    settings = {**config.solver_settings, **measured}
    return replace(config, solver_tables={**config.solver_tables, config.solver: settings})


def predict_descent(config: Config, generator: Generator) -> Prediction | None:
    """Return the prediction of linear theory for a run, or None if there is none.

    There is one for gradient descent to known z, with resolved settings and frozen batch-norm
    statistics.
    """
    solver = make_solver(config.solver, config.solver_settings)
    is_known = isinstance(config, RecoverConfig) and generator.batch_norm == "frozen"
    if not (is_known and isinstance(solver, GradientDescent)):
        return None
    spectrum = find_spectrum(generator)
    if not spectrum.is_usable:
        return None
    return predict(*spectrum, solver.make_schedule(config.budget, generator.count_values()))


def _measure_settings(config: Settings, generator: Generator, reporter: Reporter) -> Settings:
    """Return the config with what is measured of the generator; show that, and theory on it."""
    from ganinv_cli.report.inspect.descent import describe_prediction

    if isinstance(config, ImagesConfig) and config.trials == type(config).trials < generator.labels:
        reporter.say(f"{generator.labels} labels, and so {generator.labels} starts for each image")
        config = replace(config, trials=generator.labels)
    _check_labels(generator, config)
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


def _check_labels(generator: Generator, config: Config) -> None:
    """Check that there is a start for each label (they are taken in turn). Raises ConfigError."""
    has_images = isinstance(config, ImagesConfig)
    starts = 1 + config.restarts + (config.trials - 1 if has_images else 0)
    if starts < generator.labels:
        option = "trials" if has_images else "restarts"
        more = "" if config.batch_norm == "batch" else f", or raise --{option}"
        raise ConfigError(
            f"{starts} starts try {starts} of the generator's {generator.labels} labels: give one "
            f"with --label{more}"
        )


def _make_worker(plan: Plan, engine: Engine) -> Worker:
    """Return the worker of a plan, with its precision and its encoder, if it has one.

    Raises CheckpointError if the encoder is missing, or was fitted to another generator.
    """
    mixed = engine.machine.precision == "mixed"
    mixed = mixed and plan.solver.uses_low_precision and plan.any_exact
    if plan.config.start == "random":
        return Worker(plan, mixed)
    if engine.generator.labels:
        raise ConfigError("an encoder is fitted to one label's images: name the label with --label")
    path = encoder_path(find("checkpoint", plan.config.checkpoint))
    return Worker(plan, mixed, Encoder.load(path, engine.generator))


def _make_constants(plan: Plan, generator: Generator) -> Mapping[str, np.ndarray]:
    points = plan.solver.preconditioner_points
    constants = {"shared_gradients": np.array(preconditioner.count_gradients(generator, points))}
    if len(plan.record_points.curve):
        constants["curve_gradients"] = plan.record_points.curve
        constants["snapshot_gradients"] = plan.record_points.snapshots
    if plan.mask is not None:
        constants["pixels_counted"] = np.array(plan.mask.sum() * generator.image_shape[2])
    return constants


def _describe_surplus(run: Run, plan: Plan) -> str:
    """Return a sentence if the file has more trials than are asked for, else an empty string."""
    asked = plan.config.trials
    groups = (plan.get_group(case, rule) for case in plan.cases for rule in plan.config.clip)
    stored = [run.list_committed(group) for group in groups]
    if not any(len(trials) and trials[-1] >= asked for trials in stored):
        return ""
    return (
        f"{run.path} holds {max(map(len, stored)):,} trials, and all of them are shown; "
        f"{plan.config.trials_option} {asked} asks for fewer"
    )


def _describe_interruption(out: Path) -> str:
    path = follow_link(out)
    beside = path.parent.glob(f"{glob.escape(path.name)}.*")  # the log, and snapshots
    if not (path.exists() or any(beside)):
        return "interrupted before any trial had finished; the same command starts again"
    return f"interrupted; what has finished is saved for {out}, and the same command goes on"
