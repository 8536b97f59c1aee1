"""Batched limited-memory BFGS: the default."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import tensorflow as tf

from ganinv_cli.clipping import Clip
from ganinv_cli.errors import ConfigError
from ganinv_cli.problem import Evaluation, Problem
from ganinv_cli.solvers.solver import Solver


class _Memory(NamedTuple):
    """Curvature pairs, the newest last; an empty place has weight 0."""

    moves: tf.Tensor  # (batch, memory, latent), s = z' - z
    changes: tf.Tensor  # (batch, memory, latent), y = gradient' - gradient
    weights: tf.Tensor  # (batch, memory), 1 / sᵀy
    scale: tf.Tensor  # (batch,), sᵀy / yᵀy of the newest pair; 0 while there is none


class _State(NamedTuple):
    z: tf.Tensor  # (batch, latent), accepted
    image_loss: tf.Tensor  # (batch,)
    objective: tf.Tensor  # (batch,)
    gradient: tf.Tensor  # (batch, latent)
    candidate: tf.Tensor  # (batch, latent), what the next step evaluates
    direction: tf.Tensor  # (batch, latent)
    length: tf.Tensor  # (batch,), of the step along it
    jumped: tf.Tensor  # (batch,) bool: the candidate is a start or a redraw, taken as it is
    memory: _Memory
    past: tf.Tensor  # (batch, patience), the latest accepted image losses, the newest last
    gradients: tf.Tensor  # (batch,)
    redraws: tf.Tensor  # (batch,)
    stalled: tf.Tensor  # (batch,)


@dataclass(frozen=True)
class LBFGS(Solver):
    """z <- z + length * direction, direction = -H gradient, H from the last `memory` moves.

    H by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4); the length starts at 1 and
    shrinks by `shrink` until the loss has fallen enough (Armijo). Each step evaluates one candidate
    of every row, so a row that backtracks holds nobody up.

    A row has stalled when `patience` accepted moves lowered the image loss by less than a share of
    `progress` while it is above `settled`, or when no length along the gradient helps.

    How the rules act here. none: not at all. standard: a move is projected onto the box before it
    is evaluated, and components held at a bound by the gradient are left out of the direction (a
    two-metric projection, Bertsekas 1982); the pairs kept are those of the projected moves.
    stochastic: a redraw after every move keeps the run from ever settling (0 of 64 recovered), so
    the components outside are redrawn only when the row has stalled, at most `redraws` times a
    start; the memory is kept, but no pair is made of the jump.
    """

    memory: int = 50
    patience: int = 40  # accepted moves
    progress: float = 0.3
    settled: float = 1e-2  # image loss
    longest: float = 3.0  # of a move, in z
    shrink: float = 0.3
    sufficient: float = 1e-4  # Armijo's share of the slope
    shortest: float = 1e-5  # length below which a direction is given up
    redraws: int = 3  # a start

    look_every: ClassVar[int] = 5
    expected_gradients: ClassVar[float] = 150.0

    def __post_init__(self) -> None:
        if self.memory < 1 or self.patience < 1:
            raise ConfigError("[lbfgs] memory and patience are counts of at least 1")

    def init(self, z: tf.Tensor) -> _State:
        rows, latent = tf.shape(z)[0], z.shape[1]
        pairs = tf.zeros([rows, self.memory, latent], z.dtype)
        row = tf.zeros([rows], z.dtype)
        return _State(
            z=z,
            image_loss=row + float("inf"),
            objective=row + float("inf"),
            gradient=tf.zeros_like(z),
            candidate=z,
            direction=tf.zeros_like(z),
            length=row,
            jumped=tf.ones([rows], tf.bool),
            memory=_Memory(pairs, pairs, tf.zeros([rows, self.memory], z.dtype), row),
            past=tf.fill([rows, self.patience], tf.cast(float("inf"), z.dtype)),
            gradients=tf.zeros([rows]),
            redraws=tf.zeros([rows], tf.int64),
            stalled=tf.zeros([rows], tf.bool),
        )

    def step(self, problem: Problem, state: _State, clip: Clip) -> _State:
        state = self._judged(state, problem.evaluate(state.candidate))
        return self._redrawn(self._aimed(state, clip), clip)

    def _judged(self, state: _State, there: Evaluation) -> _State:
        """Take the candidate where it is good enough; shorten the step where it is not."""
        move = state.candidate - state.z
        enough = state.objective + self.sufficient * _dot(state.gradient, move)
        accepted = state.jumped | (there.objective <= enough)  # false for NaN
        learnt = accepted & ~state.jumped
        memory = _where(
            learnt, _extended(state.memory, move, there.gradient - state.gradient), state.memory
        )
        past = tf.where(state.jumped[:, None], tf.cast(float("inf"), state.past.dtype), state.past)
        past = tf.where(
            accepted[:, None], tf.concat([past[:, 1:], there.image_loss[:, None]], 1), past
        )
        return state._replace(
            z=tf.where(accepted[:, None], state.candidate, state.z),
            image_loss=tf.where(accepted, there.image_loss, state.image_loss),
            objective=tf.where(accepted, there.objective, state.objective),
            gradient=tf.where(accepted[:, None], there.gradient, state.gradient),
            length=tf.where(accepted, tf.zeros_like(state.length), self.shrink * state.length),
            jumped=tf.zeros_like(state.jumped),
            memory=memory,
            past=past,
            gradients=state.gradients + 1,
        )

    def _aimed(self, state: _State, clip: Clip) -> _State:
        """A new direction after an accepted move, or where the old one is exhausted."""
        accepted = state.length == 0
        exhausted = ~accepted & (state.length < self.shortest)
        hopeless = exhausted & (state.memory.scale == 0)
        memory = _where(exhausted, _forgotten(state.memory), state.memory)
        direction = _direction(memory, state.gradient, clip, state.z)
        size = tf.norm(direction, axis=-1)
        # without curvature the first move is half a unit long, whatever the scale of the loss
        full = tf.where(memory.scale == 0, 0.5 / size, tf.minimum(1.0, self.longest / size))
        full = tf.where(size > 0, full, tf.zeros_like(full))
        anew = accepted | exhausted
        direction = tf.where(anew[:, None], direction, state.direction)
        length = tf.where(anew, full, state.length)
        idle = state.past[:, 0] * (1 - self.progress) < state.image_loss
        slow = idle & (state.image_loss > self.settled)
        return state._replace(
            candidate=clip.bound(state.z + length[:, None] * direction),
            direction=direction,
            length=length,
            memory=memory,
            stalled=hopeless | slow | (anew & (size == 0)),
        )

    def _redrawn(self, state: _State, clip: Clip) -> _State:
        """Where a row has stalled with components outside, draw these anew and go on from there."""
        redrawn = state.stalled & clip.redrawable(state.z) & (state.redraws < self.redraws)
        jump = clip.redraw(state.z, state.redraws)
        return state._replace(
            candidate=tf.where(redrawn[:, None], jump, state.candidate),
            jumped=redrawn,
            redraws=state.redraws + tf.cast(redrawn, tf.int64),
            stalled=state.stalled & ~redrawn,
        )


def _direction(memory: _Memory, gradient: tf.Tensor, clip: Clip, z: tf.Tensor) -> tf.Tensor:
    """-H gradient (batch, latent), without the components that the rule holds at a bound."""
    held = clip.blocked(z, -gradient)
    q = tf.where(held, tf.zeros_like(gradient), gradient)
    moves = tf.unstack(memory.moves, axis=1)
    changes = tf.unstack(memory.changes, axis=1)
    weights = tf.unstack(memory.weights, axis=1)
    shares = []
    for s, y, weight in zip(reversed(moves), reversed(changes), reversed(weights), strict=True):
        share = weight * _dot(s, q)
        q -= share[:, None] * y
        shares.append(share)
    r = tf.where(memory.scale == 0, tf.ones_like(memory.scale), memory.scale)[:, None] * q
    for s, y, weight, share in zip(moves, changes, weights, reversed(shares), strict=True):
        r += (share - weight * _dot(y, r))[:, None] * s
    downhill = -tf.where(held, tf.zeros_like(r), r)
    # leaving components out can turn the rest uphill; then the gradient alone
    steepest = tf.where(held, tf.zeros_like(gradient), -gradient)
    return tf.where((_dot(downhill, gradient) < 0)[:, None], downhill, steepest)


def _extended(memory: _Memory, move: tf.Tensor, change: tf.Tensor) -> _Memory:
    """With one more pair, unless its curvature is not above rounding."""
    curvature, squared = _dot(move, change), _dot(change, change)
    useful = curvature > 1e-7 * tf.norm(move, axis=-1) * tf.norm(change, axis=-1)
    weight = tf.where(useful, 1 / curvature, tf.zeros_like(curvature))
    longer = _Memory(
        tf.concat([memory.moves[:, 1:], move[:, None]], 1),
        tf.concat([memory.changes[:, 1:], change[:, None]], 1),
        tf.concat([memory.weights[:, 1:], weight[:, None]], 1),
        curvature / squared,
    )
    return _where(useful, longer, memory)


def _forgotten(memory: _Memory) -> _Memory:
    return _Memory(*(tf.zeros_like(field) for field in memory))


def _where(rows: tf.Tensor, these: _Memory, those: _Memory) -> _Memory:
    return _Memory(
        *(
            tf.where(tf.reshape(rows, [-1] + [1] * (len(this.shape) - 1)), this, that)
            for this, that in zip(these, those, strict=True)
        )
    )


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, -1)


SOLVER = LBFGS
