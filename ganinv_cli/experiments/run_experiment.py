"""A whole run from top to bottom, for the commands and the Python functions."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ganinv_cli.encoder.model import Encoder, encoder_path
from ganinv_cli.encoder.public_encoder import PublicEncoder, find_doubt, read_encoder
from ganinv_cli.engine.engine import Engine
from ganinv_cli.errors import ConfigError, UsageError
from ganinv_cli.experiments.committer import Committer
from ganinv_cli.experiments.experiment import Experiment, Request
from ganinv_cli.experiments.image_inputs import Inputs
from ganinv_cli.experiments.image_plan import ImagesPlan
from ganinv_cli.experiments.plan import Plan, UsualCost
from ganinv_cli.experiments.progress_counter import (
    OtherRuns,
    ProgressCounter,
    compare_work,
    make_counter,
)
from ganinv_cli.experiments.provenance import make_provenance
from ganinv_cli.experiments.trial_ledger import TrialLedger, count_most_committed
from ganinv_cli.experiments.worker import Worker
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.loop.saved_batch import SavedBatch
from ganinv_cli.inversion.objective import preconditioner
from ganinv_cli.inversion.objective.jacobian import (
    POINTS,
    measure_largest_changes,
    refuse_dead_generator,
)
from ganinv_cli.jobs import parse_shard
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.outcome import Phase
from ganinv_cli.precision import limit_precision
from ganinv_cli.progress import Reporter
from ganinv_cli.progress.interrupts import stop_on_signals
from ganinv_cli.results.store import Image, Run, open_run
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.shipped import find

OTHER_BYTES = 150  # of a row in memory, beside z and curves


class RunImages(NamedTuple):
    """The images that a command names, after its run; none if it is not on images."""

    images: Sequence[Image] = ()  # of the shard, under the command's names, in order
    failed: Sequence[str] = ()  # a sentence for each that could not be read or judged


def run_experiment(
    request: Request, generator: LoadedGenerator, reporter: Reporter, later: OtherRuns = ()
) -> RunImages:
    """Run the trials of a request that its file lacks, and make one file of all at the end.

    Finished trials are committed as they come. An interruption commits them, saves the running
    batch and raises KeyboardInterrupt; the same call continues, if the file is kept. Returns what
    was done with the images, if the experiment has any. The time left counts `later` runs, too.
    Raises GaninvError.
    """
    try:
        with _open_engine(request.config, generator, reporter) as engine:
            if request.verbose:
                reporter.say(f"on {engine.machine.device}, gradients {engine.machine.precision}")
            reporter.enter("measuring the generator")
            encoder = _load_encoder(request.config, engine.generator, generator, reporter)
            has_guesses = encoder is not None
            plan = _make_plan(request.experiment, request.config, engine, reporter, has_guesses)
            worker = Worker(plan, encoder)
            about = make_provenance(request, plan, engine, worker.encoder)
            with open_run(request.file, about, request.overwrite) as run:
                return _fill(run, request, worker, engine, reporter, later)
    except KeyboardInterrupt:
        saved = f"what has finished is saved for {request.file}, and the same command goes on"
        nothing = "nothing is kept; give out= to go on"
        reporter.say(f"interrupted; {saved if request.is_kept else nothing}")
        raise


def _fill(
    run: Run,
    request: Request,
    worker: Worker,
    engine: Engine,
    reporter: Reporter,
    later: OtherRuns,
) -> RunImages:
    """List the trials, run those that are missing, certify the images, and finish the file."""
    plan, generator = worker.plan, engine.generator
    cases = judge = None
    if isinstance(plan, ImagesPlan):
        inputs = Inputs(request.images, request.figure_folder)
        plan, cases = plan.open_images(run, generator, inputs, reporter.say)
    _check_memory(plan, generator)
    ledger = TrialLedger(plan, cases.begin if cases else lambda case: True)
    ledger.read(run)
    if isinstance(plan, ImagesPlan) and cases:
        judge = plan.make_judge(run, ledger, cases, generator)
    _say_what_is_there(run, plan, reporter)
    counter = make_counter(plan, ledger, engine.workers, compare_work(later, generator, ledger))
    counter.certificates = judge.lacking if judge else 0
    constants = _make_constants(plan, generator)
    committer = Committer(run, ledger, counter, constants, cases, judge)
    ahead = [request.meanwhile] if request.meanwhile else []
    if plan.compared and plan.config.engine == "local":
        ahead.insert(0, partial(replace(worker, plan=plan.compared).compile, generator))
    _run_trials(replace(worker, plan=plan), committer, engine, reporter, ahead)
    committer.certify(reporter.show)
    if plan.compared:
        _run_compared(replace(worker, plan=plan.compared), run, engine, reporter)
    images = RunImages()
    if cases and judge:
        images = RunImages(cases.images, cases.end(judge.failures))
        judge.leave_out_uncounted(run)
    reporter.enter("finishing the results")
    results = run.read()
    is_whole = results.complete and results.figures
    run.finish({} if is_whole else plan.make_figures(results, generator))
    return images


def _run_compared(worker: Worker, run: Run, engine: Engine, reporter: Reporter) -> None:
    """Run the trials of the plan that a run is compared with, if the file lacks some."""
    plan, ledger = worker.plan, TrialLedger(worker.plan)
    ledger.read(run)
    if ledger.trials_left:
        reporter.say(f"comparing with {plan.config.solver}, without clipping")
        costs = [UsualCost(plan.solver.expected_gradients)]
        counter = ProgressCounter(ledger.total, ledger.trials_left, costs)
        _run_trials(worker, Committer(run, ledger, counter, {}), engine, reporter, [])


def _run_trials(
    worker: Worker,
    committer: Committer,
    engine: Engine,
    reporter: Reporter,
    ahead: list[Callable[[], object]],
) -> None:
    """Run the trials that are missing, commit rows every few seconds, and show the progress.

    `ahead` is called in a thread once they run; its errors do not count, as it is done again.
    Raises KeyboardInterrupt after an interruption, when what has finished is committed.
    """
    ledger = committer.ledger
    if ledger.trials_left:
        saved_batches = _resume(worker.plan, committer, engine, reporter)
        worker = replace(worker, saved_batches=saved_batches)
    with ThreadPoolExecutor(1, "ahead") as pool, stop_on_signals(reporter.say) as stop:
        try:
            committer.take({})  # what an interrupted run did not come to
            if ledger.trials_left:
                with closing(engine.run(worker, ledger, stop)) as results:
                    for result in results:
                        while ahead and result.phase is Phase.running:
                            pool.submit(ahead.pop(0))
                        committer.counter.add(result)  # first: images are judged below
                        if result.rows:
                            committer.take({name: dict(rows) for name, rows in result.rows.items()})
                        if committer.is_due and engine.workers == 1 and not stop.is_set():
                            committer.certify(reporter.show)
                        elif committer.is_due:
                            committer.commit()
                        reporter.show(committer.counter.describe())
        finally:
            if committer.has_rows or stop.is_set():  # else nothing has run that is worth a file
                committer.commit()
        if stop.is_set():
            raise KeyboardInterrupt


def _resume(
    plan: Plan, committer: Committer, engine: Engine, reporter: Reporter
) -> Sequence[SavedBatch]:
    """Return the saved batches of the engine's workers, with the trials that are to go on."""
    run, ledger = committer.run, committer.ledger
    key = f"{run.key} {plan.config.solver}"
    saved_batches = [SavedBatch(run.saved_batch_file(n), key) for n in range(engine.workers)]
    for saved_batch in saved_batches:
        if saved_batch.note:
            reporter.say(saved_batch.note)
        saved_batch.select(ledger.find_rules, plan.is_coupled)
        ledger.resume(saved_batch.jobs)  # so that a later one, of fewer workers, runs none again
    resumed = sum(len(saved_batch.jobs) for saved_batch in saved_batches)
    finished = ledger.total - ledger.trials_left
    if finished or resumed:
        running = f", and the state of {resumed:,} that ran" if resumed else ""
        reporter.say(f"resuming: {finished:,} of {ledger.total:,} trials are saved{running}")
    return saved_batches


