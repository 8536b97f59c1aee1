"""The task of every method: images with z known only to the evaluation, starts, a gradient."""

import statistics
import time
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.experiments.recover import prepare_known_targets
from ganinv_cli.jobs import Job
from ganinv_cli.network.generator import Generator
from ganinv_cli.problem import Evaluation, Problem
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.settings.config import RecoverConfig

SEED = 0
RESTART_LOSS = 1e-2  # image loss, summed over pixels, below which no restart is needed
BATCH = RecoverConfig().initial_batch_size  # largest number of rows
PACE_STEPS = 5  # gradients of a batch per call
PACE_CALLS = 3


class MethodResult(NamedTuple):
    """The results of a method, one row per trial, and their cost."""

    z: np.ndarray  # (trials, latent)
    image_loss: np.ndarray  # (trials,), ‖G(z) − x‖² summed over pixels
    gradients: np.ndarray  # (trials,), with each trial's share of costs once per run
    seconds: float  # for all trials together, with measurements of the generator
    startup: float  # seconds before: tracing, warming up


# (benchmark, number of trials, image loss at which a trial is done) -> results
Method = Callable[["RecoveryBenchmark", int, float], MethodResult]


class RecoveryBenchmark:
    """Recover the z of trials 0 to n − 1, the trials of `ganinv recover`."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def make_images(self, trials: int) -> np.ndarray:
        """Return the targets, float32 (trials, height, width, channels)."""
        return self._make_targets(trials)[0]

    def z_error(self, found: np.ndarray) -> np.ndarray:
        """Return ‖found − true‖² / latent of z (trials, latent); for the evaluation only."""
        away = found.astype(np.float64) - self._make_targets(len(found))[1]
        error: np.ndarray = (away**2).mean(axis=-1)
        return error

    def make_starts(self, trials: np.ndarray, number: int) -> np.ndarray:
        """Return z of start `number` of these trials, as in ganinv: float32 (trials, latent)."""
        names = tf.constant(trials, tf.int64)
        count = tf.fill([len(trials)], tf.constant(number, tf.int64))
        share = uniform(SEED, names, Purpose.start, count, self.generator.latent)
        z: np.ndarray = self.generator.prior.quantile(share).numpy()
        return z

    def evaluate(self, z: tf.Tensor, targets: tf.Tensor) -> Evaluation:
        """Evaluate the image loss alone: one gradient per row of z (batch, latent)."""
        nothing = tf.zeros([tf.shape(z)[0]])
        return Problem(self.generator, targets, penalty=nothing, residual=nothing).evaluate(z)

    def measure_pace(self) -> float:
        """Return the machine's current speed on a full batch, in gradients per second."""
        z, targets = self._pace_batch
        rates = []
        for _ in range(PACE_CALLS):
            began = time.monotonic()
            self._pace_loop(z, targets).numpy()
            rates.append(PACE_STEPS * BATCH / (time.monotonic() - began))
        return statistics.median(rates)

    def _make_targets(self, trials: int) -> tuple[np.ndarray, np.ndarray]:
        jobs = [Job(trial, rules=("stochastic",)) for trial in range(trials)]
        sought = prepare_known_targets(self.generator, SEED, BATCH)(jobs)
        return np.stack([t.image for t in sought]), np.stack([t.z_true for t in sought])

    @cached_property
    def _pace_batch(self) -> tuple[tf.Tensor, tf.Tensor]:
        pair = (
            tf.constant(self.make_starts(np.arange(BATCH), 0)),
            tf.constant(self.make_images(BATCH)),
        )
        self._pace_loop(*pair).numpy()  # traced before the first is timed
        return pair

    @cached_property
    def _pace_loop(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        def run(z: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
            def step(z: tf.Tensor) -> tuple[tf.Tensor]:
                return (z - 1e-6 * self.evaluate(z, targets).gradient,)  # each needs the one before

            return tf.while_loop(lambda z: True, step, (z,), maximum_iterations=PACE_STEPS)[0]

        return tf.function(run, autograph=False)  # type: ignore[no-any-return]
