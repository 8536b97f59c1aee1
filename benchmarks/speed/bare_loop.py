"""A loop of gradients without a solver, which is the most that a device can do."""

import time
from collections.abc import Callable, Mapping

import tensorflow as tf

from ganinv_cli.network.generator import Generator
from ganinv_cli.preconditioner import Preconditioner
from ganinv_cli.problem import Problem

Call = Callable[[], float]  # blocks until done; returns the number of gradients, or an equivalent


def make_bare_loop(
    generator: Generator,
    size: int,
    precision: str = "float32",
    *,
    steps: int = 4,
    preconditioner: Preconditioner | None = None,
) -> Call:
    """Return a call that computes `steps` gradients of a batch, each from the one before."""
    start, true = (
        tf.random.stateless_uniform([size, generator.latent], [0, n], -1, 1) for n in range(2)
    )
    targets = tf.cast(generator(true), precision)
    zeros = tf.zeros(size)
    problem = Problem(generator, targets, zeros, zeros, preconditioner=preconditioner)

    def step(z: tf.Tensor) -> tuple[tf.Tensor]:
        gradient = problem.evaluate(tf.cast(z, precision)).gradient
        return (z - 1e-6 * tf.cast(gradient, tf.float32),)

    @tf.function(autograph=False)
    def run(z: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda z: True, step, (z,), maximum_iterations=steps)[0]

    def call() -> float:
        run(start).numpy()
        return float(steps * size)

    return call


def measure_in_turns(
    calls: Mapping[str, Call], turns: int, seconds: float
) -> dict[str, list[float]]:
    """Return gradients per second of each call, in `turns` slices that alternate.

    Each call first runs once, uncounted. A change in the machine's speed affects all calls.
    """
    for call in calls.values():
        call()
    rates: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            rates[name].append(measure_rate(call, seconds))
    return rates


def measure_rate(call: Call, seconds: float) -> float:
    """Return gradients per second over one call, or over as many as fill a slice."""
    began, done, spent = time.perf_counter(), 0.0, 0.0
    while not done or spent < seconds:
        done += call()
        spent = time.perf_counter() - began
    return done / spent
