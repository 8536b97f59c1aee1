"""A batch of trials in the graph: one trace for any number of rows and steps."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.clipping import REPLACEMENTS, RULES
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.loop.trial import Limits, LoopSettings, RecordPoints, Target, Trial
from ganinv_cli.inversion.objective.preconditioner import find_preconditioner
from ganinv_cli.inversion.objective.problem import Problem, rounding_loss
from ganinv_cli.inversion.randomness import Purpose, uniform
from ganinv_cli.inversion.solvers.parts.row_clipping import RowClipping, stack_actions
from ganinv_cli.inversion.solvers.parts.state import State, select_rows
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import MAX_COMPONENT

RUNNING, EMPTY = 0, -1  # codes of a row besides those of Outcome


class Starts(NamedTuple):
    """The start of each row."""

    targets: tf.Tensor  # (batch, height, width, channels)
    trials: tf.Tensor  # (batch,) int64
    starts: tf.Tensor  # (batch,) int64
    clamping: tf.Tensor  # (batch,) bool
    replacing: tf.Tensor  # (batch,) bool
    replacement: tf.Tensor  # (batch,) int64, its index in REPLACEMENTS
    residual: tf.Tensor  # (batch,)
    budget: tf.Tensor  # (batch,), gradients
    z_true: tf.Tensor  # (batch, latent)
    z_start: tf.Tensor  # (batch, latent), NaN if it is drawn
    labels: tf.Tensor  # (batch,) int32


class BatchState(NamedTuple):
    """Every row of the batch."""

    starts: Starts
    solver_state: State
    code: tf.Tensor  # (batch,) int32: running, empty, or the number of an Outcome
    error: tf.Tensor  # (batch,), the observer's: ‖z − z_true‖² / latent
    least_error: tf.Tensor  # (batch,), the least of it at any step


class Observation(NamedTuple):
    """The values of every row after an increment."""

    code: np.ndarray  # (batch,)
    error: np.ndarray  # (batch,)
    least_error: np.ndarray  # (batch,)
    z: np.ndarray  # (batch, latent)
    image_loss: np.ndarray  # (batch,)
    bound: np.ndarray  # (batch,)
    counts: dict[str, np.ndarray]  # (batch,) each
    actions: np.ndarray  # (batch, ACTION_KINDS)
    beyond: np.ndarray  # (batch,) bool: z is beyond a bound of the prior, whatever the rule


class Batch:
    """Compiled functions of a BatchState, which holds all that changes."""

    def __init__(self, generator: Generator, settings: LoopSettings) -> None:
        problem, tolerance = settings.problem, settings.limits.tolerance
        self._generator, self._solver, self._seed = generator, settings.solver, settings.seed
        preconditioner = None
        if points := self._solver.preconditioner_points:
            preconditioner = generator.reuse(
                find_preconditioner,
                points,
                preconditioned=problem.preconditioned,
                dtype=problem.precision.low,
            )
        self._problem = problem._replace(
            generator=generator,
            preconditioner=preconditioner,
            mask=None if problem.mask is None else problem.mask.astype(np.float32),
            tolerance=tolerance,
            rounding=rounding_loss(generator) if tolerance > 0 else 0.0,
        )
        self._compiled_steps = tf.function(self._run_steps, autograph=False)

    def make_empty(self, size: int) -> BatchState:
        """Return an empty batch; the first compiles the graph, for any size."""
        target = Target(
            np.zeros(self._generator.image_shape), z_true=np.zeros(self._generator.latent)
        )
        points = RecordPoints(np.zeros(0), np.zeros(0))
        trial = Trial(Job(0), "none", (), target, Limits(0.0, 0.0, 0), points)
        batch_state = self._begin(_stack_starts([trial] * size))
        steps = tf.constant(0)
        self._compiled_steps.get_concrete_function(_describe_rows(batch_state), steps)
        self._compiled_steps(batch_state, steps)
        return batch_state._replace(code=tf.fill([size], EMPTY))

    def insert_starts(self, batch_state: BatchState, trials: Mapping[int, Trial]) -> BatchState:
        """Put the next start of each trial in its row, at its z or at one drawn from its stream."""
        rows = tf.constant([[row] for row in trials])
        starts = _stack_starts(list(trials.values()))
        return _scatter_rows(batch_state, rows, self._begin(starts))

    def advance(self, batch_state: BatchState, steps: int) -> tuple[BatchState, Observation]:
        """Take steps of every running row, until none runs; return what can be observed."""
        batch_state = self._compiled_steps(batch_state, tf.constant(steps))
        values = batch_state.solver_state._asdict() | batch_state._asdict()
        known = {name: values[name] for name in Observation._fields if name in values}
        observed = tf.nest.map_structure(lambda value: value.numpy(), known)
        z, prior = observed["z"], self._generator.prior
        beyond = ((z < prior.low) | (z > prior.high)).any(-1)
        return batch_state, Observation(**observed, beyond=beyond)

    def _begin(self, starts: Starts) -> BatchState:
        prior, rows = self._generator.prior, tf.shape(starts.trials)
        share = uniform(
            self._seed, starts.trials, Purpose.start, starts.starts, self._generator.latent
        )
        given = ~tf.math.is_nan(starts.z_start)
        clamped = tf.clip_by_value(starts.z_start, prior.low, prior.high)
        start = tf.where(starts.clamping[:, None], clamped, starts.z_start)
        is_given = tf.reduce_all(given, -1)
        state = self._solver.start(tf.where(given, start, prior.quantile(share)), is_given)
        beyond = is_given & tf.reduce_any(clamped != starts.z_start, -1)
        actions = stack_actions(beyond, tf.zeros_like(beyond))
        return BatchState(
            starts,
            state._replace(actions=actions),
            code=tf.fill(rows, RUNNING),
            error=tf.fill(rows, float("inf")),
            least_error=tf.fill(rows, float("inf")),
        )

    def _run_steps(self, batch_state: BatchState, steps: tf.Tensor) -> BatchState:
        starts = batch_state.starts
        problem = self._problem._replace(
            targets=starts.targets,
            residual=starts.residual,
            labels=starts.labels,
        )
        clipping = RowClipping(
            self._generator.prior,
            self._seed,
            starts.trials,
            starts.starts,
            starts.clamping,
            starts.replacing,
            starts.replacement,
        )

        def step(
            state: State, code: tf.Tensor, error: tf.Tensor, least: tf.Tensor
        ) -> tuple[State, tf.Tensor, tf.Tensor, tf.Tensor]:
            running = code == RUNNING
            state = select_rows(running, self._solver.step(problem, state, clipping), state)
            ended = _classify_rows(problem, state, starts.budget, clipping)
            code = tf.where(running, ended, code)
            away = tf.cast(state.z, tf.float32) - starts.z_true
            error = tf.where(running, tf.reduce_mean(away**2, -1), error)
            return state, code, error, tf.minimum(least, error)

        ended = tf.while_loop(
            lambda _, code, *observed: tf.reduce_any(code == RUNNING),
            step,
            tuple(batch_state[1:]),
            maximum_iterations=steps,
        )
        return BatchState(starts, *ended)


def _stack_starts(trials: Sequence[Trial]) -> Starts:
    rules = [RULES[trial.rule] for trial in trials]
    targets = [trial.target for trial in trials]
    drawn = np.full(len(targets[0].z_true), np.nan)
    given = [None if trial.start_results else trial.target.first_start for trial in trials]
    budgets = [trial.limits.budget - trial.gradients for trial in trials]
    arrays = Starts(
        targets=np.stack([target.image for target in targets]).astype(np.float32),
        trials=np.array([trial.job.trial for trial in trials], np.int64),
        starts=np.array([len(trial.start_results) for trial in trials], np.int64),
        clamping=np.array([rule.clamping for rule in rules]),
        replacing=np.array([rule.replacing for rule in rules]),
        replacement=np.array(
            [REPLACEMENTS.index(rule.replacement or REPLACEMENTS[0]) for rule in rules], np.int64
        ),
        residual=np.array([target.residual for target in targets], np.float32),
        budget=np.array(budgets, np.float32),
        z_true=np.stack([target.z_true for target in targets]).astype(np.float32),
        z_start=np.stack([drawn if z is None else z for z in given]).astype(np.float32),
        labels=np.array([trial.current_label for trial in trials], np.int32),
    )
    starts: Starts = tf.nest.map_structure(tf.constant, arrays)
    return starts


def _classify_rows(
    problem: Problem, state: State, budget: tf.Tensor, clipping: RowClipping
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
        (Outcome.diverged, size > MAX_COMPONENT),
        (Outcome.budget, state.counts["gradients"] >= budget),
        (Outcome.converged, inside & (explained | problem.is_solved(loss, state.bound))),
        (Outcome.non_finite, ~tf.math.is_finite(loss) | tf.math.is_nan(size)),
    ):
        code = tf.where(holds, int(outcome), code)
    return code


def _describe_rows(batch_state: BatchState) -> BatchState:
    """Return the shapes and types of a batch of any number of rows."""
    specs: BatchState = tf.nest.map_structure(
        lambda field: tf.TensorSpec([None, *field.shape[1:]], field.dtype), batch_state
    )
    return specs


def gather_rows(batch_state: BatchState, rows: list[int]) -> BatchState:
    places = tf.constant(rows, tf.int32)  # also of no row
    selected: BatchState = tf.nest.map_structure(lambda x: tf.gather(x, places), batch_state)
    return selected


def concatenate_batches(*batches: BatchState) -> BatchState:
    whole: BatchState = tf.nest.map_structure(lambda *fields: tf.concat(fields, 0), *batches)
    return whole


def replace_rows(batch_state: BatchState, new: Mapping[int, BatchState]) -> BatchState:
    """Return the batch with these single rows in place of its own, by their numbers."""
    if not new:
        return batch_state
    rows = tf.constant([[row] for row in new])
    return _scatter_rows(batch_state, rows, concatenate_batches(*new.values()))


def _scatter_rows(batch_state: BatchState, rows: tf.Tensor, new: BatchState) -> BatchState:
    changed: BatchState = tf.nest.map_structure(
        lambda field, values: tf.tensor_scatter_nd_update(field, rows, values), batch_state, new
    )
    return changed
