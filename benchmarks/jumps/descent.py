"""Descent of a block of trials under all arms of a study: each row is an arm of a trial."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.jumps.arms import AXES, STANDARD, Study
from ganinv_cli import formats
from ganinv_cli.network.generator import Generator, compute_jacobian
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.objective.ground_truth import draw_true_z
from ganinv_cli.objective.problem import Problem
from ganinv_cli.prior import Prior
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.settings.shipped import find
from ganinv_cli.solvers.gd import HALVE_EVERY

CHUNK = 100  # updates in the graph; the effect of a jump is measured so many updates after it
SLOW = 10  # least eigenvectors of JᵀJ at the true z, which span the slow directions
POINTS = [100 * n for n in (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700)]
LOSS, ERROR, SLOW_ERROR = range(3)  # of a trace: ‖G(z) − x‖², the error of z, and in SLOW alone
Arrays = dict[str, np.ndarray]


class Rows(NamedTuple):
    """What each row is: an arm of a trial."""

    trial: tf.Tensor  # (rows,) int64
    z_true: tf.Tensor  # (rows, latent) float64
    slow: tf.Tensor  # (rows, latent, SLOW), the slowest direction first
    source: tf.Tensor  # (rows,) int64, the row with the jumps: itself, or another arm's
    arm: dict[str, tf.Tensor]  # field or axis of `Arm` -> (rows, 1) float64


class State(NamedTuple):
    """What an update changes."""

    z: tf.Tensor  # (rows, latent) float64
    velocity: tf.Tensor  # (rows, latent)
    jumps: tf.Tensor  # (rows,) int64, updates with a jump


def run_block(study: Study, trials: np.ndarray, seed: int) -> Arrays:
    """Return the losses and errors of these trials (trials, arms, points), and every jump."""
    generator = make_generator(formats.read(find("checkpoint", study.checkpoint)))
    rows = make_rows(generator, study, trials, seed)
    state = start_rows(generator, rows, seed)
    advance = compile_updates(generator, study, rows, seed)
    chunks = []
    for first in range(0, study.updates + CHUNK, CHUNK):  # the last one shows the last jumps
        state, *chunk = advance(state, tf.constant(first))
        chunks.append([part.numpy() for part in chunk])
    trace, jumps = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    points = [*(point for point in POINTS if point < study.updates), study.updates]
    shape = len(points), len(trials), len(study.arms), 3
    measured = np.moveaxis(trace[points].reshape(shape), 0, 2)
    return {
        "trials": trials,
        "points": np.array(points),
        "loss": measured[..., LOSS],
        "error": measured[..., ERROR],
        "jumps": state.jumps.numpy().reshape(shape[1:3]),
        **(describe_jumps(study, rows, trace, jumps) if STANDARD in study.arms else {}),
    }


def make_rows(generator: Generator, study: Study, trials: np.ndarray, seed: int) -> Rows:
    """Return the rows: all arms of the first trial, then those of the next."""
    arms, z_true = study.arms, draw_true_z(generator, seed, trials)
    jacobians = (compute_jacobian(generator, z).astype(np.float64) for z in z_true)
    slow = [np.linalg.eigh(jacobian @ jacobian.T)[1][:, :SLOW] for jacobian in jacobians]
    names = [arm.name for arm in arms]
    sources = [names.index(arm.source or arm.name) for arm in arms]
    fields = ("landing", "begin", "end", "clamping", "momentum", "rate")
    columns = {name: [float(getattr(arm, name)) for arm in arms] for name in fields}
    columns |= {axis: [float(arm.axis == axis) for arm in arms] for axis in AXES}
    return Rows(
        tf.constant(np.repeat(trials, len(arms)), tf.int64),
        tf.constant(np.repeat(z_true, len(arms), 0), tf.float64),
        tf.constant(np.repeat(slow, len(arms), 0)),
        tf.constant(np.add.outer(len(arms) * np.arange(len(trials)), sources).ravel()),
        {name: tf.constant(np.tile(each, len(trials))[:, None]) for name, each in columns.items()},
    )


def start_rows(generator: Generator, rows: Rows, seed: int) -> State:
    """Return the state before the first update, at the start that `ganinv recover` draws."""
    zeros = tf.zeros_like(rows.trial)
    share = uniform(seed, rows.trial, Purpose.start, zeros, generator.latent)
    z = tf.cast(generator.prior.quantile(share), tf.float64)
    return State(z, tf.zeros_like(z), zeros)


def compile_updates(
    generator: Generator, study: Study, rows: Rows, seed: int
) -> Callable[[State, tf.Tensor], Any]:
    """Return a function that makes CHUNK updates, from the number of the first.

    It returns the state, the trace (CHUNK, rows, 3), and a line for each jump: update, row,
    component, its values before, after and true, and the share of the move in SLOW.
    """
    prior, arm = generator.prior, rows.arm
    images = generator(tf.cast(rows.z_true, tf.float32))
    problem = Problem(generator, images, tf.zeros(len(images)), tf.zeros(len(images)))

    def update(number: tf.Tensor, state: State, trace: Any, lines: Any, first: tf.Tensor) -> Any:
        evaluation = problem.evaluate(state.z)
        count = tf.cast(number, tf.float64)
        rate = study.rate / generator.count_values() * 0.5 ** (count // HALVE_EVERY)
        velocity = arm["momentum"] * state.velocity + evaluation.gradient
        unruled = state.z - rate * arm["rate"] * velocity
        clamped = tf.clip_by_value(unruled, prior.low, prior.high)
        clamped = tf.where(arm["clamping"] > 0, clamped, unruled)
        leaving = prior.is_outside(unruled) & (arm["begin"] <= count) & (count < arm["end"])
        landed, jumps = tf.cond(
            tf.reduce_any(leaving),
            lambda: jump(rows, prior, seed, clamped, leaving, state.jumps),
            lambda: (clamped, state.jumps),
        )
        away = state.z - rows.z_true
        slow = tf.einsum("rl,rls->rs", away, rows.slow)
        error, slow_error = (tf.reduce_sum(each**2, 1) / generator.latent for each in (away, slow))
        losses = tf.cast(evaluation.image_loss, tf.float64)
        place = number - first
        trace = trace.write(place, tf.cast(tf.stack([losses, error, slow_error], 1), tf.float32))
        lines = lines.write(place, list_moves(rows, count, clamped, landed))
        velocity = tf.where(landed == unruled, velocity, 0)  # what a rule moved starts at rest
        return number + 1, State(landed, velocity, jumps), trace, lines, first

    @tf.function(autograph=False)
    def advance(state: State, first: tf.Tensor) -> tuple[State, tf.Tensor, tf.Tensor]:
        trace = tf.TensorArray(tf.float32, CHUNK)
        lines = tf.TensorArray(tf.float64, CHUNK, infer_shape=False, element_shape=[None, 7])
        _, state, trace, lines, _ = tf.while_loop(
            lambda *_: True, update, (first, state, trace, lines, first), maximum_iterations=CHUNK
        )
        return state, trace.stack(), lines.concat()

    return advance  # type: ignore[no-any-return]


def jump(
    rows: Rows, prior: Prior, seed: int, z: tf.Tensor, leaving: tf.Tensor, jumps: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return z (rows, latent) after the jumps, and the number of updates with one so far.

    A jump of other components, or in another direction, leads towards the centre of the prior.
    """
    number = tf.math.count_nonzero(tf.gather(leaving, rows.source), 1)[:, None]  # of components
    streams = (uniform(seed, rows.trial, Purpose.redraw, jumps, z.shape[1], n) for n in (0, 1))
    drawn, share = tf.cast(prior.quantile(next(streams)), z.dtype), tf.cast(next(streams), z.dtype)
    landing = rows.arm["landing"]
    landed = tf.where(tf.math.is_nan(landing), drawn, landing * tf.sign(z))

    order = tf.where(tf.abs(z) < prior.high, share, 1)  # none at a bound is chosen
    last = tf.gather(tf.sort(order), tf.maximum(number - 1, 0), batch_dims=1)
    placed = tf.where(order <= last, z - tf.sign(z), z)

    normal = tf.math.l2_normalize(tf.math.ndtri(share), 1)
    axis = tf.where(rows.arm["slow"] > 0, rows.slow[:, :, 0], normal)
    side = tf.sign(tf.reduce_sum(axis * z, 1, keepdims=True))
    along = z - side * tf.sqrt(tf.cast(number, z.dtype)) * axis
    along = tf.clip_by_value(along, prior.low, prior.high)

    elsewhere = tf.where(rows.arm["place"] > 0, placed, along)
    follows = (rows.arm["place"] + rows.arm["slow"] + rows.arm["random"] > 0) & (number > 0)
    moved = tf.where(leaving, landed, tf.where(follows, elsewhere, z))
    return moved, jumps + tf.cast(number[:, 0] > 0, tf.int64)


