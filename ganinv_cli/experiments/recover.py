"""Table 1: known latent vectors, recovered under every rule from the same starts."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.config import RecoverConfig
from ganinv_cli.experiments import columns, figure1
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.generator import Generator
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.solvers import named
from ganinv_cli.solvers.batch import render
from ganinv_cli.solvers.loop import Limits, Look, Pictures, solve
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.solvers.trial import Job, Marks, Trial
from ganinv_cli.store import Run, open_run

COMMIT_SECONDS = 5.0
EPSILON = 1e-4  # the strictest of Table 1


class Progress(NamedTuple):
    """Where a run stands; a trial counts once for each rule."""

    done: int
    total: int
    recovered: int  # of those done in this process, below 1e-4
    gradients_per_second: float  # in this process; 0 before the first look
    seconds_left: float  # NaN before there is a measurement


def recover(
    config: RecoverConfig,
    generator: Generator,
    device: str,
    out: Path,
    overwrite: bool,
    show: Callable[[Progress], None],
) -> None:
    """Run what `out` does not hold yet, commit as it goes, and make one file at the end.

    An interruption commits what has finished and goes on upwards; the same call then goes on.
    """
    solver = named(config.solver, config.solver_settings)
    marks = _marks(config, solver)
    made_by = provenance("recover", config, generator.sha256, device)
    with open_run(out, made_by, overwrite) as run:
        jobs = _jobs(config, run)
        if not jobs:
            run.finish()
            return
        constants = {"curve_gradients": marks.curve, "snapshot_gradients": marks.snapshots}
        limits = Limits(config.tolerance, config.budget, config.restarts)
        looks = solve(
            generator,
            solver,
            jobs,
            pictures(generator, config.seed, config.batch_size),
            limits,
            marks,
            seed=config.seed,
            batch_size=config.batch_size,
        )
        total = config.trials * len(config.clip)
        expected = min(solver.expected_gradients, config.budget)
        for progress in _committed(looks, run, constants, generator, total, len(jobs), expected):
            show(progress)
        run.finish(figure1.drawn(out, generator, config))


def pictures(generator: Generator, seed: int, batch_size: int) -> Pictures:
    """Trial numbers to images and the latent vectors that made them."""
    generate = tf.function(generator.__call__)

    def made(trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        numbers, first = tf.constant(trials, tf.int64), tf.zeros(len(trials), tf.int64)
        share = uniform(seed, numbers, Purpose.truth, first, generator.latent)
        z = generator.prior.quantile(share).numpy()
        return render(generate, z, batch_size), z

    return made


def _jobs(config: RecoverConfig, run: Run) -> list[Job]:
    """What is left, trial by trial, or rule by rule where a rule's trials are one batch."""
    finished = {rule: set(run.finished(rule).tolist()) for rule in config.clip}
    trials = range(config.trials)
    if config.batch_norm == "batch":
        order = [(trial, rule) for rule in config.clip for trial in trials]
    else:
        order = [(trial, rule) for trial in trials for rule in config.clip]
    return [Job(trial, rule) for trial, rule in order if trial not in finished[rule]]


def _marks(config: RecoverConfig, solver: Solver) -> Marks:
    """About forty points, ever farther apart, at multiples of a look."""
    look = solver.look_every
    points = np.geomspace(look, max(config.budget, look), 40)
    return Marks(np.unique(np.rint(points / look)) * look, np.array(config.snapshots, np.float64))


def _committed(
    looks: Iterator[Look],
    run: Run,
    constants: dict[str, np.ndarray],
    generator: Generator,
    total: int,
    left: int,
    expected: float,
) -> Iterator[Progress]:
    """Commit what finishes, at least every few seconds, and whatever ends the run."""
    waiting: list[Trial] = []
    count = _Count(total, total - left, expected)
    saved = time.monotonic()

    def commit() -> None:
        if waiting:
            run.commit(columns.by_group(waiting, generator.prior), constants)
            waiting.clear()

    try:
        for look in looks:
            waiting += look.finished
            if time.monotonic() - saved > COMMIT_SECONDS:
                commit()
                saved = time.monotonic()
            yield count.add(look)
    finally:
        commit()


class _Count:
    """What has been done and how fast, for the progress line."""

    def __init__(self, total: int, before: int, expected: float) -> None:
        self._total, self._before, self._expected = total, before, expected
        self._done, self._recovered = 0, 0
        self._finished, self._gradients, self._seconds = 0.0, 0.0, 0.0

    def add(self, look: Look) -> Progress:
        self._gradients += look.gradients
        self._seconds += look.seconds
        for trial in look.finished:
            self._done += 1
            self._finished += trial.gradients
            self._recovered += columns.z_error(trial.best.z, trial.z_true) < EPSILON
        rate = self._gradients / self._seconds
        mean = self._finished / self._done if self._done >= 50 else self._expected
        left = (self._total - self._before) * mean - self._gradients
        done = self._before + self._done
        return Progress(done, self._total, self._recovered, rate, max(left, 0.0) / rate)
