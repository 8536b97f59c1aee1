"""A batch of trials in the graph: one trace a shape, any number of steps a call."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.clipping import RULES
from ganinv_cli.loop.trial import Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.preconditioner import find_preconditioner
from ganinv_cli.problem import Problem
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.solvers.parts.row_clipping import RowClipping, stack_actions
from ganinv_cli.solvers.solver import Solver, select_rows

RUNNING, EMPTY = 0, -1  # codes of a row besides those of Outcome
PIXEL_ROUNDING = 1e-13  # squared rounding error of a pixel in float32: about three ulp, squared
DIVERGED_ABOVE = 1e3  # absolute value of a component of z


def rounding_loss(generator: Generator) -> float:
    """Return the image loss that float32 cannot tell from 0."""
    return PIXEL_ROUNDING * float(np.prod(generator.image_shape))


class BatchState(NamedTuple):
    """Every row of the batch."""

    solver_state: Any  # the solver's memory
    code: tf.Tensor  # (batch,) int32: running, empty, or the number of an Outcome
    targets: tf.Tensor  # (batch, height, width, channels)
    trials: tf.Tensor  # (batch,) int64
    starts: tf.Tensor  # (batch,) int64
    clamping: tf.Tensor  # (batch,) bool
    redrawing: tf.Tensor  # (batch,) bool
    penalty: tf.Tensor  # (batch,)
    residual: tf.Tensor  # (batch,)
    budget: tf.Tensor  # (batch,), gradients
    z_true: tf.Tensor  # (batch, latent)
    z_start: tf.Tensor  # (batch, latent)
    labels: tf.Tensor  # (batch,) int32
    error: tf.Tensor  # (batch,), the observer's: ‖z − z_true‖² / latent
    least_error: tf.Tensor  # (batch,), the least of it at any step
    beyond: tf.Tensor  # (batch,) bool: z is beyond a bound of the prior, whatever the rule


class Observation(NamedTuple):
    """The values of every row after an increment."""

    code: np.ndarray  # (batch,)
    z: np.ndarray  # (batch, latent)
    image_loss: np.ndarray  # (batch,)
    gradients: np.ndarray  # (batch,)
    bound: np.ndarray  # (batch,)
    redraws: np.ndarray  # (batch,)
    actions: np.ndarray  # (batch, ACTION_KINDS)
    error: np.ndarray  # (batch,)
    least_error: np.ndarray  # (batch,)
    beyond: np.ndarray  # (batch,) bool


class Batch:
    """Compiled functions of a BatchState, which holds all that changes."""

    def __init__(
        self,
        generator: Generator,
        solver: Solver,
        tolerance: float,
        stationary: float,
        seed: int,
        preconditioned: bool = True,
        mixed_precision: bool = False,
        mask: np.ndarray | None = None,
    ) -> None:
        self._generator, self._solver = generator, solver
        self._tolerance, self._stationary = tolerance, stationary
        self._seed, self._mixed_precision, self._mask = seed, mixed_precision, mask
        points = solver.preconditioner_points
        self._preconditioner = (
            find_preconditioner(
                generator, points, preconditioned=preconditioned, mixed_precision=mixed_precision
            )
            if points
            else None
        )
        self._compiled_steps = tf.function(self._run_steps, autograph=False)
        self._compiled_insert = tf.function(
            self._insert_rows, autograph=False, reduce_retracing=True
        )

    def make_empty(self, size: int) -> BatchState:
        """Return an empty batch; builds and runs the graph once, so that no later call pays."""
        latent, shape = self._generator.latent, self._generator.image_shape
        row = tf.zeros([size])
        batch_state = BatchState(
            solver_state=self._solver.init(tf.zeros([size, latent])),
            code=tf.fill([size], EMPTY),
            targets=tf.zeros([size, *shape]),
            trials=tf.zeros([size], tf.int64),
            starts=tf.zeros([size], tf.int64),
            clamping=tf.zeros([size], tf.bool),
            redrawing=tf.zeros([size], tf.bool),
            penalty=row,
            residual=row,
            budget=row,
            z_true=tf.zeros([size, latent]),
            z_start=tf.zeros([size, latent]),
            labels=tf.zeros([size], tf.int32),
            error=row,
            least_error=row,
            beyond=tf.zeros([size], tf.bool),
        )
        self._compiled_steps(batch_state._replace(code=tf.fill([size], RUNNING)), tf.constant(1))
        return batch_state

    def insert_starts(self, batch_state: BatchState, trials: Mapping[int, Trial]) -> BatchState:
        """Put the next start of each trial in its row, at its z or at one drawn from its stream."""
        entering = trials.values()
        rules = [RULES[trial.job.rule] for trial in entering]
        drawn = np.full(self._generator.latent, np.nan)
        z_starts = [drawn if trial.start_results else trial.first_start for trial in entering]
        budgets = [trial.limits.budget - trial.gradients for trial in entering]
        new = {
            "targets": np.stack([trial.target for trial in entering]).astype(np.float32),
            "trials": np.array([trial.job.trial for trial in entering], np.int64),
            "starts": np.array([len(trial.start_results) for trial in entering], np.int64),
            "clamping": np.array([rule.clamping for rule in rules]),
            "redrawing": np.array([rule.redrawing for rule in rules]),
            "penalty": np.array([rule.penalty for rule in rules], np.float32),
            "residual": np.array([trial.residual for trial in entering], np.float32),
            "budget": np.array(budgets, np.float32),
            "z_true": np.stack([trial.z_true for trial in entering]).astype(np.float32),
            "z_start": np.stack(z_starts).astype(np.float32),
            "labels": np.array([trial.current_label for trial in entering], np.int32),
        }
        entered: BatchState = self._compiled_insert(
            batch_state, tf.constant([[row] for row in trials]), new
        )
        return entered

    def advance(self, batch_state: BatchState, steps: int) -> tuple[BatchState, Observation]:
        """Take steps of every running row, until none runs; return what can be observed."""
        batch_state = self._compiled_steps(batch_state, tf.constant(steps))
        values = batch_state.solver_state._asdict() | batch_state._asdict()
        observed = {name: values[name].numpy() for name in Observation._fields}
        return batch_state, Observation(**observed)

    def _insert_rows(
        self, batch_state: BatchState, rows: tf.Tensor, new: dict[str, tf.Tensor]
    ) -> BatchState:
        """Return the batch with the starts `new` (n, …) in their rows (n, 1)."""
        latent = self._generator.latent
        share = uniform(self._seed, new["trials"], Purpose.start, new["starts"], latent)
        prior = self._generator.prior
        drawn = prior.quantile(share)
        given = ~tf.math.is_nan(new["z_start"])
        clamped = tf.clip_by_value(new["z_start"], prior.low, prior.high)
        start = tf.where(new["clamping"][:, None], clamped, new["z_start"])
        is_given = tf.reduce_all(given, -1)
        state = self._solver.init(tf.where(given, start, drawn), is_given)
        beyond = is_given & tf.reduce_any(clamped != new["z_start"], -1)
        never = tf.zeros_like(beyond)
        state = state._replace(actions=stack_actions(beyond, never, beyond))
        farthest = tf.fill(tf.shape(rows)[:1], float("inf"))
        entering = batch_state._replace(
            **new,
            beyond=tf.zeros(tf.shape(rows)[:1], tf.bool),
            solver_state=state,
            code=tf.fill(tf.shape(rows)[:1], RUNNING),
            error=farthest,
            least_error=farthest,
        )
        return _scatter_rows(batch_state, rows, entering)

    def _run_steps(self, batch_state: BatchState, steps: tf.Tensor) -> BatchState:
        problem = Problem(
            self._generator,
            batch_state.targets,
            batch_state.penalty,
            batch_state.residual,
            self._stationary,
            self._preconditioner,
            self._mixed_precision,
            self._mask,
            batch_state.labels,
            self._tolerance,
            rounding_loss(self._generator) if self._tolerance > 0 else 0.0,
        )
        clipping = RowClipping(
            self._generator.prior,
            self._seed,
            batch_state.trials,
            batch_state.starts,
            batch_state.clamping,
            batch_state.redrawing,
        )

        def step(
            state: Any, code: tf.Tensor, error: tf.Tensor, least: tf.Tensor
        ) -> tuple[Any, ...]:
            running = code == RUNNING
            state = select_rows(running, self._solver.step(problem, state, clipping), state)
            ended = _classify_rows(problem, state, batch_state.budget, clipping)
            code = tf.where(running, ended, code)
            away = tf.cast(state.z, tf.float32) - batch_state.z_true
            error = tf.where(running, tf.reduce_mean(away**2, -1), error)
            return state, code, error, tf.minimum(least, error)

        state, code, error, least = tf.while_loop(
            lambda _, code, *observed: tf.reduce_any(code == RUNNING),
            step,
            (
                batch_state.solver_state,
                batch_state.code,
                batch_state.error,
                batch_state.least_error,
            ),
            maximum_iterations=steps,
        )
        beyond = clipping.find_beyond(state.z)
        return batch_state._replace(
            solver_state=state, code=code, error=error, least_error=least, beyond=beyond
        )


def _classify_rows(
    problem: Problem, state: Any, budget: tf.Tensor, clipping: RowClipping
) -> tf.Tensor:
    """Return the code (batch,) of each row, the last outcome below that holds.

    A stalled row has converged if its loss is at most the residual of the right z, and none has if
    its z is outside bounds that its rule keeps. The true z is not used.
    """
    loss = tf.cast(state.image_loss, tf.float32)
    size = tf.reduce_max(tf.abs(state.z), -1)
    explained = state.stalled & (loss <= problem.residual)
    inside = ~clipping.find_outside(state.z)
    code = tf.fill(tf.shape(loss), RUNNING)
    for outcome, holds in (
        (Outcome.stalled, state.stalled),
        (Outcome.diverged, size > DIVERGED_ABOVE),
        (Outcome.budget, state.gradients >= budget),
        (Outcome.converged, inside & (explained | problem.is_solved(loss, state.bound))),
        (Outcome.non_finite, ~tf.math.is_finite(loss) | tf.math.is_nan(size)),
    ):
        code = tf.where(holds, int(outcome), code)
    return code


def gather_rows(batch_state: BatchState, rows: list[int]) -> BatchState:
    """Return a batch of some of the rows."""
    selected: BatchState = tf.nest.map_structure(lambda field: tf.gather(field, rows), batch_state)
    return selected


def concatenate_batches(*batches: BatchState) -> BatchState:
    """Return the rows of all in one batch."""
    whole: BatchState = tf.nest.map_structure(lambda *fields: tf.concat(fields, 0), *batches)
    return whole


def restore_rows(batch_state: BatchState, saved_rows: Mapping[int, BatchState]) -> BatchState:
    """Return the batch with these single rows put back, by their numbers."""
    if not saved_rows:
        return batch_state
    rows = tf.constant([[row] for row in saved_rows])
    return _scatter_rows(batch_state, rows, concatenate_batches(*saved_rows.values()))


def _scatter_rows(batch_state: BatchState, rows: tf.Tensor, new: BatchState) -> BatchState:
    changed: BatchState = tf.nest.map_structure(
        lambda field, values: tf.tensor_scatter_nd_update(field, rows, values), batch_state, new
    )
    return changed
