"""Batched limited-memory BFGS: the default."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import tensorflow as tf

from ganinv_cli.clipping import Clip
from ganinv_cli.errors import ConfigError
from ganinv_cli.problem import Evaluation, Problem
from ganinv_cli.solvers import active_set, lbfgs_history
from ganinv_cli.solvers.lbfgs_history import Pairs, dot
from ganinv_cli.solvers.solver import Solver


class _State(NamedTuple):
    z: tf.Tensor  # (batch, latent), accepted
    image_loss: tf.Tensor  # (batch,)
    objective: tf.Tensor  # (batch,)
    gradient: tf.Tensor  # (batch, latent)
    bound: tf.Tensor  # (batch,)
    rough: tf.Tensor  # (batch,) bool: the gradients are bfloat16
    candidate: tf.Tensor  # (batch, latent), what the next step evaluates
    direction: tf.Tensor  # (batch, latent)
    length: tf.Tensor  # (batch,), of the step along it
    jumped: tf.Tensor  # (batch,) bool: the candidate is a start or a redraw, taken as it is
    pairs: Pairs
    past: tf.Tensor  # (batch, patience), the image loss after each gradient, the newest last
    held: tf.Tensor  # (batch,) bool: the row redraws no more and is held inside the bounds
    gradients: tf.Tensor  # (batch,)
    redraws: tf.Tensor  # (batch,)
    stalled: tf.Tensor  # (batch,)


@dataclass(frozen=True)
class LBFGS(Solver):
    """z <- z + length * direction, direction = -H gradient, H from the last `memory` moves.

    H by the two-loop recursion from an H₀ that J at `metric` random z gave (`solvers/metric.py`;
    counted with the run's gradients). Where the right z leaves nothing of the image, so is the norm
    of the loss; the gradients are bfloat16 at first, where the problem allows it, until the
    objective is below `fine`, and float32 from there. The length starts at 1 and shrinks by
    `shrink` until the loss has fallen enough (Armijo). Each step evaluates one candidate of every
    row, so a row that backtracks holds nobody up. A row has stalled when `patience` gradients
    lowered the image loss by less than a share of `progress` (of `crawl` once it is below
    `settled`, where slow is not yet lost), or when no length along the gradient helps. Where the
    right z leaves a residual, `progress` is asked of what is above it; below it, or where nobody
    knows it, the problem's own share, `stationary`, is asked instead.

    How the rules act here. none: not at all. standard: the direction leads to the least of the
    quadratic model inside the box (`solvers/box.py`), which moves to its bound what would cross it.
    stochastic: a redraw after every move keeps a run from ever settling, so the components outside
    are redrawn only when the row has stalled, at most `redraws` times a start; the memory is kept,
    but no pair is made of the jump. Where the image draws z outside all the same (noise, or an
    image that no z makes), redrawing has no end, and the row is then held inside as under standard.
    docs/solvers.md has what was tried.
    """

    memory: int = 100
    patience: int = 40  # gradients
    progress: float = 0.3
    crawl: float = 0.01
    settled: float = 1e-2  # image loss
    longest: float = 3.0  # of a move, in z
    shrink: float = 0.3
    sufficient: float = 1e-4  # Armijo's share of the slope
    shortest: float = 1e-6  # of a move, in z, below which a direction is given up
    redraws: int = 3  # a start
    metric: int = 40  # random z whose J are averaged over; 0: none
    fine: float = 0.15  # objective

    look_every: ClassVar[int] = 5
    snapshots: ClassVar[tuple[int, ...]] = (10, 30)
    expected_gradients: ClassVar[float] = 70.0

    def __post_init__(self) -> None:
        if self.memory < 1 or self.patience < 2:
            raise ConfigError("[lbfgs] memory is a count of at least 1, patience of at least 2")
        if self.redraws < 0 or self.metric < 0:
            raise ConfigError("[lbfgs] redraws and metric are counts, not below 0")
        for name in ("progress", "crawl", "shrink", "sufficient"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"[lbfgs] {name} is a share between 0 and 1")
        for name in ("longest", "shortest", "fine"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"[lbfgs] {name} is above 0")

    @property
    def metric_points(self) -> int:
        return self.metric

    def init(self, z: tf.Tensor, near: tf.Tensor | None = None) -> _State:
        rows = tf.shape(z)[0]
        row = tf.zeros([rows], z.dtype)
        return _State(
            z=z,
            image_loss=row + float("inf"),
            objective=row + float("inf"),
            gradient=tf.zeros_like(z),
            bound=row + float("inf"),
            rough=tf.ones([rows], tf.bool) if near is None else ~near,
            candidate=z,
            direction=tf.zeros_like(z),
            length=row,
            jumped=tf.ones([rows], tf.bool),
            pairs=lbfgs_history.none(z, self.memory),
            past=tf.fill([rows, self.patience], tf.cast(float("inf"), z.dtype)),
            held=tf.zeros([rows], tf.bool),
            gradients=tf.zeros([rows]),
            redraws=tf.zeros([rows], tf.int64),
            stalled=tf.zeros([rows], tf.bool),
        )

    def step(self, problem: Problem, state: _State, clip: Clip) -> _State:
        clip = clip._replace(clamps=clip.clamps | state.held, redraws=clip.redraws & ~state.held)
        state = state._replace(rough=state.rough & problem.may_be_rough)
        judged = self._judged(state, problem.evaluate(state.candidate, state.rough))
        return self._freed(problem, self._aimed(problem, judged, clip), clip)

    def _judged(self, state: _State, there: Evaluation) -> _State:
        """Take the candidate where it is good enough; shorten the step where it is not."""
        move = state.candidate - state.z
        # a projected move can point uphill, and must lower the objective all the same
        slope = tf.minimum(dot(state.gradient, move), 0)
        enough = state.objective + self.sufficient * slope
        accepted = state.jumped | (there.objective <= enough)  # false for NaN
        change = there.gradient - state.gradient
        unknown = tf.cast(float("inf"), state.past.dtype)
        past = tf.where(state.jumped[:, None], unknown, state.past)
        image_loss = tf.where(accepted, there.image_loss, state.image_loss)
        return state._replace(
            z=tf.where(accepted[:, None], state.candidate, state.z),
            image_loss=image_loss,
            objective=tf.where(accepted, there.objective, state.objective),
            gradient=tf.where(accepted[:, None], there.gradient, state.gradient),
            bound=tf.where(accepted & ~state.rough, there.bound, state.bound),
            length=tf.where(accepted, tf.zeros_like(state.length), self.shrink * state.length),
            jumped=tf.zeros_like(state.jumped),
            pairs=lbfgs_history.extended(state.pairs, accepted & ~state.jumped, move, change),
            past=tf.concat([past[:, 1:], image_loss[:, None]], 1),
            gradients=state.gradients + 1,
        )

    def _aimed(self, problem: Problem, state: _State, clip: Clip) -> _State:
        """A new direction after an accepted move, or where the old one is exhausted."""
        accepted = state.length == 0
        reach = state.length * tf.norm(state.direction, axis=-1)
        exhausted = ~accepted & (reach < self.shortest)
        hopeless = exhausted & state.pairs.none
        pairs = lbfgs_history.forgotten(state.pairs, exhausted)
        direction = _downhill(problem, state._replace(pairs=pairs), clip)
        size = tf.norm(direction, axis=-1)
        # without curvature half a unit will do, whatever the scale of the loss
        longest = tf.where(pairs.none, tf.minimum(self.longest, 0.5), self.longest)
        full = tf.minimum(1.0, longest / size)
        full = tf.where(size > 0, full, tf.zeros_like(full))
        anew = accepted | exhausted
        direction = tf.where(anew[:, None], direction, state.direction)
        length = tf.where(anew, full, state.length)
        slow = self._slow(problem, state, clip)
        # no row is given up for what bfloat16 cannot see
        fine = state.rough & ((state.objective < self.fine) | exhausted | slow)
        return state._replace(
            candidate=clip.bound(state.z + length[:, None] * direction),
            direction=direction,
            length=length,
            rough=state.rough & ~fine,
            jumped=fine,  # a loss in bfloat16 is no measure of one in float32
            pairs=pairs,
            stalled=~fine & (hopeless | slow | (anew & (size == 0))),
        )

    def _slow(self, problem: Problem, state: _State, clip: Clip) -> tf.Tensor:
        """Which rows (batch,) fell too little over the last `patience` gradients."""
        loss, residual = state.image_loss, problem.residual
        lost = loss > tf.maximum(residual, self.settled)
        outside = (residual > 0) & clip.redrawable(state.z)  # a redraw or the bounds come first
        calm = tf.where(residual > 0, problem.stationary, self.crawl)
        due = tf.where(lost | outside, self.progress, calm)
        floor = tf.where(lost, residual, tf.zeros_like(residual))
        return (state.past[:, 0] - floor) * (1 - due) < loss - floor

    def _redrawable(self, state: _State, clip: Clip) -> tf.Tensor:
        return clip.redrawable(state.z) & (state.redraws < self.redraws)

    def _freed(self, problem: Problem, state: _State, clip: Clip) -> _State:
        """Where a row has stalled with components outside, draw these anew and go on from there.

        Where the image is explained already, or was redrawn in vain, hold them at the bounds.
        """
        explained = state.image_loss <= problem.residual  # maybe, where nobody knows
        unsure = tf.math.is_inf(problem.residual)
        redrawn = state.stalled & self._redrawable(state, clip) & (unsure | ~explained)
        held = state.stalled & clip.redrawable(state.z) & explained & ~redrawn
        inside = clip._replace(clamps=held).bound(state.z)
        jump = tf.where(redrawn[:, None], clip.redraw(state.z, state.redraws), inside)
        jumped = redrawn | held
        return state._replace(
            candidate=tf.where(jumped[:, None], jump, state.candidate),
            jumped=state.jumped | jumped,
            held=state.held | held,
            redraws=state.redraws + tf.cast(redrawn, tf.int64),
            stalled=state.stalled & ~jumped,
        )


def _downhill(problem: Problem, state: _State, clip: Clip) -> tf.Tensor:
    """-H gradient (batch, latent), in rows that clamp bent so that it ends inside the bounds.

    Where that is not downhill, as after a jump with old pairs, the gradient of what is free alone.
    """
    z, gradient = state.z, state.gradient
    metric = problem.inverse(state.objective)
    newton = -lbfgs_history.inverse_hessian_times(state.pairs, gradient[..., None], metric)
    direction = newton[..., 0]
    blocked = clip.blocked(z, -gradient)
    direction = tf.cond(
        tf.reduce_any(clip.clamps),
        lambda: active_set.bent(state.pairs, metric, direction, z, blocked, clip),
        lambda: direction,
    )
    uphill = dot(direction, gradient) >= 0
    return tf.where(uphill[:, None], tf.where(blocked, 0.0, -gradient), direction)


SOLVER = LBFGS
