"""TensorFlow Probability's L-BFGS on the images and starts of `ganinv recover`."""

import importlib
import time
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.network.generator import Generator
from ganinv_cli.problem import Problem

MEMORY = 50
ITERATIONS, ITERATIONS_PER_CALL = 1000, 10  # finished rows do not move after a call


class Found(NamedTuple):
    """What a method found, and its cost."""

    z: np.ndarray  # (trials, latent)
    image_loss: np.ndarray  # (trials,), ‖G(z) − x‖² summed over pixels
    gradients: float  # mean per trial
    seconds: float  # for all trials together
    startup: float  # seconds before: tracing, warming up


def run_lbfgs(generator: Generator, z_true: np.ndarray, starts: np.ndarray, stop: float) -> Found:
    """Run tfp.optimizer.lbfgs_minimize on all trials at once, from one start each.

    A trial is done at the image loss `stop`. Each evaluation is for every row. The mean over pixels
    is minimised: the first step is the gradient, and with the sum over pixels it would be so long
    that some rows would never recover from it.
    """
    minimize = importlib.import_module("tensorflow_probability").optimizer.lbfgs_minimize
    targets, zeros = generator.render(z_true, len(z_true)), tf.zeros(len(z_true))
    pixels = float(np.prod(targets.shape[1:]))
    problem = Problem(generator, tf.constant(targets), penalty=zeros, residual=zeros)

    def loss_and_grad(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        here = problem.evaluate(z)
        return here.image_loss / pixels, here.gradient / pixels

    def run(**where: Any) -> Any:
        return minimize(loss_and_grad, num_correction_pairs=MEMORY, tolerance=1e-30, **where)

    @tf.function(autograph=False)
    def begin() -> Any:
        return run(initial_position=tf.constant(starts, tf.float32), max_iterations=0)

    @tf.function(autograph=False)
    def go_on(state: Any, until: tf.Tensor) -> Any:
        converged = state.converged | (state.objective_value <= stop / pixels)
        state = state._replace(converged=converged)
        return run(initial_position=None, previous_optimizer_results=state, max_iterations=until)

    began = time.monotonic()
    go_on(begin(), tf.constant(ITERATIONS_PER_CALL))
    warm = time.monotonic()
    state, done = begin(), 0
    while done < ITERATIONS and not np.all(state.converged | state.failed):
        done += ITERATIONS_PER_CALL
        state = go_on(state, tf.constant(done))
    loss = state.objective_value.numpy().astype(np.float64) * pixels
    spent = float(state.num_objective_evaluations)
    return Found(state.position.numpy(), loss, spent, time.monotonic() - warm, warm - began)
