"""Table 1: known latent vectors, recovered under every rule from the same starts."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.config import RecoverConfig
from ganinv_cli.experiments import figure1
from ganinv_cli.experiments.progress import Count, Progress
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.experiments.saving import saved
from ganinv_cli.generator import Generator
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.solvers import metric, named
from ganinv_cli.solvers.batch import render
from ganinv_cli.solvers.loop import Limits, Pictures, solve
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.solvers.trial import Job, Marks
from ganinv_cli.store import Run, open_run


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
        constants = {
            "curve_gradients": marks.curve,
            "snapshot_gradients": marks.snapshots,
            "shared_gradients": np.array(metric.cost(generator.latent, solver.metric_points)),
        }
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
        count = Count(total, total - len(jobs), expected)
        with closing(saved(looks, run, constants, generator.prior)) as committed:
            for look in committed:
                show(count.add(look))
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
