"""Small generators, their images, and short ways to run the loop on them."""

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import builders
import numpy as np
import tensorflow as tf

from ganinv_cli.clipping import REPLACEMENTS, RULES
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.layers import Activation, Dense, Reshape
from ganinv_cli.inversion.loop.saved_batch import SavedBatch
from ganinv_cli.inversion.loop.solve import solve
from ganinv_cli.inversion.loop.trial import (
    Increment,
    Limits,
    LoopSettings,
    MakeTargets,
    RecordPoints,
    Target,
    Trial,
)
from ganinv_cli.inversion.objective.ground_truth import draw_true_z
from ganinv_cli.inversion.objective.preconditioner import Preconditioner
from ganinv_cli.inversion.objective.problem import Objective
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.inversion.solvers.parts.row_clipping import RowClipping
from ganinv_cli.inversion.solvers.parts.solver import Solver
from ganinv_cli.jobs import Job, JobQueue
from ganinv_cli.prior import Prior, Uniform
from ganinv_cli.settings.config import Config

MARKS = RecordPoints(np.array([10.0, 20.0, 40.0, 80.0]), np.array([10.0, 20.0]))
LATENT, SHAPE = 6, (4, 4, 3)
PLAIN = {"metric": 0}  # of gd, as in the paper
SETTINGS = {"gd": PLAIN | {"rate": "stable"}, "lbfgs": {"memory": 10}}  # for small generators
INSIDE = (0.5, 1 - 1e-6, 1.0)  # shares of the way to a bound: inside, just inside, at it
OUTSIDE = 1.5


def make_limits(**changed: float) -> Limits:
    """The defaults of every experiment, or some of them changed."""
    names = ("tolerance", "budget", "restarts")
    defaults = {name: getattr(Config, name) for name in names}
    return Limits(**defaults | changed)  # type: ignore[arg-type]


def clean_targets(generator: Generator, spoil: tuple[int, ...] = ()) -> MakeTargets:
    """The image of each trial's own z; NaN for the trials in `spoil`."""

    def make_targets(jobs: Sequence[Job]) -> list[Target]:
        trials = np.array([job.trial for job in jobs])
        z = draw_true_z(generator, 0, trials)
        images = generator.render(z, len(z))
        images[np.isin(trials, spoil)] = np.nan
        return [Target(*each) for each in zip(images, z, strict=True)]

    return make_targets


def noisy_targets(generator: Generator, variance: float, residual: float) -> MakeTargets:
    """The image of each trial's own z with its own Gaussian noise."""

    def make_targets(jobs: Sequence[Job]) -> list[Target]:
        targets = []
        for job, clean in zip(jobs, clean_targets(generator)(jobs), strict=True):
            noise = np.random.default_rng(job.trial).normal(size=generator.image_shape)
            image = (clean.image + variance**0.5 * noise).astype(np.float32)
            targets.append(Target(image, clean.z_true, residual))
        return targets

    return make_targets


class Key(NamedTuple):
    """What identifies a trial in the results of `solve_jobs`."""

    trial: int
    case: int
    rule: str


def solve_jobs(
    generator: Generator,
    solver: Solver,
    jobs: list[Job],
    *,
    end: Limits | None = None,
    batch_size: int = 4,
    supply: MakeTargets | None = None,
    objective: Objective | None = None,
    looks: list[Increment] | None = None,
    saved_batch: SavedBatch | None = None,
    stop_after: int = 0,
    has_guesses: bool = False,
) -> dict[Key, Trial]:
    """Every trial of the jobs, solved for the image of its own z unless others are supplied.

    With `stop_after`, the run is stopped after so many increments of the batch.
    """
    done: dict[Key, Trial] = {}
    stop, seen = threading.Event(), 0
    settings = LoopSettings(
        solver,
        objective or Objective(),
        end or make_limits(),
        MARKS,
        0,
        batch_size,
        has_guesses=has_guesses,
    )
    supply = supply or clean_targets(generator)
    for look in solve(generator, settings, JobQueue(jobs, stop=stop), supply, saved_batch):
        for trial in look.finished:
            key = Key(trial.job.trial, trial.job.case, trial.rule)
            assert key not in done
            done[key] = trial
        if look.rows:
            seen += 1
            if looks is not None:
                looks.append(look)
        if stop_after and seen == stop_after:
            stop.set()
    return done


def cast_to_float64(preconditioner: Preconditioner) -> Preconditioner:
    """The same preconditioner for z in float64."""
    in_float64: Preconditioner = tf.nest.map_structure(
        lambda leaf: leaf if isinstance(leaf, float) else tf.cast(leaf, tf.float64),
        preconditioner,
    )
    return in_float64


def measure_z_error(trial: Trial) -> float:
    """‖z − z_true‖² / latent of the best start."""
    return float(np.mean((trial.best.z.astype(np.float64) - trial.target.z_true) ** 2))


def make_simple(prior: Prior) -> Generator:
    """tanh of an orthogonal map: every image has one z, inside the bounds or not."""
    pixels = int(np.prod(SHAPE))
    map_, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(pixels, LATENT)))
    dense = Dense(map_.T.astype(np.float32), np.zeros(pixels, np.float32))
    return builders.build_generator(dense, Activation("tanh"), Reshape(SHAPE), prior=prior)


def targets_at(generator: Generator, *shares: float, residual: float = 0.0) -> MakeTargets:
    """Images of z with two components at a share, by trial, of the way from 0 to a bound."""

    def make_targets(jobs: Sequence[Job]) -> list[Target]:
        z = np.stack([target.z_true for target in clean_targets(generator)(jobs)])
        share = np.array([shares[job.trial % len(shares)] for job in jobs])
        z[:, 0], z[:, 1] = share * generator.prior.low, share * generator.prior.high
        images = generator.render(z, len(z))
        return [Target(*each, residual) for each in zip(images, z, strict=True)]

    return make_targets


def is_inside(z: np.ndarray, prior: Prior) -> bool:
    return bool((np.abs(z.astype(np.float32)) <= np.float32(prior.high)).all())


def build_solver(name: str, generator: Generator) -> Solver:
    """A solver with SETTINGS for a generator."""
    return make_solver(name, SETTINGS.get(name, {})).resolve(generator)


def jobs_of(rules: Iterable[str], trials: int = 6) -> list[Job]:
    """A job of its own for each trial and rule, so that no rule follows another."""
    return [Job(trial, rules=(rule,)) for trial in range(trials) for rule in rules]


def clip_rows(
    *rules: str, prior: Prior | None = None, trials: Sequence[int] | None = None
) -> RowClipping:
    """The clipping of a batch whose rows have these rules, each its own trial by default."""
    chosen = [RULES[rule] for rule in rules]
    replacements = [rule.replacement or REPLACEMENTS[0] for rule in chosen]
    return RowClipping(
        prior or Uniform(),
        0,
        tf.constant(trials or range(len(rules)), tf.int64),
        tf.zeros(len(rules), tf.int64),
        tf.constant([rule.clamping for rule in chosen]),
        tf.constant([rule.replacing for rule in chosen]),
        tf.constant([*map(REPLACEMENTS.index, replacements)], tf.int64),
    )
