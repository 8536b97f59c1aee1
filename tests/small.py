"""A small generator, and short ways to run the loop on it."""

import numpy as np
import tensorflow as tf

from ganinv_cli.config import RecoverConfig
from ganinv_cli.generator import Generator
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.solvers.loop import Limits, Look, solve
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.solvers.trial import Job, Marks, Trial

MARKS = Marks(np.array([10.0, 20.0, 40.0, 80.0]), np.array([10.0, 20.0]))


def truths(generator: Generator, trials: np.ndarray, seed: int = 0) -> np.ndarray:
    """The latent vectors of some trials, as `ganinv recover` draws them."""
    zeros = tf.zeros(len(trials), tf.int64)
    numbers = tf.constant(trials, tf.int64)
    share = uniform(seed, numbers, Purpose.truth, zeros, generator.latent)
    return generator.prior.quantile(share).numpy()


def limits(**changed: float) -> Limits:
    """The defaults of `ganinv recover`, or some of them changed."""
    names = ("tolerance", "budget", "restarts")
    return Limits(**{name: getattr(RecoverConfig, name) for name in names} | changed)  # type: ignore[arg-type]


def run(
    generator: Generator,
    solver: Solver,
    jobs: list[Job],
    *,
    end: Limits | None = None,
    batch_size: int = 4,
    spoil: tuple[int, ...] = (),
    looks: list[Look] | None = None,
) -> dict[Job, Trial]:
    """Every job solved; the images of the trials in `spoil` are NaN."""

    def pictures(trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = truths(generator, trials)
        images = generator.render(z, batch_size)
        images[np.isin(trials, spoil)] = np.nan
        return images, z

    done = {}
    for look in solve(
        generator, solver, jobs, pictures, end or limits(), MARKS, seed=0, batch_size=batch_size
    ):
        done.update({trial.job: trial for trial in look.finished})
        if looks is not None:
            looks.append(look)
    return done


def error(trial: Trial) -> float:
    """‖z − z_true‖² / latent of the best start."""
    return float(np.mean((trial.best.z.astype(np.float64) - trial.z_true) ** 2))
