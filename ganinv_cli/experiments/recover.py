"""Table 1: known latent vectors, recovered under every rule from the same starts."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.config import RecoverConfig
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments import figure1
from ganinv_cli.experiments.progress import Count, Progress
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.experiments.saving import saved
from ganinv_cli.generator import Generator
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.solvers import metric, named
from ganinv_cli.solvers.loop import Limits, Pictures, solve
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.solvers.trial import Job, Marks
from ganinv_cli.store import Run, open_run, read


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
    made_by = provenance("recover", config, solver, generator.sha256, device)
    with open_run(out, made_by, overwrite) as run:
        jobs = _jobs(config, run)
        if not jobs and read(out).figures:
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

    def made(trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        numbers, first = tf.constant(trials, tf.int64), tf.zeros(len(trials), tf.int64)
        share = uniform(seed, numbers, Purpose.truth, first, generator.latent)
        z = generator.prior.quantile(share).numpy()
        return generator.render(z, batch_size), z

    return made


def _jobs(config: RecoverConfig, run: Run) -> list[Job]:
    """What is left, trial by trial; all or none of a rule where its trials are coupled."""
    finished = {rule: set(run.finished(rule).tolist()) for rule in config.clip}
    trials = range(config.trials)
    if config.batch_norm == "batch":
        left = [rule for rule in config.clip if not finished[rule].issuperset(trials)]
        return [Job(trial, rule) for rule in left for trial in trials]
    jobs = (Job(trial, rule) for trial in trials for rule in config.clip)
    return [job for job in jobs if job.trial not in finished[job.rule]]


def _marks(config: RecoverConfig, solver: Solver) -> Marks:
    """Ever farther apart, the round numbers and the snapshots among them; multiples of a look."""
    look, budget = solver.look_every, max(config.budget, solver.look_every)
    snapshots = np.array(config.snapshots or solver.snapshots, np.float64)
    if (snapshots % look).any() or (snapshots <= 0).any():
        raise ConfigError(
            f"snapshots = {config.snapshots}: multiples of {look} for {config.solver}"
        )
    rounds = [digit * 10.0**power for power in range(7) for digit in (1, 2, 5)]
    spaced = np.rint(np.geomspace(look, budget, 40) / look) * look
    points = np.unique(np.concatenate([spaced, rounds, snapshots]))
    return Marks(points[(points % look == 0) & (points <= budget)], snapshots)
