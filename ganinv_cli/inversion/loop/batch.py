"""A batch of trials in the graph: one trace for any number of rows, steps and runs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.clipping import REPLACEMENTS, RULES
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.loop.trial import Limits, LoopSettings, RecordPoints, Target, Trial
from ganinv_cli.inversion.objective.local_model import (
    LocalModels,
    make_empty_models,
    measure_models,
)
from ganinv_cli.inversion.objective.preconditioner import find_preconditioner
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.randomness import Purpose, uniform
from ganinv_cli.inversion.solvers.parts.row_clipping import RowClipping, stack_actions
from ganinv_cli.inversion.solvers.parts.solver import Solver
from ganinv_cli.inversion.solvers.parts.state import State, add_counts, select_rows
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome
from ganinv_cli.precision import Precision
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
    solved_loss: tf.Tensor  # (batch,)
    attempts: tf.Tensor  # (batch,) bool
    budget: tf.Tensor  # (batch,), gradients
    z_true: tf.Tensor  # (batch, latent)
    z_start: tf.Tensor  # (batch, latent), NaN if it is drawn
    labels: tf.Tensor  # (batch,) int32


class BatchState(NamedTuple):
    """Every row of the batch."""

    starts: Starts
    local_models: LocalModels | tuple[()]  # empty: J is not measured at starts
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


class RunNumbers(NamedTuple):
    """The numbers of a run that the graph takes as inputs."""

    seed: tf.Tensor  # () uint32
    stationary: tf.Tensor  # () float64; this and the next one as in Problem
    tolerance: tf.Tensor  # () float64


class Batch:
    """The functions of a run on a BatchState, which holds all that changes."""

    def __init__(self, generator: Generator, settings: LoopSettings) -> None:
        objective = settings.objective
        self._generator, self._solver = generator, settings.solver
        self.measures_guesses = settings.has_guesses and settings.solver.measures_guesses(generator)
        self._mask = objective.mask
        self._numbers = RunNumbers(
            tf.constant(settings.seed, tf.uint32),
            tf.constant(objective.stationary, tf.float64),
            tf.constant(settings.limits.tolerance, tf.float64),
        )
        self._take_steps = generator.reuse(
            StepFunction,
            self._solver,
            objective.preconditioned,
            objective.precision,
            objective.mask,
        )

    def make_empty(self, size: int) -> BatchState:
        """Return an empty batch; the first compiles the graph, for any size and run."""
        target = Target(
            np.zeros(self._generator.image_shape), z_true=np.zeros(self._generator.latent)
        )
        points = RecordPoints(np.zeros(0), np.zeros(0))
        trial = Trial(Job(0), "none", (), target, Limits(0.0, 0.0, 0), points)
        models: LocalModels | tuple[()] = ()
        if self.measures_guesses:
            models = make_empty_models(size, self._generator.latent)
        batch_state = self._begin(_stack_starts([trial] * size), models)
        self._take_steps.compile_for(batch_state, self._numbers)
        return batch_state._replace(code=tf.fill([size], EMPTY))

    def insert_starts(self, batch_state: BatchState, trials: Mapping[int, Trial]) -> BatchState:
        """Put the next start of each trial in its row, at its z or at one drawn from its stream."""
        rows = tf.constant([[row] for row in trials])
        starts = _stack_starts(list(trials.values()))
        models: LocalModels | tuple[()] = ()
        if self.measures_guesses:
            targets, z = (each.numpy() for each in (starts.targets, starts.z_start))
            labels = starts.labels.numpy()
            models = measure_models(self._generator, z, targets, labels, self._mask)
        return _scatter_rows(batch_state, rows, self._begin(starts, models))

    def advance(self, batch_state: BatchState, steps: int) -> tuple[BatchState, Observation]:
        """Take steps of every running row, until none runs; return what can be observed."""
        batch_state = self._take_steps(batch_state, tf.constant(steps), self._numbers)
        values = batch_state.solver_state._asdict() | batch_state._asdict()
        known = {name: values[name] for name in Observation._fields if name in values}
        observed = tf.nest.map_structure(lambda value: value.numpy(), known)
        z, prior = observed["z"], self._generator.prior
        beyond = ((z < prior.low) | (z > prior.high)).any(-1)
        return batch_state, Observation(**observed, beyond=beyond)

    def _begin(self, starts: Starts, models: LocalModels | tuple[()]) -> BatchState:
        prior, rows, latent = self._generator.prior, tf.shape(starts.trials), self._generator.latent
        share = uniform(self._numbers.seed, starts.trials, Purpose.start, starts.starts, latent)
        given = ~tf.math.is_nan(starts.z_start)
        clamped = tf.clip_by_value(starts.z_start, prior.low, prior.high)
        start = tf.where(starts.clamping[:, None], clamped, starts.z_start)
        is_given = tf.reduce_all(given, -1)
        state = self._solver.start(tf.where(given, start, prior.quantile(share)), is_given)
        beyond = is_given & tf.reduce_any(clamped != starts.z_start, -1)
        actions = stack_actions(beyond, tf.zeros_like(beyond))
        spent = tf.where(is_given, self._generator.jacobian_gradients, 0.0) if models else 0.0
        return BatchState(
            starts,
            models,
            state._replace(actions=actions, counts=add_counts(state.counts, gradients=spent)),
            code=tf.fill(rows, RUNNING),
            error=tf.fill(rows, float("inf")),
            least_error=tf.fill(rows, float("inf")),
        )


class StepFunction:
    """Takes steps of a batch, compiled once for all runs with the same settings."""

    def __init__(
        self,
        generator: Generator,
        solver: Solver,
        preconditioned: bool,
        precision: Precision,
        mask: np.ndarray | None,
    ) -> None:
        preconditioner = None
        if points := solver.preconditioner_points:
            preconditioner = generator.reuse(
                find_preconditioner, points, preconditioned=preconditioned, dtype=precision.low
            )
        self._generator, self._solver = generator, solver
        self._preconditioner, self._precision = preconditioner, precision
        self._mask = None if mask is None else mask.astype(np.float32)
        self._compiled = tf.function(self._run_steps, autograph=False)

    def __call__(
        self, batch_state: BatchState, steps: tf.Tensor, numbers: RunNumbers
    ) -> BatchState:
        """Take steps of every running row, until none runs."""
        after: BatchState = self._compiled(batch_state, steps, numbers)
        return after

    def compile_for(self, batch_state: BatchState, numbers: RunNumbers) -> None:
        """Compile the graph for any number of rows; a later call does nothing."""
        steps = tf.constant(0)
        self._compiled.get_concrete_function(_describe_rows(batch_state), steps, numbers)
        self._compiled(batch_state, steps, numbers)

    def _run_steps(
        self, batch_state: BatchState, steps: tf.Tensor, numbers: RunNumbers
    ) -> BatchState:
        starts, models = batch_state.starts, batch_state.local_models
        problem = Problem(
            self._generator,
            starts.targets,
            starts.residual,
            starts.attempts,
            starts.solved_loss,
            stationary=numbers.stationary,
            tolerance=numbers.tolerance,
            preconditioner=self._preconditioner,
            local_models=models or None,
            precision=self._precision,
            mask=self._mask,
            labels=starts.labels,
        )
        clipping = RowClipping(
            self._generator.prior,
            numbers.seed,
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
            tuple(batch_state[2:]),
            maximum_iterations=steps,
        )
        return BatchState(starts, models, *ended)


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
        solved_loss=np.array([target.solved_loss for target in targets], np.float32),
        attempts=np.array([target.attempts for target in targets]),
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
    explained = state.stalled & (problem.attempts | (loss <= problem.residual))
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


def clear_rows(batch_state: BatchState, rows: list[int]) -> BatchState:
    """Return the batch with these rows empty: they are computed, but do not change."""
    if not rows:
        return batch_state
    places = tf.constant([[row] for row in rows])
    code = tf.tensor_scatter_nd_update(batch_state.code, places, tf.fill([len(rows)], EMPTY))
    return batch_state._replace(code=code)


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
