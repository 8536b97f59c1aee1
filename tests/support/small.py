"""A small generator, and short ways to run the loop on it."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ganinv_cli.jobs import Job, Shared
from ganinv_cli.loop.queue import Supply
from ganinv_cli.loop.solve import Look, solve
from ganinv_cli.loop.trial import Limits, Marks, Sought, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.preconditioner import Level
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.solvers.solver import Solver

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
    defaults = {name: getattr(RecoverConfig, name) for name in names}
    return Limits(**defaults | changed)  # type: ignore[arg-type]


def clean(generator: Generator, spoil: tuple[int, ...] = ()) -> Supply:
    """The image of each trial's own z; NaN for the trials in `spoil`."""

    def supply(jobs: Sequence[Job]) -> Sought:
        trials = np.array([job.trial for job in jobs])
        z = truths(generator, trials)
        images = generator.render(z, len(z))
        images[np.isin(trials, spoil)] = np.nan
        return Sought(images, z, np.zeros(len(z)), np.zeros(len(z)))

    return supply


def noisy(generator: Generator, variance: float, residual: float, enough: float = 0.0) -> Supply:
    """The image of each trial's own z with its own Gaussian noise."""

    def supply(jobs: Sequence[Job]) -> Sought:
        sought = clean(generator)(jobs)
        noise = [
            np.random.default_rng(job.trial).normal(size=generator.image_shape) for job in jobs
        ]
        images = (sought.images + variance**0.5 * np.stack(noise)).astype(np.float32)
        return Sought(images, sought.z_true, *(np.full(len(jobs), x) for x in (residual, enough)))

    return supply


def run(
    generator: Generator,
    solver: Solver,
    jobs: list[Job],
    *,
    end: Limits | None = None,
    batch_size: int = 4,
    supply: Supply | None = None,
    mixed: bool = False,
    mask: np.ndarray | None = None,
    looks: list[Look] | None = None,
) -> dict[Job, Trial]:
    """Every job solved, each for the image of its own z where nothing else is supplied."""
    done = {}
    for look in solve(
        generator,
        solver,
        Shared(jobs),
        supply or clean(generator),
        end or limits(),
        MARKS,
        seed=0,
        batch_size=batch_size,
        mixed=mixed,
        mask=mask,
    ):
        done.update({trial.job: trial for trial in look.finished})
        if looks is not None:
            looks.append(look)
    return done


def in_float64(level: Level) -> Level:
    """The same norms for z in float64."""
    in_float64: Level = tf.nest.map_structure(
        lambda leaf: leaf if isinstance(leaf, float) else tf.cast(leaf, tf.float64), level
    )
    return in_float64


def error(trial: Trial) -> float:
    """‖z − z_true‖² / latent of the best start."""
    return float(np.mean((trial.best.z.astype(np.float64) - trial.z_true) ** 2))
