"""Batched limited-memory BFGS: the default."""

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.local_model import is_measurable
from ganinv_cli.inversion.objective.preconditioner import MAX_POINTS, choose_points
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.solvers.parts import quasi_newton
from ganinv_cli.inversion.solvers.parts.quasi_newton import History, dot
from ganinv_cli.inversion.solvers.parts.row_clipping import RowClipping, stack_actions
from ganinv_cli.inversion.solvers.parts.solver import Solver
from ganinv_cli.inversion.solvers.parts.state import State, add_counts, start_state
from ganinv_cli.settings.declare import MAX_NUMBER, declare

MAX_HISTORY = 1000  # pairs of moves and gradients per trial
MAX_PATIENCE = 100_000  # losses that are kept per trial
SAME_LOSS = 0.2  # share by which the losses before and after a redraw differ, if both are a floor
LONGEST = 3.0  # of a move, in z
SHORTEST = 1e-6  # the same, below which a direction is exhausted
SUFFICIENT = 1e-4  # Armijo's share of the slope
SETTLED = 1e-2  # image loss below which less progress is enough
ATTEMPT = 150  # gradients of an attempt at most
SHARE = {"range": (0, 1), "exclusive": True}
POSITIVE = {"range": (0, MAX_NUMBER), "exclusive": True}


class _Memory(NamedTuple):
    objective: tf.Tensor  # (batch,), at the accepted z
    gradient: tf.Tensor  # (batch, latent), at the accepted z
    low_precision: tf.Tensor  # (batch,) bool: of the gradients
    attempting: tf.Tensor  # (batch,) bool: the attempt with the preconditioned loss goes on
    direction: tf.Tensor  # (batch, latent)
    length: tf.Tensor  # (batch,), of the step along it
    jumped: tf.Tensor  # (batch,) bool: the candidate is a start or a redraw, so it is accepted
    history: History
    # (batch, patience), the image loss after each gradient, the newest last
    loss_history: tf.Tensor
    clamped: tf.Tensor  # (batch,) bool: the row has no redraws left and is kept inside the bounds
    redrawn_loss: tf.Tensor  # (batch,), the image loss at the last redraw; 0 before the first


