"""What every experiment does with its task: run it, commit, show."""

from collections.abc import Callable
from contextlib import closing

import numpy as np

from ganinv_cli import preconditioner
from ganinv_cli.engine.engine import Engine
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.commit import commit_results
from ganinv_cli.experiments.pending_jobs import PendingJobs
from ganinv_cli.experiments.progress import ProgressCounter, RunProgress
from ganinv_cli.experiments.task import Settings, TrialTask
from ganinv_cli.network.generator import Generator
from ganinv_cli.store import Run

ShowProgress = Callable[[RunProgress], None]


def run_task(
    task: TrialTask[Settings],
    jobs: PendingJobs,
    engine: Engine,
    run: Run,
    show: ShowProgress,
    *,
    relative_cost: float = 1.0,
    extra_rows: Callable[[Groups], Groups] = lambda rows: {},
    on_commit: Callable[[], None] = lambda: None,
) -> None:
    """Run the jobs and commit as they finish; an interruption commits what has finished.

    `cost` is that of a trial, to that of one of `recover`: a first guess of how long it takes.
    `beside` gives more rows for some that are about to be committed; `committed` is called after
    every commit but the last.
    """
    if not jobs:
        return
    expected = min(relative_cost * task.solver.expected_gradients, task.config.budget)
    success_word = "recovered" if task.exact else "converged"
    counter = ProgressCounter(jobs.total, jobs.total - len(jobs), expected, success_word)
    show(counter.initial)  # what comes first, graphs and the metric, takes a while
    constants = _make_constants(task, engine.generator)
    results = engine.run(task, jobs)
    with closing(commit_results(results, run, extra_rows, constants, on_commit)) as counts_stream:
        for counts in counts_stream:
            show(counter.add(counts))


def _make_constants(task: TrialTask[Settings], generator: Generator) -> dict[str, np.ndarray]:
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
