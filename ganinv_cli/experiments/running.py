"""What every experiment does with its jobs: solve, polish, commit, show."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from ganinv_cli.config import Config
from ganinv_cli.experiments import columns
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.progress import Count, Progress
from ganinv_cli.experiments.saving import saved
from ganinv_cli.generator import Generator
from ganinv_cli.solvers import metric
from ganinv_cli.solvers.loop import Limits, Look, Supply, solve
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.solvers.trial import Job, Marks, Polished, Trial
from ganinv_cli.store import Run

UNMARKED = Marks(np.zeros(0), np.zeros(0))

Show = Callable[[Progress], None]
Polisher = Callable[[np.ndarray, np.ndarray, str, int], Polished]  # z, target, rule, label


@dataclass(frozen=True)
class Plan:
    """What an experiment runs, and where the rows go."""

    jobs: Sequence[Job]  # what is left
    total: int  # with those that were done before
    supply: Supply
    group: Callable[[Job], str]  # of a job's row
    beside: Callable[[Sequence[Trial]], Groups]  # the rows of all other groups
    committed: Callable[[], None] = lambda: None  # called after every commit but the last
    marks: Marks = UNMARKED
    mask: np.ndarray | None = None  # (height, width, 1), which pixels count
    stationary: float = 1e-4  # where the right z leaves a residual
    cost: float = 1.0  # of a trial, to that of one of `recover`: a first guess of how long it takes
    mixed: bool = False  # whether those a right z leaves nothing of begin with bfloat16 gradients
    polisher: Polisher | None = None
    polishes: Callable[[Trial], bool] = lambda trial: True
    exact: bool = True  # a right z leaves nothing of its image, and so is known when it is found
    level: bool = True  # whether that is so for any of the jobs


def run_plan(
    plan: Plan, config: Config, generator: Generator, solver: Solver, run: Run, show: Show
) -> None:
    """Run the jobs and commit as they finish; an interruption commits what has finished."""
    if not plan.jobs:
        return
    expected = min(plan.cost * solver.expected_gradients, config.budget)
    count = Count(plan.total, plan.total - len(plan.jobs), expected, plan.exact)
    show(count.begun)  # what comes first, graphs and the metric, takes a while
    looks = solve(
        generator,
        solver,
        plan.jobs,
        plan.supply,
        Limits(config.tolerance, config.budget, config.restarts, plan.stationary),
        plan.marks,
        seed=config.seed,
        batch_size=config.batch_size,
        exact=plan.level,
        mixed=plan.mixed,
        mask=None if plan.mask is None else plan.mask.astype(np.float32),
    )
    if plan.polisher:
        looks = _polished(looks, plan.polisher, plan.polishes)
    bounded = plan.exact and solver.metric_points > 0  # else the bound is of another unit, or none

    def rows(trials: list[Trial]) -> Groups:
        return plan.beside(trials) | columns.by_group(trials, plan.group, generator.prior, bounded)

    constants = _constants(plan, generator, solver)
    with closing(saved(looks, run, rows, constants, plan.committed)) as committed:
        for look in committed:
            show(count.add(look))


def _constants(plan: Plan, generator: Generator, solver: Solver) -> dict[str, np.ndarray]:
    shared = np.array(metric.cost(generator, solver.metric_points))
    found = {"shared_gradients": shared}
    if len(plan.marks.curve):
        found["curve_gradients"] = plan.marks.curve
        found["snapshot_gradients"] = plan.marks.snapshots
    if plan.mask is not None:
        found["pixels_counted"] = np.array(plan.mask.sum() * generator.image_shape[2])
    return found


def _polished(
    looks: Iterator[Look], polisher: Polisher, polishes: Callable[[Trial], bool]
) -> Iterator[Look]:
    for look in looks:
        seconds = gradients = 0.0
        for trial in filter(polishes, look.finished):
            polished = polisher(trial.best.z, trial.target, trial.job.rule, trial.best.label)
            trial.polished = polished
            seconds, gradients = seconds + polished.seconds, gradients + polished.gradients
        yield look._replace(seconds=look.seconds + seconds, gradients=look.gradients + gradients)
