"""A batch of trials in the graph: one trace a shape, several steps a call."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.clipping import RULES, Clip
from ganinv_cli.network.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.preconditioner import level
from ganinv_cli.problem import Problem
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.solvers.solver import Solver, where

RUNNING, EMPTY = 0, -1  # codes of a row beside those of Outcome
ROUNDING = 1e-13  # of a pixel's squared error in float32: some three of its last places, squared
FARTHEST = 1e3  # a component of z beyond this has left all use


def rounding(generator: Generator) -> float:
    """The image loss that float32 cannot tell from 0."""
    return ROUNDING * float(np.prod(generator.image_shape))


class Entry(NamedTuple):
    """What enters a row: a trial's next start."""

    trial: int
    rule: str
    start: int  # 0 for the first, then the number of the restart
    allowed: float  # gradients that this start may spend
    target: np.ndarray  # (height, width, channels)
    residual: float  # image loss that the right z leaves at most; inf where nobody knows
    z_true: np.ndarray  # (latent,), NaN where nobody knows it
    begin: np.ndarray  # (latent,), NaN where the start is drawn
    label: int = -1  # under which z is sought; -1 where the generator asks for none


class Slots(NamedTuple):
    """Every row of the batch."""

    state: Any  # the solver's memory
    code: tf.Tensor  # (batch,) int32: running, empty, or the number of an Outcome
    targets: tf.Tensor  # (batch, height, width, channels)
    trials: tf.Tensor  # (batch,) int64
    starts: tf.Tensor  # (batch,) int64
    clamps: tf.Tensor  # (batch,) bool
    redraws: tf.Tensor  # (batch,) bool
    wall: tf.Tensor  # (batch,)
    residual: tf.Tensor  # (batch,)
    allowed: tf.Tensor  # (batch,), gradients
    z_true: tf.Tensor  # (batch, latent)
    begin: tf.Tensor  # (batch, latent)
    labels: tf.Tensor  # (batch,) int32
    error: tf.Tensor  # (batch,), the observer's: ‖z − z_true‖² / latent
    least_error: tf.Tensor  # (batch,), the least of it at any step


class Seen(NamedTuple):
    """What leaves the graph after a call."""

    code: np.ndarray  # (batch,)
    z: np.ndarray  # (batch, latent)
    image_loss: np.ndarray  # (batch,)
    gradients: np.ndarray  # (batch,)
    bound: np.ndarray  # (batch,)
    redraws: np.ndarray  # (batch,)
    error: np.ndarray  # (batch,)
    least_error: np.ndarray  # (batch,)


