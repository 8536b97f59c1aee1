"""The methods that `peers.py` compares, on the same images, starts and gradient."""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import tensorflow as tf

import ganinv_cli as ganinv
from ganinv_cli.network.generator import Generator
from ganinv_cli.problem import Evaluation, Problem

UNREACHABLE = 1e-30  # a tolerance that stops nothing
RULE = "stochastic"


class Task(NamedTuple):
    """Recover the z of trials 0 to n − 1 of `ganinv recover` on a checkpoint."""

    checkpoint: str
    generator: Generator
    z_true: np.ndarray  # (trials, latent), for the evaluation only
    images: np.ndarray  # (trials, height, width, channels)
    starts: np.ndarray  # (trials, latent), z of the first starts

    def evaluate(self, z: tf.Tensor, targets: tf.Tensor) -> Evaluation:
        """Return the image loss of each row of z (batch, latent), and its gradient."""
        zeros = tf.zeros([tf.shape(z)[0]])
        return Problem(self.generator, targets, penalty=zeros, residual=zeros).evaluate(z)


class MethodResult(NamedTuple):
    """The results of a method, one row per trial, and their cost."""

    z: np.ndarray  # (trials, latent)
    image_loss: np.ndarray  # (trials,), ‖G(z) − x‖² summed over pixels
    gradients: np.ndarray  # (trials,), with each trial's share of costs once per run
    seconds: float  # for all trials together
    startup: float  # seconds before: tracing, warming up


Method = Callable[[Task, float], MethodResult]  # the number is the image loss that ends a trial


def make_task(checkpoint: str, generator: Generator, trials: int) -> Task:
    """Return the task of `ganinv recover`, from a run that does nothing with it."""
    run = ganinv.recover(checkpoint, trials=trials, rule=RULE, solver="gd", budget=2, restarts=0)
    z = run.columns("")["z_true"]
    starts = run.columns(RULE)["z_start"].astype(np.float32)
    return Task(checkpoint, generator, z, generator.render(z, trials), starts)


def run_ganinv(task: Task, stop: float) -> MethodResult:
    """Run ganinv's default: a trial ends by its own estimated bound, not at `stop`.

    The gradients of each trial include its share of the preconditioner's. The precision is
    automatic: bfloat16 gradients first if they are fast, unlike other methods.
    """
    return _recover(task)


@dataclass(frozen=True)
class PaperDescent:
    """The authors' method: descent at rate 1, halved every 50,000 updates, with redraws."""

    updates: int

    def __call__(self, task: Task, stop: float) -> MethodResult:
        """Run one start per trial, until its image loss is at most `stop`."""
        gd = {"rate": 1.0, "halve_every": 50_000}
        return _recover(
            task, solver="gd", gd=gd, budget=self.updates + 1, tolerance=stop, restarts=0
        )


def _recover(task: Task, **settings: Any) -> MethodResult:
    began = time.monotonic()
    run = ganinv.recover(task.checkpoint, trials=len(task.z_true), rule=RULE, **settings)
    columns, (row,) = run.columns(RULE), run.tables["table1"]
    seconds = float(columns["seconds"].sum())
    return MethodResult(
        columns["z_found"],
        columns["image_loss"],
        columns["gradients"] + row["gradients_shared"],
        seconds,
        time.monotonic() - began - seconds,
    )


@dataclass(frozen=True)
class BoundedLBFGS:
    """scipy.optimize.minimize(method="L-BFGS-B") in bounds [low, high], one image at a time."""

    memory: int
    budget: int = 5000  # gradients

    def __call__(self, task: Task, stop: float) -> MethodResult:
        """Run one start per trial, until its loss is at most `stop` or the method gives up."""
        shape = task.generator.image_shape
        signature = [tf.TensorSpec([1, task.generator.latent]), tf.TensorSpec([1, *shape])]
        evaluate = tf.function(task.evaluate, input_signature=signature)
        began = time.monotonic()
        evaluate(tf.constant(task.starts[:1]), tf.constant(task.images[:1]))
        warm = time.monotonic()
        ends = [self._solve(task, evaluate, row, stop) for row in range(len(task.starts))]
        return MethodResult(
            np.stack([end.x for end in ends]),
            np.array([end.fun for end in ends]),
            np.array([float(end.nfev) for end in ends]),
            time.monotonic() - warm,
            warm - began,
        )

    def _solve(self, task: Task, evaluate: Any, row: int, stop: float) -> Any:
        target = tf.constant(task.images[row : row + 1])

        def loss_and_grad(z: np.ndarray) -> tuple[float, np.ndarray]:
            here = evaluate(tf.constant(z[None], tf.float32), target)
            return float(here.image_loss[0]), here.gradient[0].numpy().astype(np.float64)

        def stop_when_converged(intermediate_result: Any) -> None:
            if intermediate_result.fun <= stop:
                raise StopIteration

        prior = task.generator.prior
        return scipy.optimize.minimize(
            loss_and_grad,
            task.starts[row].astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            bounds=[(prior.low, prior.high)] * task.generator.latent,
            callback=stop_when_converged,
            options={
                **{"maxcor": self.memory, "maxfun": self.budget, "maxiter": self.budget},
                **{"ftol": UNREACHABLE, "gtol": UNREACHABLE},
            },
        )


@dataclass(frozen=True)
class BatchedLBFGS:
    """tfp.optimizer.lbfgs_minimize on all trials at once; each evaluation is for every row.

    It minimises the mean over pixels. Its first step is the gradient; with the sum over pixels this
    step would be too long, and some rows would never recover from it.
    """

    memory: int
    iterations: int = 1000
    iterations_per_call: int = 10  # finished rows do not move after a call

    def __call__(self, task: Task, stop: float) -> MethodResult:
        """Run one start per trial, until every image loss is at most `stop` or no row continues."""
        began = time.monotonic()
        begin, go_on = self._compile(task, stop)
        go_on(begin(), tf.constant(self.iterations_per_call))
        warm = time.monotonic()
        state, done = begin(), 0
        while done < self.iterations and not np.all(state.converged | state.failed):
            done += self.iterations_per_call
            state = go_on(state, tf.constant(done))
        seconds = time.monotonic() - warm
        loss = state.objective_value.numpy().astype(np.float64) * np.prod(task.images.shape[1:])
        spent = np.full(len(loss), float(state.num_objective_evaluations))
        return MethodResult(state.position.numpy(), loss, spent, seconds, warm - began)

    def _compile(self, task: Task, stop: float) -> tuple[Any, Any]:
        minimize = importlib.import_module("tensorflow_probability").optimizer.lbfgs_minimize
        starts, targets = tf.constant(task.starts), tf.constant(task.images)
        pixels = float(np.prod(targets.shape[1:]))

        def loss_and_grad(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            here = task.evaluate(z, targets)
            return here.image_loss / pixels, here.gradient / pixels

        def run(**where: Any) -> Any:
            return minimize(
                loss_and_grad, num_correction_pairs=self.memory, tolerance=UNREACHABLE, **where
            )

        def begin() -> Any:
            return run(initial_position=starts, max_iterations=0)

        def go_on(state: Any, until: tf.Tensor) -> Any:
            converged = state.converged | (state.objective_value <= stop / pixels)
            return run(
                initial_position=None,
                previous_optimizer_results=state._replace(converged=converged),
                max_iterations=until,
            )

        return tf.function(begin), tf.function(go_on)