@dataclass(frozen=True)
class LBFGS(Solver):
    """z <- z + length * direction, direction = -H gradient, H from the last `memory` moves.

    H comes from the two-loop recursion, and H₀ from J at `metric` random z
    (`objective/preconditioner.py`; the run's cost includes it), or at an encoder's guess if z has
    `guess` components or more (`objective/local_model.py`). If the right z leaves no residual,
    the loss is preconditioned too. If the problem allows it, the gradients have low precision until
    the objective is below `fine`, and float32 from there. The length starts at 1 and shrinks by
    `shrink` until the loss has fallen enough (Armijo). Each step evaluates one candidate of every
    row, so a row that backtracks does not delay others. A row has stalled if `patience` gradients
    lowered the image loss by less than the share `progress` (`crawl`, once the loss is below
    SETTLED), or if no length along the gradient helps. If the right z leaves a residual,
    `progress` applies to the loss above it. Below the residual, or if it is unknown, the problem's
    share `stationary` applies instead.

    The rules: none has no effect. With standard, the direction leads to the minimum of the
    quadratic model inside the bounds (`quasi_newton.py`). With stochastic, redraws after every
    move would never converge. So the components outside are redrawn only when the row has stalled,
    at most `redraws` times per start, and only until it leads to the same loss. The history is
    kept, but the redraw adds no pair to it. If z is outside the bounds, the row has not converged,
    even if z makes the image; it is redrawn too, unless the excess is within the possible error of
    z. If z leaves the bounds again (noise, or an image outside the generator's range), the row is
    then kept inside as with standard. Zero and reflect are as stochastic, with another value in
    place of the draw.
    docs/solvers.md describes the alternatives that were tried.
    """

    memory: int = declare(100, range=(1, MAX_HISTORY))
    patience: int = declare(40, range=(2, MAX_PATIENCE))  # gradients
    progress: float = declare(0.3, **SHARE)
    crawl: float = declare(0.01, **SHARE)
    shrink: float = declare(0.3, **SHARE)
    redraws: int = declare(3, range=(0, MAX_NUMBER))  # per start
    # random z whose J are averaged over, fewer if z has more than 100 components; 0: none
    metric: int = declare(40, range=(0, MAX_POINTS))
    # components of z from which J at an encoder's guess takes the place of `metric`
    guess: int = declare(257, range=(1, MAX_NUMBER))
    fine: float = declare(0.15, **POSITIVE)  # objective

    steps_per_increment: ClassVar[int] = 5
    default_snapshots: ClassVar[tuple[int, ...]] = (5, 10, 20)
    uses_low_precision: ClassVar[bool] = True

    @property
    def expected_gradients(self) -> float:
        return 70.0

    @property
    def preconditioner_points(self) -> int:
        return self.metric

    def measures_guesses(self, generator: Generator) -> bool:
        return generator.latent >= self.guess and is_measurable(generator)

    def resolve(
        self, generator: Generator, mask: np.ndarray | None = None, *, has_guesses: bool = False
    ) -> Self:
        """Return the solver with fewer random z if J is large, or without preconditioner."""
        measured = has_guesses and self.measures_guesses(generator)
        return replace(self, metric=0 if measured else choose_points(generator, self.metric))

    def start(self, z: tf.Tensor, near_solution: tf.Tensor | None = None) -> State:
        rows = tf.shape(z)[0]
        row = tf.zeros([rows], z.dtype)
        memory = _Memory(
            objective=row + float("inf"),
            gradient=tf.zeros_like(z),
            low_precision=tf.ones([rows], tf.bool) if near_solution is None else ~near_solution,
            attempting=tf.ones([rows], tf.bool),
            direction=tf.zeros_like(z),
            length=row,
            jumped=tf.ones([rows], tf.bool),
            history=quasi_newton.empty_history(z, self.memory),
            loss_history=tf.fill([rows, self.patience], tf.cast(float("inf"), z.dtype)),
            clamped=tf.zeros([rows], tf.bool),
            redrawn_loss=row,
        )
        return start_state(z, memory)

    def step(self, problem: Problem, state: State, clipping: RowClipping) -> State:
        clamped, attempting = state.memory.clamped, state.memory.attempting
        if problem.attempts is not None:
            given_up = problem.attempts & ~attempting
            unknown = tf.cast(float("inf"), problem.residual.dtype)
            problem = problem._replace(
                attempts=problem.attempts & attempting,
                residual=tf.where(given_up, unknown, problem.residual),
            )
        clipping = clipping._replace(
            clamping=clipping.clamping | clamped, replacing=clipping.replacing & ~clamped
        )
        accepted = self._accept_candidate(problem, state)
        return self._return_inside(
            problem, self._choose_direction(problem, accepted, clipping), clipping
        )

    def _accept_candidate(self, problem: Problem, state: State) -> State:
        """Accept the candidates that decrease the objective enough; shorten the other steps."""
        memory: _Memory = state.memory
        low_precision = memory.low_precision & problem.low_precision_allowed
        evaluation = problem.evaluate(state.candidate, low_precision)
        move = state.candidate - state.z
        # a projected move may point uphill, but must still decrease the objective
        slope = tf.minimum(dot(memory.gradient, move), 0)
        sufficient_loss = memory.objective + SUFFICIENT * slope
        accepted = memory.jumped | (evaluation.objective <= sufficient_loss)  # false for NaN
        change, is_pair = evaluation.gradient - memory.gradient, accepted & ~memory.jumped
        unknown = tf.cast(float("inf"), memory.loss_history.dtype)
        loss_history = tf.where(memory.jumped[:, None], unknown, memory.loss_history)
        image_loss = tf.where(accepted, evaluation.image_loss, state.image_loss)
        return state._replace(
            z=tf.where(accepted[:, None], state.candidate, state.z),
            image_loss=image_loss,
            bound=tf.where(accepted & ~low_precision, evaluation.bound, state.bound),
            counts=add_counts(state.counts, gradients=1),
            memory=memory._replace(
                objective=tf.where(accepted, evaluation.objective, memory.objective),
                gradient=tf.where(accepted[:, None], evaluation.gradient, memory.gradient),
                low_precision=low_precision,
                length=tf.where(accepted, 0.0, self.shrink * memory.length),
                jumped=tf.zeros_like(memory.jumped),
                history=quasi_newton.append_pair(memory.history, is_pair, move, change),
                loss_history=tf.concat([loss_history[:, 1:], image_loss[:, None]], 1),
            ),
        )

    def _choose_direction(self, problem: Problem, state: State, clipping: RowClipping) -> State:
        """Choose new directions after accepted moves, and in rows whose direction is exhausted."""
        memory: _Memory = state.memory
        accepted, exhausted = memory.length == 0, find_exhausted(memory)
        history = quasi_newton.forget_pairs(memory.history, exhausted)
        direction, bent = _compute_direction(
            problem, state.z, memory._replace(history=history), clipping
        )
        size = tf.norm(direction, axis=-1)
        # without pairs the scale of the loss is unknown: move at most half a unit
        longest = tf.where(history.is_empty, tf.minimum(LONGEST, 0.5), LONGEST)
        full = tf.minimum(1.0, longest / size)
        full = tf.where(size > 0, full, tf.zeros_like(full))
        is_new = accepted | exhausted
        direction = tf.where(is_new[:, None], direction, memory.direction)
        length = tf.where(is_new, full, memory.length)
        candidate = state.z + length[:, None] * direction
        clamps = clipping.find_clampable(candidate) | (is_new & bent)
        slow = find_slow(self, problem, state, clipping.find_replaceable(state.z))
        stuck = find_stuck(memory, slow, is_new & (size == 0))
        given_up = find_given_up(self, problem, state, stuck)
        refined = find_refined(self, memory, slow) & ~given_up
        if problem.attempts is not None:
            candidate = tf.where(given_up[:, None], state.z, candidate)
            history = quasi_newton.forget_pairs(history, given_up)
        jumped = refined | given_up
        return state._replace(
            candidate=clipping.clip_to_bounds(candidate),
            actions=state.actions + stack_actions(clamps, memory.clamped & clamps),
            stalled=~jumped & stuck,
            memory=memory._replace(
                direction=direction,
                length=length,
                low_precision=memory.low_precision & ~jumped,
                attempting=memory.attempting & ~given_up,
                jumped=jumped,  # losses in both precisions are not comparable
                history=history,
            ),
        )

    def _return_inside(self, problem: Problem, state: State, clipping: RowClipping) -> State:
        """Redraw the outside components of stalled or solved rows, which then continue.

        They are clamped to the bounds instead if no redraws are left, if noise explains the rest of
        the image loss, or if z is right: solved, and outside by no more than its possible error.
        """
        memory: _Memory = state.memory
        explained = state.image_loss <= problem.residual  # true for an unknown residual
        unsure = tf.math.is_inf(problem.residual)
        solved = problem.is_solved(state.image_loss, state.bound)
        excess = clipping.measure_excess(state.z)
        right = solved & (excess <= state.bound)
        at_bound = clipping.find_at_bound(state.z)
        solved_outside = solved & (excess > 0)
        outside = clipping.replacing & ((state.stalled & at_bound) | solved_outside)
        # in rows of other rules: the components that stochastic clipping would redraw
        slow = find_slow(self, problem, state, at_bound) & ~memory.jumped
        redrawable = ((state.stalled | slow) & at_bound) | solved_outside
        change = tf.abs(state.image_loss - memory.redrawn_loss)
        is_floor = change <= SAME_LOSS * memory.redrawn_loss
        useful = ~is_floor & (unsure | ~explained)
        redraws = state.counts["redraws"]
        redrawn = outside & ~right & (redraws < self.redraws) & useful
        clamped = outside & (explained | solved) & ~redrawn
        inside = clipping._replace(clamping=clamped).clip_to_bounds(state.z)
        jump = tf.where(redrawn[:, None], clipping.replace(state.z, redraws), inside)
        jumped = redrawn | clamped
        acted = tf.where(clipping.replacing, jumped, redrawable & ~memory.clamped)
        return state._replace(
            candidate=tf.where(jumped[:, None], jump, state.candidate),
            counts=add_counts(state.counts, redraws=redrawn),
            actions=state.actions + stack_actions(tf.zeros_like(acted), acted),
            stalled=state.stalled & ~jumped,
            memory=memory._replace(
                jumped=memory.jumped | jumped,
                clamped=memory.clamped | clamped,
                redrawn_loss=tf.where(redrawn, state.image_loss, memory.redrawn_loss),
            ),
        )


