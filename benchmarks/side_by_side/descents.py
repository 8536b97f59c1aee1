"""First-order methods, batched in the graph: gradient descent, momentum, Adam.

They minimise the mean over an image's pixels, as their authors do. The authors run all updates and
all starts. Here a row with an image loss of almost 0 leaves the batch at the next check, and a
trial is restarted only if no start has explained its image.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from side_by_side.task import BATCH, RESTART_LOSS, MethodResult, RecoveryBenchmark

UPDATES_PER_CALL = 50


class DescentState(NamedTuple):
    """The memory of a batch of starts."""

    z: tf.Tensor  # (batch, latent), evaluated next
    first: tf.Tensor  # (batch, latent), the mean gradient or the velocity
    second: tf.Tensor  # (batch, latent), the mean squared gradient
    evaluated: tf.Tensor  # (batch, latent), the z of the image loss
    image_loss: tf.Tensor  # (batch,), summed over pixels


UpdateRule = Callable[[tf.Tensor, DescentState, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
ClipFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def adam(rate: float, beta1: float, beta2: float = 0.999, epsilon: float = 1e-8) -> UpdateRule:
    """Return the update rule of Adam (Kingma & Ba 2015, algorithm 1)."""

    def move(
        gradient: tf.Tensor, rows: DescentState, update: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        first = beta1 * rows.first + (1 - beta1) * gradient
        second = beta2 * rows.second + (1 - beta2) * gradient**2
        count = tf.cast(update + 1, gradient.dtype)
        mean, square = first / (1 - beta1**count), second / (1 - beta2**count)
        return -rate * mean / (tf.sqrt(square) + epsilon), first, second

    return move


def momentum(rate: float, decay: float, halve_every: int = 2**30) -> UpdateRule:
    """Return the rule velocity <- decay * velocity + gradient; z <- z - rate * velocity."""

    def move(
        gradient: tf.Tensor, rows: DescentState, update: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        velocity = decay * rows.first + gradient
        now = tf.cast(rate * 0.5 ** tf.cast(update // halve_every, tf.float32), gradient.dtype)
        return -now * velocity, velocity, rows.second

    return move


def keep_components(z: tf.Tensor, update: tf.Tensor) -> tf.Tensor:
    """Return z unchanged."""
    return z


def redraw_outside(z: tf.Tensor, update: tf.Tensor) -> tf.Tensor:
    """Redraw each component at or beyond a bound independently (ReverseGAN)."""
    fresh = tf.random.stateless_uniform(tf.shape(z), [1, update], -1, 1, z.dtype)
    return tf.where(tf.abs(z) >= 1, fresh, z)


def redraw_together(z: tf.Tensor, update: tf.Tensor) -> tf.Tensor:
    """Redraw components beyond a bound, with one draw per bound and image (pytorch-reverse-gan)."""
    fresh = tf.random.stateless_uniform([tf.shape(z)[0], 2], [2, update], -1, 1, z.dtype)
    z = tf.where(z > 1, fresh[:, :1], z)
    return tf.where(z < -1, fresh[:, 1:], z)


@dataclass(frozen=True)
class Descent:
    """A first-order method: z <- clip(z + move)."""

    move: UpdateRule
    updates: int  # per start
    starts: int = 1  # per trial; the one with the least image loss counts
    clip: ClipFunction = keep_components
    spread: float = 0.0  # of normal starts around 0; 0: starts from the generator's prior
    precision: str = "float32"  # of z and its update; gradients are float32

    def __call__(self, task: RecoveryBenchmark, trials: int, stop: float) -> MethodResult:
        """Recover the trials, `BATCH` of them at a time."""
        began = time.monotonic()
        run = self._compile_updates(task)
        images = task.make_images(trials)
        self._descend(task, run, np.arange(min(trials, BATCH)), images, 0, (1, stop))
        z = np.zeros((trials, task.generator.latent))
        loss, gradients = np.full(trials, np.inf), np.zeros(trials)
        left = np.arange(trials)
        warm = time.monotonic()
        for start in range(self.starts):
            for first in range(0, len(left), BATCH):
                rows = left[first : first + BATCH]
                ended, there, spent = self._descend(
                    task, run, rows, images[rows], start, (self.updates, stop)
                )
                better = there < loss[rows]
                z[rows[better]], loss[rows[better]] = ended[better], there[better]
                gradients[rows] += spent
            left = np.flatnonzero(loss > RESTART_LOSS)
        return MethodResult(z, loss, gradients, time.monotonic() - warm, warm - began)

    def _descend(
        self,
        task: RecoveryBenchmark,
        run: Any,
        trials: np.ndarray,
        images: np.ndarray,
        start: int,
        limits: tuple[int, float],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the final z of one start of each trial, its image loss and its gradients.

        `limits` are the largest number of updates, and the image loss at which a row is done.
        """
        updates, stop = limits
        rows = self._init_state(task, trials, start)
        targets, places = tf.constant(images[: len(trials)]), np.arange(len(trials))
        ended = np.zeros(rows.z.shape, self.precision)
        loss, spent = np.full(len(trials), np.inf), np.zeros(len(trials))
        done = 0
        while len(places) and done < updates:
            steps = min(UPDATES_PER_CALL, updates - done)
            rows = run(rows, targets, tf.constant(done), tf.constant(steps))
            done += steps
            ended[places], loss[places] = rows.evaluated.numpy(), rows.image_loss.numpy()
            spent[places] += steps
            going = np.flatnonzero(loss[places] > stop)
            if len(going) < len(places):
                rows = DescentState(*(tf.gather(field, going) for field in rows))
                targets, places = tf.gather(targets, going), places[going]
        return ended, np.where(np.isfinite(loss), loss, np.inf), spent

    def _init_state(self, task: RecoveryBenchmark, trials: np.ndarray, start: int) -> DescentState:
        z = task.make_starts(trials, start)
        if self.spread:
            draws = [np.random.default_rng((int(trial), start)) for trial in trials]
            z = np.stack([self.spread * draw.standard_normal(z.shape[1]) for draw in draws])
        at = tf.constant(z, self.precision)
        nothing = tf.zeros_like(at)
        return DescentState(at, nothing, nothing, at, tf.fill([len(trials)], float("inf")))

    def _compile_updates(self, task: RecoveryBenchmark) -> Any:
        """Return a function for `steps` updates of a batch of any size, traced once."""
        latent, shape = task.generator.latent, task.generator.image_shape
        pixels = float(np.prod(shape))

        def run(
            rows: DescentState, targets: tf.Tensor, done: tf.Tensor, steps: tf.Tensor
        ) -> DescentState:
            def update(step: tf.Tensor, rows: DescentState) -> tuple[tf.Tensor, DescentState]:
                here = task.evaluate(rows.z, targets)
                move, first, second = self.move(here.gradient / pixels, rows, done + step)
                z = self.clip(rows.z + move, done + step)
                return step + 1, DescentState(z, first, second, rows.z, here.image_loss)

            moved: DescentState = tf.while_loop(lambda step, _: step < steps, update, (0, rows))[1]
            return moved

        each = tf.TensorSpec([None, latent], self.precision)
        number = tf.TensorSpec([], tf.int32)
        signature = [
            DescentState(each, each, each, each, tf.TensorSpec([None], tf.float32)),
            tf.TensorSpec([None, *shape], tf.float32),
            number,
            number,
        ]
        return tf.function(run, input_signature=signature, autograph=False)