class Batch:
    """Compiled functions over the slots, which hold all that changes."""

    def __init__(
        self,
        generator: Generator,
        solver: Solver,
        tolerance: float,
        stationary: float,
        seed: int,
        exact: bool = True,
        mixed: bool = False,
        mask: np.ndarray | None = None,
    ) -> None:
        self._generator, self._solver = generator, solver
        self._tolerance, self._stationary = tolerance, stationary
        self._seed, self._mixed, self._mask = seed, mixed, mask
        points = solver.metric_points
        self._level = level(generator, points, weighted=exact, mixed=mixed) if points else None
        self._advance = tf.function(self._steps, autograph=False)
        self._enter = tf.function(self._entered, autograph=False, reduce_retracing=True)

    def empty(self, size: int) -> Slots:
        """A batch with nobody in it; the graph is built and run once, so no later call pays."""
        latent, shape = self._generator.latent, self._generator.image_shape
        row = tf.zeros([size])
        slots = Slots(
            state=self._solver.init(tf.zeros([size, latent])),
            code=tf.fill([size], EMPTY),
            targets=tf.zeros([size, *shape]),
            trials=tf.zeros([size], tf.int64),
            starts=tf.zeros([size], tf.int64),
            clamps=tf.zeros([size], tf.bool),
            redraws=tf.zeros([size], tf.bool),
            wall=row,
            residual=row,
            allowed=row,
            z_true=tf.zeros([size, latent]),
            begin=tf.zeros([size, latent]),
            labels=tf.zeros([size], tf.int32),
            error=row,
            least_error=row,
        )
        self._advance(slots)
        return slots

    def enter(self, slots: Slots, entries: dict[int, Entry]) -> Slots:
        """Seat each entry in its row, at its start or one drawn from its trial's stream."""
        given = entries.values()
        rules = [RULES[entry.rule] for entry in given]
        new = {
            "targets": np.stack([entry.target for entry in given]).astype(np.float32),
            "trials": np.array([entry.trial for entry in given], np.int64),
            "starts": np.array([entry.start for entry in given], np.int64),
            "clamps": np.array([rule.clamps for rule in rules]),
            "redraws": np.array([rule.redraws for rule in rules]),
            "wall": np.array([rule.wall for rule in rules], np.float32),
            "residual": np.array([entry.residual for entry in given], np.float32),
            "allowed": np.array([entry.allowed for entry in given], np.float32),
            "z_true": np.stack([entry.z_true for entry in given]).astype(np.float32),
            "begin": np.stack([entry.begin for entry in given]).astype(np.float32),
            "labels": np.array([entry.label for entry in given], np.int32),
        }
        entered: Slots = self._enter(slots, tf.constant([[row] for row in entries]), new)
        return entered

    def advance(self, slots: Slots) -> tuple[Slots, Seen]:
        """Take `look_every` steps of every running row."""
        slots = self._advance(slots)
        state = slots.state
        seen = (slots.code, state.z, state.image_loss, state.gradients, state.bound, state.redraws)
        return slots, Seen(*(x.numpy() for x in (*seen, slots.error, slots.least_error)))

    def _entered(self, slots: Slots, rows: tf.Tensor, new: dict[str, tf.Tensor]) -> Slots:
        """The entries `new` (entering, …) in their rows (entering, 1)."""
        latent = self._generator.latent
        share = uniform(self._seed, new["trials"], Purpose.start, new["starts"], latent)
        drawn = self._generator.prior.quantile(share)
        given = ~tf.math.is_nan(new["begin"])
        state = self._solver.init(tf.where(given, new["begin"], drawn), tf.reduce_all(given, -1))
        farthest = tf.fill(tf.shape(rows)[:1], float("inf"))
        entering = slots._replace(
            **new,
            state=state,
            code=tf.fill(tf.shape(rows)[:1], RUNNING),
            error=farthest,
            least_error=farthest,
        )
        return _scattered(slots, rows, entering)

    def _steps(self, slots: Slots) -> Slots:
        problem = Problem(
            self._generator,
            slots.targets,
            slots.wall,
            slots.residual,
            self._stationary,
            self._level,
            self._mixed,
            self._mask,
            slots.labels,
        )
        clip = Clip(
            self._generator.prior,
            self._seed,
            slots.trials,
            slots.starts,
            slots.clamps,
            slots.redraws,
        )

        def step(
            state: Any, code: tf.Tensor, error: tf.Tensor, least: tf.Tensor
        ) -> tuple[Any, ...]:
            running = code == RUNNING
            state = where(running, self._solver.step(problem, state, clip), state)
            code = tf.where(running, self._judged(state, slots), code)
            away = tf.cast(state.z, tf.float32) - slots.z_true
            error = tf.where(running, tf.reduce_mean(away**2, -1), error)
            return state, code, error, tf.minimum(least, error)

        state, code, error, least = tf.while_loop(
            lambda *_: True,
            step,
            (slots.state, slots.code, slots.error, slots.least_error),
            maximum_iterations=self._solver.look_every,
        )
        return slots._replace(state=state, code=code, error=error, least_error=least)

    def _judged(self, state: Any, slots: Slots) -> tf.Tensor:
        """The code of each row, the last of these that holds; never from the true z.

        A row that stopped falling has converged where that is a loss which the right z may leave,
        and has stalled where it is more.
        """
        loss = tf.cast(state.image_loss, tf.float32)
        size = tf.reduce_max(tf.abs(state.z), -1)
        floor = rounding(self._generator) if self._tolerance > 0 else 0.0
        code = tf.fill(tf.shape(loss), RUNNING)
        for outcome, holds in (
            (Outcome.stalled, state.stalled),
            (Outcome.diverged, size > FARTHEST),
            (Outcome.budget, state.gradients >= slots.allowed),
            (Outcome.converged, state.stalled & (loss <= slots.residual)),
            (Outcome.converged, (state.bound <= self._tolerance) | (loss <= floor)),
            (Outcome.non_finite, ~tf.math.is_finite(loss) | tf.math.is_nan(size)),
        ):
            code = tf.where(holds, int(outcome), code)
        return code


def kept(slots: Slots, rows: list[int]) -> Slots:
    """A batch of some of the rows."""
    kept: Slots = tf.nest.map_structure(lambda field: tf.gather(field, rows), slots)
    return kept


def joined(slots: Slots, others: Slots) -> Slots:
    """The rows of both in one batch."""
    whole: Slots = tf.nest.map_structure(lambda *fields: tf.concat(fields, 0), slots, others)
    return whole


def placed(slots: Slots, back: Mapping[int, Slots]) -> Slots:
    """Single rows put where they are named."""
    if not back:
        return slots
    own: Slots = tf.nest.map_structure(lambda *fields: tf.concat(fields, 0), *back.values())
    return _scattered(slots, tf.constant([[row] for row in back]), own)


def _scattered(slots: Slots, rows: tf.Tensor, new: Slots) -> Slots:
    changed: Slots = tf.nest.map_structure(
        lambda field, values: tf.tensor_scatter_nd_update(field, rows, values), slots, new
    )
    return changed
