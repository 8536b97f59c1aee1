"""A whole run from top to bottom, for the commands and the Python functions."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from ganinv_cli.encoder.model import Encoder, encoder_path
from ganinv_cli.engine.engine import Engine
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments.experiment import Experiment
from ganinv_cli.experiments.pending_jobs import PendingJobs
from ganinv_cli.experiments.plan import ImageInputs, ImageRun, Plan
from ganinv_cli.experiments.progress_counter import ProgressCounter
from ganinv_cli.experiments.provenance import make_provenance
from ganinv_cli.experiments.trial_rows import Groups, join_groups
from ganinv_cli.experiments.worker import Worker
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.loop.saved_batch import SavedBatch
from ganinv_cli.inversion.objective import preconditioner
from ganinv_cli.inversion.objective.jacobian import (
    POINTS,
    measure_largest_changes,
    refuse_dead_generator,
)
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.precision import limit_precision
from ganinv_cli.progress import Reporter
from ganinv_cli.progress.interrupts import stop_on_signals
from ganinv_cli.results.store import Run, open_run
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.shipped import find

COMMIT_SECONDS = 5.0

NO_INPUTS = ImageInputs()


def run_experiment(
    experiment: Experiment,
    config: Config,
    generator: LoadedGenerator,
    out: Path,
    reporter: Reporter,
    *,
    overwrite: bool = False,
    verbose: bool = False,
    inputs: ImageInputs = NO_INPUTS,
    stays: bool = True,
) -> ImageRun | None:
    """Run the trials of a config that `out` lacks, and make one file of all at the end.

    Finished trials are committed as they come. An interruption commits them, saves the running
    batch and raises KeyboardInterrupt; the same call continues, if the file `stays`. Returns what
    was done with the images, if the experiment has any. Raises GaninvError.
    """
    try:
        with open_engine(config, generator, reporter) as engine:
            if verbose:
                reporter.say(f"on {engine.machine.device}, gradients {engine.machine.precision}")
            reporter.enter("measuring the generator")
            plan = _make_plan(experiment, config, engine, reporter)
            worker = Worker(plan, _load_encoder(plan, engine.generator))
            about = make_provenance(experiment, plan, engine, worker.encoder)
            with open_run(out, about, overwrite) as run:
                return _fill(run, plan, worker, engine, reporter, inputs)
    except KeyboardInterrupt:
        saved = f"what has finished is saved for {out}, and the same command goes on"
        reporter.say(f"interrupted; {saved if stays else 'nothing is kept; give out= to go on'}")
        raise


def _fill(
    run: Run, plan: Plan, worker: Worker, engine: Engine, reporter: Reporter, inputs: ImageInputs
) -> ImageRun | None:
    generator = engine.generator
    if inputs.figure_folder is None:
        inputs = replace(inputs, figure_folder=run.path.with_suffix(""))
    plan = plan.open_cases(run, generator, inputs, reporter.say)
    jobs = PendingJobs(run, plan)
    for note in run.notes:
        reporter.say(note)
    if jobs.most_committed > plan.config.trials:
        reporter.say(
            f"{run.path} holds {jobs.most_committed:,} trials, more than the "
            f"{plan.config.trials:,} asked for; all are shown"
        )
    expected = plan.relative_cost * plan.solver.expected_gradients
    counter = ProgressCounter(
        jobs.total,
        jobs.missing,
        expected,
        plan.config.budget,
        plan.success_word,
        plan.count_certificates(run),
    )
    certify = partial(_commit_certificates, plan, run, generator, counter, reporter)
    if jobs.missing:
        _run_jobs(jobs, replace(worker, plan=plan), engine, run, reporter, counter, certify)
    certify()
    reporter.enter("finishing the results")
    results = run.read()
    is_whole = results.complete and results.figures
    run.finish({} if is_whole else plan.make_figures(results, generator))
    return plan.images


def _run_jobs(
    jobs: PendingJobs,
    worker: Worker,
    engine: Engine,
    run: Run,
    reporter: Reporter,
    counter: ProgressCounter,
    certify: Callable[[Groups], None],
) -> None:
    """Run the jobs, commit rows every few seconds, and show the progress.

    Raises KeyboardInterrupt after an interruption, when what has finished is committed.
    """
    plan = worker.plan
    saved_batches = [SavedBatch(run.saved_batch_file(n), run.key) for n in range(engine.workers)]
    for saved_batch in saved_batches:
        if saved_batch.note:
            reporter.say(saved_batch.note)
        saved_batch.select(jobs.find_rules, plan.is_coupled)
        jobs.leave_out(saved_batch.jobs)  # so that a later one, of fewer workers, runs none again
    resumed = [job for saved_batch in saved_batches for job in saved_batch.jobs]
    finished = jobs.total - jobs.missing
    if finished or resumed:
        running = f", and the state of {len(resumed):,} that ran" if resumed else ""
        reporter.say(f"resuming: {finished:,} of {jobs.total:,} trials are saved{running}")
    constants = _make_constants(plan, engine.generator)
    uncommitted: list[Mapping[str, Mapping[str, np.ndarray]]] = []

    def commit() -> Groups:
        """Commit what has finished, and return it."""
        rows = join_groups(uncommitted)
        run.commit(rows, constants)
        uncommitted.clear()
        return rows

    last_commit = time.monotonic()
    with stop_on_signals(reporter.say) as stop:
        task = replace(worker, saved_batches=saved_batches)
        try:
            with closing(engine.run(task, jobs, stop)) as results:
                for result in results:
                    uncommitted += [result.rows] if result.rows else []
                    if time.monotonic() - last_commit > COMMIT_SECONDS:
                        rows = commit()
                        if engine.workers == 1 and not stop.is_set():
                            certify(rows)
                        last_commit = time.monotonic()
                    reporter.show(counter.add(result))
        finally:
            if uncommitted or stop.is_set():  # else nothing has run that is worth a file
                commit()
        if stop.is_set():
            raise KeyboardInterrupt


def _commit_certificates(
    plan: Plan,
    run: Run,
    generator: Generator,
    counter: ProgressCounter,
    reporter: Reporter,
    groups: Collection[str] | None = None,
) -> None:
    start = time.monotonic()
    for rows in plan.iterate_certificates(run, generator, groups):
        run.commit(rows)
        reporter.show(counter.add_certificate(time.monotonic() - start))
        start = time.monotonic()


@contextmanager
def open_engine(config: Config, generator: LoadedGenerator, reporter: Reporter) -> Iterator[Engine]:
    """Open the engine that a config asks for, and free its workers at the end.

    TensorFlow must have been started. Raises ConfigError if the generator lacks the precision.
    """
    from ganinv_cli.engine.devices import Device, describe_machine, find_devices
    from ganinv_cli.engine.local import LocalEngine

    config = generator.limit_precision(config)
    build = generator.make_builder(config.batch_norm)
    if config.engine == "ray":
        from ganinv_cli.engine.ray_cluster import open_cluster

        with Device("cpu", 0).scope(), open_cluster(config, build, reporter.say) as cluster:
            yield cluster
        return
    devices = find_devices(config.device)
    if config.batch_norm == "batch":  # all trials are one batch, on one device
        devices = devices[:1]
    with devices[0].scope():
        first = generator.build(config.batch_norm, config.device)
        yield LocalEngine(build, devices, first, describe_machine(devices, config.precision))


def _make_plan(experiment: Experiment, config: Config, engine: Engine, reporter: Reporter) -> Plan:
    """Return the plan of a config, with what is measured of the generator; show that.

    All workers get these numbers, and they are stored in the results file. Raises CheckpointError
    if the images do not depend on z; with a preconditioner, it is measured later and says so.
    """
    generator = engine.generator
    if isinstance(config, ImagesConfig) and not config.trials:
        trials, labels = config.default_trials, generator.labels
        if trials < labels:
            reporter.say(f"{labels} labels, and so {labels} starts for each image")
            trials = labels
        is_coupled = config.batch_norm == "batch"
        config = replace(
            config, trials=trials, batch_size=trials if is_coupled else config.batch_size
        )
    _check_labels(generator, config)
    plan = experiment.find_plan()(config, generator)
    plan.solver.check_config(config)
    solver = plan.solver.resolve(generator, plan.problem.mask)
    if not solver.preconditioner_points and generator.batch_norm == "frozen":
        refuse_dead_generator(measure_largest_changes(generator, POINTS))
    given = asdict(plan.solver)
    for name, value in asdict(solver).items():
        if value != given[name]:
            reporter.say(f"[{config.solver}] {name} is set to {value:g} for this generator")
    is_possible = solver.uses_low_precision and config.has_exact_images
    problem = plan.problem._replace(
        preconditioned=config.has_exact_images and config.loss == "preconditioned",
        precision=limit_precision(engine.machine.precision, config.precision, is_possible),
    )
    return replace(plan, solver=solver, problem=problem)


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


def _load_encoder(plan: Plan, generator: Generator) -> Encoder | None:
    """Return the encoder of a plan, if it has one.

    Raises CheckpointError if it is missing, or was fitted to another generator.
    """
    if plan.config.start == "random":
        return None
    if generator.labels:
        raise ConfigError("an encoder is fitted to one label's images: name the label with --label")
    return Encoder.load(encoder_path(find("checkpoint", plan.config.checkpoint)), generator)


def _make_constants(plan: Plan, generator: Generator) -> Mapping[str, np.ndarray]:
    points = plan.solver.preconditioner_points
    constants = {"shared_gradients": np.array(preconditioner.count_gradients(generator, points))}
    if len(plan.record_points.curve):
        constants["curve_gradients"] = plan.record_points.curve
        constants["snapshot_gradients"] = plan.record_points.snapshots
    return constants
