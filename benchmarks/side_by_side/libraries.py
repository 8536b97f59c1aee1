"""General-purpose optimisers of SciPy and TensorFlow Probability on the same gradient."""

import contextlib
import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize
import tensorflow as tf

from ganinv_cli.network.jacobian import compute_jacobian
from side_by_side.task import MethodResult, RecoveryBenchmark

UNREACHABLE = 1e-30  # a tolerance that stops nothing

Solution = tuple[np.ndarray, float, float]  # z (latent,), its image loss, gradients


@dataclass(frozen=True)
class BoundedLBFGS:
    """scipy.optimize.minimize(method="L-BFGS-B") in bounds [low, high], one image at a time."""

    memory: int = 10  # scipy's own
    budget: int = 5000  # gradients

    def __call__(self, task: RecoveryBenchmark, trials: int, stop: float) -> MethodResult:
        """One start a trial, until the image loss is at most `stop` or the method gives up."""
        evaluate = _compile_gradient(task)

        def warm_up(z: np.ndarray, image: np.ndarray) -> None:
            evaluate(tf.constant(z[None]), tf.constant(image[None]))

        def solve(z: np.ndarray, image: np.ndarray) -> Solution:
            return self._solve(task, evaluate, z, image, stop)

        return _run_one_by_one(task, trials, warm_up, solve)

    def _solve(
        self,
        task: RecoveryBenchmark,
        evaluate: Any,
        start: np.ndarray,
        image: np.ndarray,
        stop: float,
    ) -> Solution:
        def loss_and_grad(z: np.ndarray) -> tuple[float, np.ndarray]:
            here = evaluate(tf.constant(z[None], tf.float32), target)
            return float(here.image_loss[0]), here.gradient[0].numpy().astype(np.float64)

        def stop_when_converged(intermediate_result: Any) -> None:
            if intermediate_result.fun <= stop:
                raise StopIteration

        target = tf.constant(image[None])
        prior = task.generator.prior
        options = {
            "maxcor": self.memory,
            "ftol": UNREACHABLE,
            "gtol": UNREACHABLE,
            "maxfun": self.budget,
            "maxiter": self.budget,
        }
        found = scipy.optimize.minimize(
            loss_and_grad,
            start.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            bounds=[(prior.low, prior.high)] * len(start),
            callback=stop_when_converged,
            options=options,
        )
        return found.x, float(found.fun), float(found.nfev)


@dataclass(frozen=True)
class BoundedLeastSquares:
    """scipy.optimize.least_squares(method="trf"), bounds [low, high], with the exact J.

    A residual, or a column of the Jacobian, counts as half a gradient: it is one forward pass.
    """

    max_evaluations: int = 200  # evaluations of the residual

    def __call__(self, task: RecoveryBenchmark, trials: int, stop: float) -> MethodResult:
        """One start a trial, until the image loss is at most `stop` or the method gives up."""

        def warm_up(z: np.ndarray, image: np.ndarray) -> None:
            task.generator.render(z[None], 1)
            compute_jacobian(task.generator, z)

        def solve(z: np.ndarray, image: np.ndarray) -> Solution:
            return self._solve(task, z, image, stop)

        return _run_one_by_one(task, trials, warm_up, solve)

    def _solve(
        self, task: RecoveryBenchmark, start: np.ndarray, image: np.ndarray, stop: float
    ) -> Solution:
        spent, best = 0.0, (start, np.inf)

        def residual(z: np.ndarray) -> np.ndarray:
            nonlocal spent, best
            spent += 0.5
            made = task.generator.render(z[None].astype(np.float32), 1)[0]
            away: np.ndarray = (made - image).astype(np.float64).ravel()
            loss = float(away @ away)
            best = min(best, (z.copy(), loss), key=lambda each: each[1])
            if loss <= stop:
                raise _ConvergedError
            return away

        def jacobian(z: np.ndarray) -> np.ndarray:
            nonlocal spent
            spent += 0.5 * (len(z) + 1)
            return compute_jacobian(task.generator, z).T.astype(np.float64)

        prior = task.generator.prior
        with contextlib.suppress(_ConvergedError):
            scipy.optimize.least_squares(
                residual,
                start.astype(np.float64),
                jacobian,
                bounds=(prior.low, prior.high),
                method="trf",
                max_nfev=self.max_evaluations,
            )
        return *best, spent