def _say_what_is_there(run: Run, plan: Plan, reporter: Reporter) -> None:
    for note in run.notes:
        reporter.say(note)
    committed = count_most_committed(run, plan)
    if committed > plan.config.trials:
        reporter.say(
            f"{run.path} holds {committed:,} trials, more than the "
            f"{plan.config.trials:,} asked for; all are shown"
        )


def _check_memory(plan: Plan, generator: Generator) -> None:
    """Raise UsageError if the rows of a run, all of which are in memory, are more than it has."""
    config, shards = plan.config, parse_shard(plan.config.shard).total
    curve, snapshots = map(len, plan.record_points)
    row = OTHER_BYTES + 4 * generator.latent * (4 + snapshots) + 8 * curve
    needed = 1.5 * row * len(plan.cases) * len(config.clip) * config.trials  # of the whole run
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed / shards > memory:
        least = math.ceil(needed / memory)
        raise UsageError(
            f"the results of {config.trials:,} trials need {needed / shards / 1e9:,.0f} GB of "
            f"memory, and this machine has {memory / 1e9:,.0f}; run them in at least {least:,} "
            f"shards, --shard 1/{least} and so on, and join their files with ganinv merge"
        )


@contextmanager
def _open_engine(
    config: Config, generator: LoadedGenerator, reporter: Reporter
) -> Iterator[Engine]:
    """Open the engine that a config asks for, and free its workers at the end.

    TensorFlow must have been started.
    """
    from ganinv_cli.engine.devices import Device, describe_machine, find_devices
    from ganinv_cli.engine.local import LocalEngine

    if config.engine == "ray":
        from ganinv_cli.engine.ray_cluster import open_cluster

        build = generator.make_builder(config.batch_norm)
        with Device("cpu", 0).scope(), open_cluster(config, build, reporter.say) as cluster:
            yield cluster
        return
    devices = find_devices(config.device)
    if config.batch_norm == "batch":  # all trials are one batch, on one device
        devices = devices[:1]
    with devices[0].scope():
        machine = describe_machine(devices, config.precision)
        yield LocalEngine(partial(generator.build, config.batch_norm), devices, machine)


