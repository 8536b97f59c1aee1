"""Run an experiment's task: commit what finishes, and show the progress."""

import contextlib
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ganinv_cli import preconditioner
from ganinv_cli.engine.engine import Engine, WorkerResult, WorkerResults
from ganinv_cli.experiments.columns import Groups, join_groups
from ganinv_cli.experiments.first_starts import check_labels, load_encoder
from ganinv_cli.experiments.pending_jobs import JobSeries, PendingJobs
from ganinv_cli.experiments.progress import ProgressCounter, RunProgress
from ganinv_cli.experiments.provenance import make_provenance
from ganinv_cli.experiments.running_trials import RunningTrials
from ganinv_cli.experiments.task import Settings, TrialTask
from ganinv_cli.jobs import Job
from ganinv_cli.network import generator as network
from ganinv_cli.settings.sharding import parse_shard
from ganinv_cli.store import Figure, Run, open_run, read_results

COMMIT_SECONDS = 5.0
_UNUSABLE = "{} has running trials that are damaged or of another run; they start again"

ShowProgress = Callable[[RunProgress], None]


def run_known_trials(
    command: str,
    task: TrialTask[Settings],
    engine: Engine,
    out: Path,
    overwrite: bool,
    show: ShowProgress,
    make_figures: Callable[
        [Path, network.Generator, Settings], Mapping[str, Figure]
    ] = lambda *_: {},
    *,
    cases: int = 1,
    relative_cost: float = 1.0,
) -> None:
    """Run the trials that `out` lacks, commit as they finish, and make one file at the end.

    Each trial has a known z, and runs for each of `cases` and rules in turn, so that a stopped run
    has all of them. An interruption commits the finished trials and is raised again; the same call
    continues it.
    """
    generator, config, solver = engine.generator, task.config, task.solver
    check_labels(generator, config, config.restarts + 1, "restarts")
    low_precision = solver.uses_low_precision and task.has_exact_jobs
    precision = engine.machine.precision if low_precision else "float32"
    encoder = load_encoder(config, generator)
    task = replace(task, mixed=precision == "mixed", encoder=encoder)
    identity = {"encoder_sha256": encoder.sha256} if encoder else {}
    run_provenance = make_provenance(
        command, config, solver, generator, engine.machine.device, identity, precision
    )
    coupled = config.batch_norm == "batch"
    jobs = [Job(0, rule, case) for case in range(cases) for rule in config.clip]
    series = [JobSeries(job.case, job.rule, task.get_group(job)) for job in jobs]
    bundles = [[each] for each in series] if coupled else [series]
    with open_run(out, run_provenance, overwrite) as run:
        pending = PendingJobs(run, bundles, config.trials, parse_shard(config.shard), coupled)
        is_complete = not (pending or run.notes) and bool(read_results(out).figures)
        run_task(task, pending, engine, run, show, relative_cost=relative_cost)
        if run.notes:  # the figures are drawn from rows that can all be read
            run.finish()
        run.finish({} if is_complete else make_figures(out, generator, config))


def run_task(
    task: TrialTask[Settings],
    jobs: PendingJobs,
    engine: Engine,
    run: Run,
    show: ShowProgress,
    *,
    relative_cost: float = 1.0,
    on_commit: Callable[[], None] = lambda: None,
) -> None:
    """Run the jobs, commit rows as trials finish, and show the progress; return if none is left.

    An interruption commits the finished trials first. `relative_cost` is the expected number of
    gradients per trial as a multiple of that of `recover`, for the first estimate of the time.
    `on_commit` is called after every commit but the last.
    """
    expected = min(relative_cost * task.solver.expected_gradients, task.config.budget)
    success_word = "recovered" if task.exact else "converged"
    finished = jobs.total - jobs.remaining_trials
    counter = ProgressCounter(
        jobs.total,
        finished,
        expected,
        success_word,
        jobs.list_factors(task.cases_word),
        has_fixed_cost=expected == task.config.budget,
    )
    for note in run.notes:
        show(counter.initial._replace(message=note))
    if surplus := _describe_surplus(jobs, run, task.config.trials_option):
        show(counter.initial._replace(message=surplus))
    if not jobs:
        return
    if engine.is_local:
        running_trials = RunningTrials(run, jobs.trials if jobs.coupled else 0)
        for file in running_trials.damaged_files:
            show(counter.initial._replace(message=_UNUSABLE.format(file)))
        task = replace(task, running_trials=running_trials)
        jobs = replace(jobs, resumed=running_trials.jobs)
    show(counter.initial._replace(message=_describe_resumption(jobs, finished)))
    constants = _make_constants(task, engine.generator)
    results = engine.run(task, jobs)
    with contextlib.closing(_commit_results(results, run, constants, on_commit)) as committed:
        for result in committed:
            counter.enter(result.phase)
            show(counter.add(result.counts))


def _describe_surplus(jobs: PendingJobs, run: Run, option: str) -> str:
    """Return a sentence if the file has more trials than are asked for, else an empty string."""
    stored = [run.list_committed(series.group) for bundle in jobs.bundles for series in bundle]
    if not any(len(trials) and trials[-1] >= jobs.trials for trials in stored):
        return ""
    return (
        f"{run.path} holds {max(map(len, stored)):,} trials, and all of them are shown; "
        f"{option} {jobs.trials} asks for fewer"
    )


def _describe_resumption(jobs: PendingJobs, finished: int) -> str:
    """Return a sentence on what an earlier process has saved, empty if that is nothing."""
    if not (finished or jobs.resumed):
        return ""
    running = f", and the state of {len(jobs.resumed):,} that ran" if jobs.resumed else ""
    return f"resuming: {finished:,} of {jobs.total:,} trials are saved{running}"


def _make_constants(
    task: TrialTask[Settings], generator: network.Generator
) -> dict[str, np.ndarray]:
    shared_gradients = np.array(
        preconditioner.count_gradients(generator, task.solver.preconditioner_points)
    )
    constants = {"shared_gradients": shared_gradients}
    if len(task.record_points.curve):
        constants["curve_gradients"] = task.record_points.curve
        constants["snapshot_gradients"] = task.record_points.snapshots
    if task.mask is not None:
        constants["pixels_counted"] = np.array(task.mask.sum() * generator.image_shape[2])
    return constants


def _commit_results(
    results: WorkerResults,
    run: Run,
    constants: Mapping[str, np.ndarray],
    on_commit: Callable[[], None],
) -> Generator[WorkerResult, None, None]:
    """Yield each result; commit the rows every few seconds and at the end.

    An interruption of the caller is passed on to `results`, which then yields finished trials.
    `on_commit` is not called after the commit that an interruption makes.
    """
    uncommitted: list[Groups] = []
    last_commit = time.monotonic()

    def commit() -> None:
        if uncommitted:
            run.commit(join_groups(uncommitted), constants)
            uncommitted.clear()

    def add_rows(result: WorkerResult) -> None:
        if result.rows:
            uncommitted.append({name: dict(rows) for name, rows in result.rows.items()})

    try:
        for result in results:
            add_rows(result)
            if time.monotonic() - last_commit > COMMIT_SECONDS:
                commit()
                on_commit()
                last_commit = time.monotonic()
            yield result
    except (GeneratorExit, KeyboardInterrupt):
        with contextlib.suppress(KeyboardInterrupt, StopIteration):
            add_rows(results.throw(KeyboardInterrupt()))
            while True:
                add_rows(next(results))
        raise
    finally:
        results.close()
        commit()
