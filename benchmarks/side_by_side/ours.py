"""ganinv's default method, run by the same loop as in `ganinv recover`."""

import time

import numpy as np

from ganinv_cli.engine.devices import describe_machine, find_devices
from ganinv_cli.experiments.plan import NO_RECORD_POINTS
from ganinv_cli.experiments.recover import prepare_known_targets
from ganinv_cli.jobs import Job, JobQueue
from ganinv_cli.loop.solve import solve
from ganinv_cli.loop.trial import Limits, Trial
from ganinv_cli.preconditioner import count_gradients, measure_preconditioner
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.solvers import make_solver
from side_by_side.task import BATCH, SEED, MethodResult, RecoveryBenchmark


def run_ganinv(task: RecoveryBenchmark, trials: int, stop: float) -> MethodResult:
    """Run stochastic clipping with restarts by image loss.

    The time includes tracing for smaller batches, and the measurement of the preconditioner, which
    another run may take from the cache. The gradients of each trial include its share of it. The
    precision is automatic: bfloat16 gradients first if they are fast, unlike other methods. A trial
    ends by its own estimated bound, not at `stop`.
    """
    solver = make_solver(RecoverConfig.solver, {})
    began = time.monotonic()
    measure_preconditioner(task.generator, solver.preconditioner_points)
    measuring = time.monotonic() - began
    began = time.monotonic()
    where = describe_machine(find_devices("auto")[:1], RecoverConfig.precision)
    looks = solve(
        task.generator,
        solver,
        JobQueue([Job(trial, rules=("stochastic",)) for trial in range(trials)]),
        prepare_known_targets(task.generator, SEED, BATCH),
        Limits(RecoverConfig.tolerance, RecoverConfig.budget, RecoverConfig.restarts),
        NO_RECORD_POINTS,
        seed=SEED,
        batch_size=BATCH,
        mixed_precision=where.precision == "mixed",
    )
    first = next(look for look in looks if look.rows)
    warm = time.monotonic() - first.seconds  # work before the first step is done once per run
    finished = [*first.finished]
    for look in looks:
        finished += look.finished
    seconds = measuring + time.monotonic() - warm
    share = count_gradients(task.generator, solver.preconditioner_points) / trials
    done: list[Trial] = sorted(finished, key=lambda trial: trial.job.trial)
    return MethodResult(
        np.stack([trial.best.z for trial in done]),
        np.array([trial.best.image_loss for trial in done]),
        np.array([trial.gradients for trial in done]) + share,
        seconds,
        warm - began,
    )