@dataclass(frozen=True)
class BatchedLBFGS:
    """tfp.optimizer.lbfgs_minimize on all trials at once; each evaluation is for every row.

    It minimises the mean over pixels. Its first step is the gradient; with the sum over pixels this
    step would be too long, and some rows would never recover from it.
    """

    memory: int = 10  # its own
    iterations: int = 1000
    iterations_per_call: int = 10  # iterations per call; finished rows do not move after it

    def __call__(self, task: RecoveryBenchmark, trials: int, stop: float) -> MethodResult:
        """Run one start per trial, until every image loss is at most `stop` or no row continues."""
        began = time.monotonic()
        targets = tf.constant(task.make_images(trials))
        starts = tf.constant(task.make_starts(np.arange(trials), 0))
        begin, go_on = self._compile(task, starts, targets, stop)
        go_on(begin(), tf.constant(self.iterations_per_call))
        warm = time.monotonic()
        state, done = begin(), 0
        while done < self.iterations and not np.all(state.converged | state.failed):
            done += self.iterations_per_call
            state = go_on(state, tf.constant(done))
        seconds = time.monotonic() - warm
        loss = state.objective_value.numpy().astype(np.float64) * np.prod(targets.shape[1:])
        spent = np.full(trials, float(state.num_objective_evaluations))
        return MethodResult(state.position.numpy(), loss, spent, seconds, warm - began)

    def _compile(
        self, task: RecoveryBenchmark, starts: tf.Tensor, targets: tf.Tensor, stop: float
    ) -> tuple[Any, Any]:
        minimize = importlib.import_module("tensorflow_probability").optimizer.lbfgs_minimize
        pixels = float(np.prod(targets.shape[1:]))
        settings = {"num_correction_pairs": self.memory, "tolerance": UNREACHABLE}

        def loss_and_grad(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            here = task.evaluate(z, targets)
            return here.image_loss / pixels, here.gradient / pixels

        def begin() -> Any:
            return minimize(loss_and_grad, initial_position=starts, max_iterations=0, **settings)

        def go_on(state: Any, until: tf.Tensor) -> Any:
            explained = state.objective_value <= stop / pixels
            state = state._replace(converged=state.converged | explained)
            return minimize(
                loss_and_grad,
                initial_position=None,
                previous_optimizer_results=state,
                max_iterations=until,
                **settings,
            )

        return tf.function(begin), tf.function(go_on)


class _ConvergedError(Exception):
    """Raised to stop an optimiser that has no other way to be stopped."""


def _run_one_by_one(
    task: RecoveryBenchmark,
    trials: int,
    warm_up: Callable[[np.ndarray, np.ndarray], None],
    solve: Callable[[np.ndarray, np.ndarray], Solution],
) -> MethodResult:
    """Run each trial's first start; `warm_up` is called once before the time is measured."""
    began = time.monotonic()
    images, starts = task.make_images(trials), task.make_starts(np.arange(trials), 0)
    warm_up(starts[0], images[0])
    warm = time.monotonic()
    ends = [solve(start, image) for start, image in zip(starts, images, strict=True)]
    seconds = time.monotonic() - warm
    z, loss, spent = zip(*ends, strict=True)
    return MethodResult(np.stack(z), np.array(loss), np.array(spent), seconds, warm - began)


def _compile_gradient(task: RecoveryBenchmark) -> Any:
    """Return the compiled gradient for one image."""
    latent, shape = task.generator.latent, task.generator.image_shape
    signature = [tf.TensorSpec([1, latent]), tf.TensorSpec([1, *shape])]
    return tf.function(task.evaluate, input_signature=signature)
