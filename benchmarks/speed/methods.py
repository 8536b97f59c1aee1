"""Other methods that find z, with their authors' settings and the gradient of ganinv.

A method returns `solve(stop)`, which ends a trial at this image loss and returns the z of all
trials and the gradients of each. SciPy and TensorFlow Probability solve one image after the other
from one start, and end a trial as well at MAX_GRADIENTS or if their line search fails. Two descents
minimise the mean squared error of an image, in one batch: csgm as `celebA_projection.sh` of
github.com/AshishBora/csgm (Bora et al. 2017), and Defense-GAN as `models/gan.py` of
github.com/kabkabm/defensegan (Samangouei et al. 2018). All starts are from the generator's prior.
"""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.ground_truth import draw_true_z
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.randomness import Purpose, uniform

SEED = 1  # nothing was tuned on it; ganinv's settings were chosen on seed 0
MEMORY = 50  # pairs of steps and gradients
MAX_GRADIENTS = 2000  # per trial, for SciPy and, nearly, TensorFlow Probability
Pair = tuple[tf.Tensor, tf.Tensor]
Arrays = tuple[np.ndarray, np.ndarray]
Solve = Callable[[float], Arrays]  # stop -> z (trials, latent), gradients (trials,)


class Task(NamedTuple):
    """Trials 0 to n − 1 of `ganinv recover`."""

    generator: Generator
    z_true: np.ndarray  # (trials, latent)
    images: tf.Tensor  # (trials, height, width, channels)

    def draw_starts(self, number: int) -> tf.Tensor:
        """Return start `number` of each trial: (trials, latent)."""
        trials = tf.range(len(self.z_true), dtype=tf.int64)
        numbers = tf.zeros_like(trials) + number
        share = uniform(SEED, trials, Purpose.start, numbers, self.generator.latent)
        return self.generator.prior.quantile(share)

    def evaluate(self, z: tf.Tensor, images: tf.Tensor) -> Pair:
        """Return the image loss (batch,) and its gradient (batch, latent)."""
        zeros = tf.zeros(tf.shape(z)[:1])
        evaluation = Problem(self.generator, images, zeros).evaluate(z)
        return evaluation.image_loss, evaluation.gradient


def make_task(generator: Generator, trials: int) -> Task:
    """Return the task, with images in float32."""
    z_true = draw_true_z(generator, SEED, np.arange(trials))
    return Task(generator, z_true, tf.constant(generator.render(z_true, trials)))


def use_scipy(task: Task) -> Solve:
    """Use L-BFGS-B in the bounds of the prior; all but the gradient is in float64."""
    evaluate = tf.function(task.evaluate, autograph=False, reduce_retracing=True)
    prior = task.generator.prior
    limits = {"ftol": 0, "gtol": 0, "maxfun": MAX_GRADIENTS, "maxiter": MAX_GRADIENTS}
    minimize = partial(
        scipy.optimize.minimize,
        method="L-BFGS-B",
        bounds=[(prior.low, prior.high)] * task.generator.latent,
        options={"maxcor": MEMORY} | limits,
    )

    def loss_and_gradient(z: np.ndarray, image: tf.Tensor) -> tuple[float, np.ndarray]:
        loss, gradient = evaluate(tf.constant(z[None], tf.float32), image[None])
        return float(loss[0]), gradient[0].numpy().astype(np.float64)

    def solve(stop: float) -> Arrays:
        def stop_if_done(intermediate_result: Any) -> None:
            if intermediate_result.fun <= stop:
                raise StopIteration

        ends = [
            minimize(loss_and_gradient, start, image, jac=True, callback=stop_if_done)
            for start, image in zip(task.draw_starts(0).numpy(), task.images, strict=True)
        ]
        return np.array([end.x for end in ends]), np.array([end.nfev for end in ends])

    return solve