def find_exhausted(memory: _Memory) -> tf.Tensor:
    """Return in which rows (batch,) no length along the direction lowers the objective."""
    reach = memory.length * tf.norm(memory.direction, axis=-1)
    return (memory.length != 0) & (reach < SHORTEST)


def find_slow(solver: LBFGS, problem: Problem, state: State, redrawable: tf.Tensor) -> tf.Tensor:
    """Return which rows (batch,) decreased too little over the last `patience` gradients.

    Rows that are `redrawable`, bool (batch,), with a residual must decrease more.
    """
    loss, residual = state.image_loss, problem.residual
    lost = loss > tf.maximum(residual, SETTLED)
    outside = (residual > 0) & redrawable  # to be redrawn or clamped first
    stationary = tf.cast(problem.stationary, loss.dtype)
    calm = tf.where(residual > 0, stationary, solver.crawl)
    due = tf.where(lost | outside, solver.progress, calm)
    floor = tf.where(lost, residual, tf.zeros_like(residual))
    return (state.memory.loss_history[:, 0] - floor) * (1 - due) < loss - floor


def find_stuck(memory: _Memory, slow: tf.Tensor, flat: tf.Tensor) -> tf.Tensor:
    """Return which rows (batch,) have stalled, unless they go on in another way.

    They are `slow`, have a gradient of 0 (`flat`), or find no way down along the gradient.
    """
    return _find_hopeless(memory) | slow | flat


