"""ganinv's own default, through the one loop, as `ganinv recover` runs it."""

import time

import numpy as np

from ganinv_cli.engine.devices import devices, machine
from ganinv_cli.experiments.recover import supply
from ganinv_cli.experiments.task import UNMARKED
from ganinv_cli.jobs import Job, Shared
from ganinv_cli.loop.solve import solve
from ganinv_cli.loop.trial import Limits, Trial
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.solvers import named
from side_by_side.task import BATCH, SEED, Found, Task


def ours(task: Task, trials: int) -> Found:
    """Stochastic clipping, restarts by image loss; traces of a shrinking batch are in the time.

    Precision by itself: bfloat16 gradients first where that is fast, as no peer does.
    """
    began = time.monotonic()
    where = machine(devices("auto")[:1], RecoverConfig.precision, RecoverConfig.solver)
    looks = solve(
        task.generator,
        named(RecoverConfig.solver, {}),
        Shared([Job(trial, "stochastic") for trial in range(trials)]),
        supply(task.generator, SEED, BATCH),
        Limits(RecoverConfig.tolerance, RecoverConfig.budget, RecoverConfig.restarts),
        UNMARKED,
        seed=SEED,
        batch_size=BATCH,
        mixed=where.precision == "mixed",
    )
    first = next(looks)
    warm = time.monotonic() - first.seconds  # what comes before its steps is done once a run
    finished = [*first.finished]
    for look in looks:
        finished += look.finished
    seconds = time.monotonic() - warm
    done: list[Trial] = sorted(finished, key=lambda trial: trial.job.trial)
    return Found(
        np.stack([trial.best.z for trial in done]),
        np.array([trial.best.image_loss for trial in done]),
        np.array([trial.gradients for trial in done]),
        seconds,
        warm - began,
    )
