"""A whole run from top to bottom, for the commands and the Python functions."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.encoder.model import Encoder, encoder_path
from ganinv_cli.engine.engine import Engine
from ganinv_cli.errors import ConfigError, UsageError
from ganinv_cli.experiments.cases import Cases, Inputs
from ganinv_cli.experiments.experiment import Experiment
from ganinv_cli.experiments.open_engine import open_engine
from ganinv_cli.experiments.other_runs import OtherRuns, compare_work
from ganinv_cli.experiments.pending_jobs import PendingJobs
from ganinv_cli.experiments.plan import Plan, UsualCost
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
from ganinv_cli.jobs import parse_shard
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.outcome import Phase
from ganinv_cli.precision import limit_precision
from ganinv_cli.progress import Reporter
from ganinv_cli.progress.interrupts import stop_on_signals
from ganinv_cli.results.store import Image, Run, open_run
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.shipped import find

COMMIT_SECONDS = 5.0
OTHER_BYTES = 150  # of a row in memory, beside z and curves

NO_INPUTS = Inputs()


class RunImages(NamedTuple):
    """The images that a command names, after its run; none if it is not on images."""

    images: Sequence[Image]  # of the shard, under the command's names, in order
    failed: Sequence[str]  # a sentence for each that could not be read or judged


def run_experiment(
    experiment: Experiment,
    config: Config,
    generator: LoadedGenerator,
    out: Path,
    reporter: Reporter,
    *,
    overwrite: bool = False,
    verbose: bool = False,
    inputs: Inputs = NO_INPUTS,
    stays: bool = True,
    later: OtherRuns = (),
    inputs_sha256: str = "",
    meanwhile: Callable[[], object] | None = None,
) -> RunImages:
    """Run the trials of a config that `out` lacks, and make one file of all at the end.

    Finished trials are committed as they come. An interruption commits them, saves the running
    batch and raises KeyboardInterrupt; the same call continues, if the file `stays`. Returns what
    was done with the images, if the experiment has any. The time left counts `later` runs, too.
    By `inputs_sha256` a later command finds it finished (`is_finished`). While trials run,
    `meanwhile` is called in a thread. Raises GaninvError.
    """
    try:
        with open_engine(config, generator, reporter) as engine:
            if verbose:
                reporter.say(f"on {engine.machine.device}, gradients {engine.machine.precision}")
            reporter.enter("measuring the generator")
            plan = _make_plan(experiment, config, engine, reporter)
            worker = Worker(plan, _load_encoder(plan, engine.generator))
            about = make_provenance(experiment, plan, engine, worker.encoder, inputs_sha256)
            with open_run(out, about, overwrite) as run:
                return _fill(run, plan, worker, engine, reporter, inputs, later, meanwhile)
    except KeyboardInterrupt:
        saved = f"what has finished is saved for {out}, and the same command goes on"
        reporter.say(f"interrupted; {saved if stays else 'nothing is kept; give out= to go on'}")
        raise


def _fill(
    run: Run,
    plan: Plan,
    worker: Worker,
    engine: Engine,
    reporter: Reporter,
    inputs: Inputs,
    later: OtherRuns,
    meanwhile: Callable[[], object] | None,
) -> RunImages:
    generator = engine.generator
    plan, cases = plan.open_cases(run, generator, inputs, reporter.say)
    _check_memory(plan, generator)
    lacking = cases.find_lacking(run)  # first: the jobs are those of images without an answer
    jobs = PendingJobs(run, plan, cases)
    for note in run.notes:
        reporter.say(note)
    if jobs.most_committed > plan.config.trials:
        reporter.say(
            f"{run.path} holds {jobs.most_committed:,} trials, more than the "
            f"{plan.config.trials:,} asked for; all are shown"
        )
    expected, budget = plan.solver.expected_gradients, plan.config.budget
    usual_costs = [
        UsualCost(min(cost.trial * expected, budget), cost.certificate) for cost in plan.usual_costs
    ]
    counter = ProgressCounter(
        jobs.total,
        jobs.missing,
        usual_costs,
        decline=_choose_decline(plan, usual_costs),
        success_word=plan.success_word,
        certificates=lacking,
        workers=plan.config.workers or engine.workers or 1,
        later=compare_work(later, generator, jobs),
    )
    certify = partial(_commit_certificates, cases, run, counter, reporter)
    if jobs.missing:
        task, constants = replace(worker, plan=plan), _make_constants(plan, generator)
        ahead = [meanwhile] if meanwhile else []
        if plan.compared and plan.config.engine == "local":
            ahead.insert(0, partial(replace(worker, plan=plan.compared).compile, generator))
        _run_jobs(jobs, task, engine, run, reporter, counter, cases, certify, constants, ahead)
    else:
        run.commit(cases.settle({}))  # the answers that damage has lost
    run.commit(cases.take_rows())
    cases.find_lacking(run)
    certify()
    if plan.compared:
        _run_compared(plan.compared, worker, engine, run, reporter)
    images = RunImages(cases.images, cases.end())
    reporter.enter("finishing the results")
    for name, rows in cases.find_uncounted(run).items():
        run.leave_out(name, rows)
    results = run.read()
    is_whole = results.complete and results.figures
    run.finish({} if is_whole else plan.make_figures(results, generator))
    return images


def _run_compared(plan: Plan, worker: Worker, engine: Engine, run: Run, reporter: Reporter) -> None:
    """Run the trials of the plan that a run is compared with, if the file lacks some."""
    cases = Cases()
    jobs = PendingJobs(run, plan, cases)
    if jobs.missing:
        costs = [UsualCost(plan.solver.expected_gradients)]
        counter = ProgressCounter(jobs.total, jobs.missing, costs)
        reporter.say(f"comparing with {plan.config.solver}, without clipping")
        task = replace(worker, plan=plan)
        _run_jobs(jobs, task, engine, run, reporter, counter, cases, lambda: None, {}, [])


def _choose_decline(plan: Plan, usual_costs: Sequence[UsualCost]) -> float:
    """Return how much less a trial needs per gradient that it has spent."""
    if usual_costs[0].trial >= plan.config.budget:
        return 1.0
    return 0.0 if plan.config.restarts else 0.5


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


def _run_jobs(
    jobs: PendingJobs,
    worker: Worker,
    engine: Engine,
    run: Run,
    reporter: Reporter,
    counter: ProgressCounter,
    cases: Cases,
    certify: Callable[[], None],
    constants: Mapping[str, np.ndarray],
    ahead: list[Callable[[], object]],
) -> None:
    """Run the jobs, commit rows every few seconds, and show the progress.

    `ahead` is called in a thread once they run; its errors do not count, as it is done again.
    Raises KeyboardInterrupt after an interruption, when what has finished is committed.
    """
    plan = worker.plan
    key = f"{run.key} {plan.config.solver}"
    saved_batches = [SavedBatch(run.saved_batch_file(n), key) for n in range(engine.workers)]
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
    uncommitted: list[Mapping[str, Mapping[str, np.ndarray]]] = []

    def commit() -> None:
        """Commit what has begun and what has finished."""
        run.commit(join_groups([cases.take_rows(), *uncommitted]), constants)
        uncommitted.clear()

    def settle(rows: Groups) -> None:
        """Take rows of trials that have ended, and leave out those that are not needed now."""
        jobs.take_ended(rows)
        if settled := cases.settle(rows):
            uncommitted.append(settled)
        counter.unanswered = cases.count_unanswered()
        for judged in cases.take_judged():
            jobs.leave_out_ended(judged.case)
            counter.add_judged(judged)

    last_commit = time.monotonic()
    with ThreadPoolExecutor(1, "ahead") as pool, stop_on_signals(reporter.say) as stop:
        task = replace(worker, saved_batches=saved_batches)
        try:
            settle({})  # what an interrupted run did not come to
            with closing(engine.run(task, jobs, stop)) as results:
                for result in results:
                    while ahead and result.phase is Phase.running:
                        pool.submit(ahead.pop(0))
                    counter.add(result)  # first: images are judged below
                    if result.rows:
                        settle({name: dict(rows) for name, rows in result.rows.items()})
                    if time.monotonic() - last_commit > COMMIT_SECONDS:
                        commit()
                        if engine.workers == 1 and not stop.is_set():
                            certify()
                        last_commit = time.monotonic()
                    counter.total, counter.missing = jobs.total, jobs.missing
                    reporter.show(counter.describe())
        finally:
            if uncommitted or stop.is_set():  # else nothing has run that is worth a file
                commit()
        if stop.is_set():
            raise KeyboardInterrupt


def _commit_certificates(
    cases: Cases, run: Run, counter: ProgressCounter, reporter: Reporter
) -> None:
    for rows in cases.iterate_certificates():
        run.commit(rows)
        counter.unanswered = cases.count_unanswered()
        for judged in cases.take_judged():
            reporter.show(counter.add_judged(judged))


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
    return _measure_plan(experiment.import_plan().make(config, generator), engine, reporter)


def _measure_plan(plan: Plan, engine: Engine, reporter: Reporter) -> Plan:
    """Return a plan with what is measured of the generator for its solver."""
    config, generator = plan.config, engine.generator
    plan.solver.check_config(config)
    solver = plan.solver.resolve(generator, plan.objective.mask)
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
    compared = _measure_plan(plan.compared, engine, reporter) if plan.compared else None
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
