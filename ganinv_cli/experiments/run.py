"""What every experiment does with its task: run it, commit, show."""

from collections.abc import Callable
from contextlib import closing

import numpy as np

from ganinv_cli import preconditioner
from ganinv_cli.engine.engine import Engine
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.commit import saved
from ganinv_cli.experiments.pending import Jobs
from ganinv_cli.experiments.progress import Count, Progress
from ganinv_cli.experiments.task import Settings, Task
from ganinv_cli.network.generator import Generator
from ganinv_cli.store import Run

Show = Callable[[Progress], None]


def run_task(
    task: Task[Settings],
    jobs: Jobs,
    engine: Engine,
    run: Run,
    show: Show,
    *,
    cost: float = 1.0,
    beside: Callable[[Groups], Groups] = lambda rows: {},
    committed: Callable[[], None] = lambda: None,
) -> None:
    """Run the jobs and commit as they finish; an interruption commits what has finished.

    `cost` is that of a trial, to that of one of `recover`: a first guess of how long it takes.
    `beside` gives more rows for some that are about to be committed; `committed` is called after
    every commit but the last.
    """
    if not jobs:
        return
    expected = min(cost * task.solver.expected_gradients, task.config.budget)
    word = "recovered" if task.exact else "converged"
    count = Count(jobs.total, jobs.total - len(jobs), expected, word)
    show(count.begun)  # what comes first, graphs and the metric, takes a while
    constants = _constants(task, engine.generator)
    handed = engine.run(task, jobs)
    with closing(saved(handed, run, beside, constants, committed)) as tallies:
        for tally in tallies:
            show(count.add(tally))


def _constants(task: Task[Settings], generator: Generator) -> dict[str, np.ndarray]:
    shared = np.array(preconditioner.cost(generator, task.solver.metric_points))
    found = {"shared_gradients": shared}
    if len(task.marks.curve):
        found["curve_gradients"] = task.marks.curve
        found["snapshot_gradients"] = task.marks.snapshots
    if task.mask is not None:
        found["pixels_counted"] = np.array(task.mask.sum() * generator.image_shape[2])
    return found