def _make_plan(
    experiment: Experiment,
    config: Config,
    engine: Engine,
    reporter: Reporter,
    has_guesses: bool,
) -> Plan:
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
    plan = experiment.import_plan().make(config, generator)
    return _measure_plan(plan, engine, reporter, has_guesses)


def _measure_plan(plan: Plan, engine: Engine, reporter: Reporter, has_guesses: bool) -> Plan:
    """Return a plan with what is measured of the generator for its solver."""
    config, generator = plan.config, engine.generator
    plan.solver.check_config(config)
    solver = plan.solver.resolve(generator, plan.objective.mask, has_guesses=has_guesses)
    if not solver.preconditioner_points and generator.batch_norm == "frozen":
        refuse_dead_generator(measure_largest_changes(generator, POINTS))
    given = asdict(plan.solver)
    for name, value in asdict(solver).items():
        if value != given[name]:
            reporter.say(f"[{config.solver}] {name} is set to {value:g} for this generator")
    is_possible = solver.uses_low_precision and config.may_weight_loss
    if config.precision == "auto":
        is_possible = is_possible and generator.gains_by_bfloat16
    objective = plan.objective._replace(
        preconditioned=config.may_weight_loss and config.loss == "preconditioned",
        precision=limit_precision(engine.machine.precision, config.precision, is_possible),
    )
    compared = None
    if plan.compared:
        compared = _measure_plan(plan.compared, engine, reporter, has_guesses)
    return replace(plan, solver=solver, objective=objective, compared=compared)


def _check_labels(generator: Generator, config: Config) -> None:
    """Check that there is a start for each label (they are taken in turn). Raises ConfigError."""
    has_images = isinstance(config, ImagesConfig)
    starts = 1 + config.restarts + (config.trials - 1 if has_images else 0)
    if starts < generator.labels:
        option = "trials" if has_images else "restarts"
        more = "" if config.batch_norm == "batch" else f", or raise --{option}"
        raise ConfigError(
            f"{starts} {'start tries' if starts == 1 else 'starts try'} {starts} of the "
            f"generator's {generator.labels} labels: give one with --label{more}"
        )


def _load_encoder(
    config: Config, generator: Generator, loaded: LoadedGenerator, reporter: Reporter
) -> Encoder | PublicEncoder | None:
    """Return the encoder of a run, if it has one.

    Raises CheckpointError if it is missing, or was fitted to another generator.
    """
    source = loaded.encoder or loaded.conventions.encoder
    if source is not None:
        encoder = read_encoder(source, generator)
        if doubt := find_doubt(encoder, generator):
            reporter.say(doubt)
        return encoder
    if config.start == "random":
        return None
    if generator.labels:
        raise ConfigError("an encoder is fitted to one label's images: name the label with --label")
    return Encoder.load(encoder_path(find("checkpoint", config.checkpoint)), generator)


def _make_constants(plan: Plan, generator: Generator) -> Mapping[str, np.ndarray]:
    points = plan.solver.preconditioner_points
    constants = {"shared_gradients": np.array(preconditioner.count_gradients(generator, points))}
    if len(plan.record_points.curve):
        constants["curve_gradients"] = plan.record_points.curve
        constants["snapshot_gradients"] = plan.record_points.snapshots
    return constants