def list_moves(rows: Rows, update: tf.Tensor, before: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """Return a line for each component that a jump moved, or moved most if it moved all."""
    moves = after - before
    is_along = rows.arm["slow"] + rows.arm["random"] > 0
    least = tf.where(is_along, tf.reduce_max(tf.abs(moves), 1, keepdims=True), 0)
    indices = tf.where((moves != 0) & (tf.abs(moves) >= least))
    row, component = tf.unstack(indices, 2, 1)
    slow = tf.einsum("nl,nls->ns", tf.gather(moves, row), tf.gather(rows.slow, row))
    share = tf.reduce_sum(slow**2, 1) / tf.reduce_sum(tf.gather(moves, row) ** 2, 1)
    values = (tf.gather_nd(each, indices) for each in (before, after, rows.z_true))
    numbers = (tf.cast(each, tf.float64) for each in (row, component))
    return tf.stack([tf.fill(tf.shape(share), update), *numbers, *values, share], 1)


def describe_jumps(study: Study, rows: Rows, trace: np.ndarray, lines: np.ndarray) -> Arrays:
    """Return the columns of all jumps, with what came of each, and of `standard` meanwhile."""
    lines = lines[lines[:, 0] < study.updates]
    update, row, component = lines[:, :3].astype(int).T
    arm = row % len(study.arms)
    standard = row - arm + study.arms.index(STANDARD)
    logs = np.log(trace)
    now, next_, later = (logs[update + delay, row] for delay in (0, 1, CHUNK))
    meanwhile = logs[update + CHUNK, standard] - logs[update, standard]
    return {
        "jump_update": update.astype(np.uint32),
        "jump_trial": rows.trial.numpy()[row].astype(np.uint16),
        "jump_arm": arm.astype(np.uint8),
        "jump_component": component.astype(np.uint8),
        "jump_values": lines[:, 3:].astype(np.float16),  # before, after, true; share in SLOW
        # log loss at the jump, its change until CHUNK updates later, and that of `standard`
        "jump_losses": np.stack([now, later - now, meanwhile], 1)[..., LOSS].astype(np.float16),
        # log error in SLOW at the jump, its change by the jump, and until CHUNK updates later
        "jump_slow": np.stack([now, next_ - now, later - now], 1)[..., SLOW_ERROR].astype(
            np.float16
        ),
    }