def find_given_up(solver: LBFGS, problem: Problem, state: State, stuck: tf.Tensor) -> tf.Tensor:
    """Return which rows (batch,) give up their attempt with the preconditioned loss.

    They do not explain the image, and are stuck, have spent the gradients of an attempt, or
    decreased too little over half of `patience` gradients. In low precision, a gradient that does
    not lead down is not a reason.
    """
    if problem.attempts is None:
        return tf.zeros_like(stuck)
    before = state.memory.loss_history[:, (solver.patience - 1) // 2]
    fails = before * (1 - solver.progress) < state.image_loss
    ends = stuck | (state.counts["gradients"] >= ATTEMPT) | fails
    by_rounding = _find_hopeless(state.memory) & state.memory.low_precision
    return problem.attempts & (state.image_loss > problem.residual) & ends & ~by_rounding


def find_refined(solver: LBFGS, memory: _Memory, slow: tf.Tensor) -> tf.Tensor:
    """Return which rows (batch,) of low precision go on in float32.

    They are near the solution, or rounding may be why they stall.
    """
    is_fine = memory.objective < solver.fine
    return memory.low_precision & (is_fine | find_exhausted(memory) | slow)


def _find_hopeless(memory: _Memory) -> tf.Tensor:
    """Return in which rows (batch,) the gradient itself, without pairs, does not lead down."""
    return find_exhausted(memory) & memory.history.is_empty


def _compute_direction(
    problem: Problem, z: tf.Tensor, memory: _Memory, clipping: RowClipping
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return -H gradient (batch, latent), in clamping rows the step to the bounded minimum.

    If it is not a descent direction, as after a jump with old pairs, the negative gradient of the
    free components is returned. Also returns in which rows (batch,) the bounds change the
    direction, or would change it if the row clamped.
    """
    history, gradient = memory.history, memory.gradient
    initial_inverse = problem.inverse_hessian(memory.objective)
    newton_step = -quasi_newton.multiply_inverse_hessian(
        history, gradient[..., None], initial_inverse
    )
    direction = newton_step[..., 0]
    blocked = clipping.find_blocked(z, -gradient)
    leaves = (direction < clipping.prior.low - z) | (direction > clipping.prior.high - z)
    bent = tf.reduce_any(leaves | blocked | tf.math.is_nan(direction), -1)
    blocked = clipping.clamping[:, None] & blocked
    direction = tf.cond(
        tf.reduce_any(clipping.clamping),
        lambda: quasi_newton.step_within_bounds(
            history, initial_inverse, direction, z, blocked, clipping
        ),
        lambda: direction,
    )
    uphill = dot(direction, gradient) >= 0
    return tf.where(uphill[:, None], tf.where(blocked, 0.0, -gradient), direction), bent


SOLVER = LBFGS