def use_tfp(task: Task) -> Solve:
    """Use TensorFlow Probability's L-BFGS, without bounds, on the mean squared error.

    Its first step is the gradient, which would be too long with the sum. An iteration takes about
    three gradients. At the stop the gradient is given as 0, which ends the search.
    """
    minimize = importlib.import_module("tensorflow_probability").optimizer.lbfgs_minimize
    values = float(task.generator.count_values())

    @tf.function(autograph=False)
    def run(start: tf.Tensor, image: tf.Tensor, stop: tf.Tensor) -> Any:
        def loss_and_gradient(z: tf.Tensor) -> Pair:
            loss, gradient = task.evaluate(z[None], image[None])
            return loss[0] / values, tf.where(loss[0] <= stop, 0.0, gradient[0] / values)

        return minimize(
            loss_and_gradient,
            start,
            num_correction_pairs=MEMORY,
            max_iterations=MAX_GRADIENTS // 3,
            tolerance=1e-30,
            x_tolerance=-1.0,
            f_relative_tolerance=-1.0,
            f_absolute_tolerance=-1.0,
        )

    def solve(stop: float) -> Arrays:
        trials = zip(task.draw_starts(0), task.images, strict=True)
        ends = [run(*each, tf.constant(stop)) for each in trials]
        gradients = [end.num_objective_evaluations for end in ends]
        return np.array([end.position for end in ends]), np.array(gradients)

    return solve


def adam(gradient: tf.Tensor, moments: Pair, count: tf.Tensor) -> tuple[tf.Tensor, Pair]:
    """Return the step of Adam at rate .1, as TensorFlow 1 computes it, and both moments."""
    mean = 0.9 * moments[0] + 0.1 * gradient
    square = 0.999 * moments[1] + 0.001 * gradient**2
    rate = 0.1 * tf.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    return -rate * mean / (tf.sqrt(square) + 1e-8), (mean, square)


def momentum(gradient: tf.Tensor, moments: Pair, count: tf.Tensor) -> tuple[tf.Tensor, Pair]:
    """Return the step of momentum .7 at rate 10, and 1 after 160 updates, and the velocity."""
    velocity = 0.7 * moments[0] + gradient
    return -tf.where(count <= 160, 10.0, 1.0) * velocity, (velocity, moments[1])


def descend(rule: Callable[..., Any], updates: int, starts: int, task: Task) -> Solve:
    """Descend from some starts, and keep the end of least image loss, until a trial is done."""
    values = float(task.generator.count_values())

    @tf.function(autograph=False, reduce_retracing=True)
    def run(z: tf.Tensor, images: tf.Tensor, stop: tf.Tensor) -> Any:
        def step(count: Any, z: Any, loss: Any, gradients: Any, moments: Pair) -> Any:
            rows = tf.where(loss > stop)  # not done
            losses, slopes = task.evaluate(tf.gather_nd(z, rows), tf.gather_nd(images, rows))
            loss = tf.tensor_scatter_nd_update(loss, rows, losses)
            gradient = tf.scatter_nd(rows, slopes / values, tf.shape(z, tf.int64))
            move, moments = rule(gradient, moments, count)
            is_moved = (loss > stop) & (count <= updates)  # the last z is only evaluated
            gradients = tf.tensor_scatter_nd_add(gradients, rows, tf.ones_like(losses))
            return count + 1, tf.where(is_moved[:, None], z + move, z), loss, gradients, moments

        zeros, infinite = tf.zeros_like(z), tf.fill(tf.shape(z)[:1], np.inf)
        return tf.while_loop(
            lambda count, z, loss, *_: tf.reduce_any(loss > stop),
            step,
            (1.0, z, infinite, zeros[:, 0], (zeros, zeros)),
            maximum_iterations=updates + 1,
        )[1:4]

    def solve(stop: float) -> Arrays:
        z, gradients = task.draw_starts(0).numpy(), np.zeros(len(task.z_true))
        least = np.full(len(z), np.inf)  # image loss of each z
        for number in range(starts):
            left = np.flatnonzero(least > stop)
            begin, images = (tf.gather(a, left) for a in (task.draw_starts(number), task.images))
            end, loss, spent = (a.numpy() for a in run(begin, images, tf.constant(stop)))
            better = loss < least[left]
            z[left[better]], least[left[better]] = end[better], loss[better]
            gradients[left] += spent
        return z, gradients

    return solve


METHODS: dict[str, Callable[[Task], Solve]] = {
    "SciPy L-BFGS-B": use_scipy,
    "TFP L-BFGS": use_tfp,
    "csgm": partial(descend, adam, 1000, 2),
    "Defense-GAN": partial(descend, momentum, 200, 10),
}
