"""Measure gradients per second of a matrix product, a bare loop, a Jacobian and the solvers."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli import preconditioner
from ganinv_cli.experiments.plan import NO_RECORD_POINTS
from ganinv_cli.experiments.recover import prepare_known_targets
from ganinv_cli.jobs import Job, JobQueue
from ganinv_cli.loop.solve import solve
from ganinv_cli.loop.trial import Limits, RecordPoints
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.graph import chain
from ganinv_cli.network.layered import LayeredGenerator
from ganinv_cli.network.layers import (
    Activation,
    ConvTranspose,
    Dense,
    Layer,
    Reshape,
    same_crop,
)
from ganinv_cli.preconditioner import Preconditioner
from ganinv_cli.prior import Uniform
from ganinv_cli.problem import Problem
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.solvers import make_solver
from roofline_study.table import Row

SIDES = (1024, 2048, 3072)  # of the matrices
PRECISIONS = ("float32", "bfloat16")
GRADIENTS = 128  # in a call of the bare loop, or the batch size if that is larger
RULE = "stochastic"
SETTINGS: Mapping[str, Any] = {}  # of the solver, so that it computes in float32 alone
DESCENT_LIMITS = Limits(0.0, 100_001, 0)  # of gradient descent, as in the preset paper-text
POINTS = RecordPoints(np.rint(np.geomspace(1, 1e4, 40)) * 10, np.array([100.0, 20_000.0]))
BARE_STEPS = 50  # in a call of the bare loop of a small generator

Call = Callable[[], float]  # blocks until done; returns the number of gradients, or an equivalent
Rates = dict[str, list[float]]  # gradients per second, for each slice


@dataclass(frozen=True)
class Plan:
    """Durations and sizes of the measurements."""

    batches: tuple[int, ...]
    turns: int
    seconds: float  # per slice
    solver_seconds: float  # per slice of the solver, whose increments take seconds
    small_widths: tuple[tuple[int, ...], ...] = ((64, 32, 16), (32, 16))  # of generators for gd
    descent_batches: tuple[int, ...] = (64, 256)


FULL = Plan((16, 32, 64, 128), turns=8, seconds=0.4, solver_seconds=3.0)
QUICK = Plan((32, 64), turns=3, seconds=0.3, solver_seconds=1.5)


def measure_rows(generator: Generator, plan: Plan) -> Iterator[Row]:
    """Yield all rows, in the order of the table."""
    best: dict[str, int] = {}
    for precision in PRECISIONS:
        rows = _measure_peak_shares(generator, plan, precision)
        best[precision] = max(rows, key=lambda row: row.rate * (row.batch is not None)).batch or 0
        yield from rows
    yield from _measure_loop_shares(generator, plan, best)
    yield _measure_solver(generator, plan, best["float32"])


def measure_descent(plan: Plan) -> Iterator[Row]:
    """Yield the rows of gradient descent on each small generator, at each batch size."""
    for widths in plan.small_widths:
        generator = _make_small_generator(widths)
        name = "×".join(map(str, generator.image_shape))
        for size in plan.descent_batches:
            inside, outside = f"descent, {name}", f"bare loop, {name}"
            calls = {
                inside: _make_solver_call(generator, "gd", {}, size, DESCENT_LIMITS, POINTS),
                outside: _make_loop(generator, size, "float32", steps=BARE_STEPS),
            }
            rates = _measure_in_turns(calls, plan.turns, plan.solver_seconds)
            yield _make_row(rates, inside, outside, 2 * generator.multiply_adds, size)


def _make_small_generator(widths: tuple[int, ...]) -> Generator:
    """Return a grey DCGAN with random weights: 4×4 maps of the first width, then doubled sides."""
    random, latent, kernel, stride = np.random.default_rng(0), 100, (5, 5), (2, 2)
    layers: list[Layer] = [
        Dense(
            random.normal(0, 0.5, (latent, 16 * widths[0])).astype(np.float32),
            np.zeros(16 * widths[0], np.float32),
        ),
        Reshape((4, 4, widths[0])),
    ]
    for inputs, outputs in itertools.pairwise((*widths, 1)):
        scale = 1 / np.sqrt(25 / 4 * inputs)
        weights = random.normal(0, scale, (*kernel, outputs, inputs)).astype(np.float32)
        bias, crop = np.zeros(outputs, np.float32), same_crop(kernel, stride)
        layers += [Activation("relu"), ConvTranspose(weights, bias, stride, crop)]
    return LayeredGenerator(chain(latent, [*layers, Activation("tanh")]), Uniform())


def _measure_peak_shares(generator: Generator, plan: Plan, precision: str) -> list[Row]:
    """Return the rows of the matrix product, and of the bare loop at each batch size."""
    work = 2 * generator.multiply_adds
    products = {f"product {side}": _make_product(side, precision, work) for side in SIDES}
    loops = {f"loop {size}": _make_loop(generator, size, precision) for size in plan.batches}
    rates = _measure_in_turns(products | loops, plan.turns, plan.seconds)
    peak = f"matrix product, {precision}"
    rates[peak] = max((rates[name] for name in products), key=statistics.median)
    rows = [_make_row(rates, peak, peak, work)]
    for name, size in zip(loops, plan.batches, strict=True):
        row = _make_row(rates, name, peak, work, size)
        rows.append(replace(row, what=f"bare loop, {precision}"))
    return rows


def _measure_loop_shares(generator: Generator, plan: Plan, best: Mapping[str, int]) -> list[Row]:
    """Return the rows of lower precision and of forward products."""
    calls = {f"bare loop, {of}": _make_loop(generator, best[of], of) for of in PRECISIONS}
    calls |= {f"Jacobian at one z, {of}": _make_jacobian(generator, of) for of in PRECISIONS}
    rates = _measure_in_turns(calls, plan.turns, plan.seconds)
    whole, *names = calls
    batches = (best["bfloat16"], generator.latent, generator.latent)
    work = 2 * generator.multiply_adds
    return [
        _make_row(rates, name, whole, work, size) for name, size in zip(names, batches, strict=True)
    ]


def _measure_solver(generator: Generator, plan: Plan, size: int) -> Row:
    """Return the row of the default solver, beside the bare loop of its loss."""
    limits = Limits(RecoverConfig.tolerance, RecoverConfig.budget, RecoverConfig.restarts)
    inside, outside = "solver, float32", "bare loop, float32, of its loss"
    levelled = preconditioner.measure_preconditioner(
        generator, make_solver("lbfgs", SETTINGS).preconditioner_points
    )
    calls = {
        inside: _make_solver_call(generator, "lbfgs", SETTINGS, size, limits, NO_RECORD_POINTS),
        outside: _make_loop(generator, size, "float32", levelled),
    }
    rates = _measure_in_turns(calls, plan.turns, plan.solver_seconds)
    return _make_row(rates, inside, outside, 2 * generator.multiply_adds, size)


def _make_solver_call(
    generator: Generator,
    solver: str,
    settings: Mapping[str, Any],
    size: int,
    limits: Limits,
    record_points: RecordPoints,
) -> Call:
    """Return a call that runs the next increment of a solver with trials for every row."""
    looks = solve(
        generator,
        make_solver(solver, settings),
        JobQueue([Job(trial, rules=(RULE,)) for trial in range(100_000)]),
        prepare_known_targets(generator, RecoverConfig.seed, size),
        limits,
        record_points,
        seed=RecoverConfig.seed,
        batch_size=size,
    )
    return lambda: float(next(look.gradients for look in looks if look.rows))


def _measure_in_turns(calls: Mapping[str, Call], turns: int, seconds: float) -> Rates:
    """Return the rates of `turns` slices of each call, alternating, after each has run once."""
    for call in calls.values():
        call()
    rates: Rates = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            rates[name].append(_measure_rate(call, seconds))
    return rates


def _measure_rate(call: Call, seconds: float) -> float:
    """Return gradients per second over a slice of at least `seconds`."""
    began, done, spent = time.perf_counter(), 0.0, 0.0
    while spent < seconds:
        done += call()
        spent = time.perf_counter() - began
    return done / spent


def _make_product(side: int, precision: str, work: int) -> Call:
    """Return a call of a matrix product; `work` multiply-adds count as a gradient."""
    a = tf.cast(tf.random.stateless_normal([side, side], [0, 0]), precision)
    product = tf.function(lambda a: tf.matmul(a, a)[0, 0])

    def call() -> float:
        product(a).numpy()
        return side**3 / work

    return call


def _make_loop(
    generator: Generator,
    size: int,
    precision: str,
    loss_preconditioner: Preconditioner | None = None,
    steps: int = 0,
) -> Call:
    """Return a call of a loop of gradients, of the image loss or of the preconditioned loss."""
    start, true = (
        tf.random.stateless_uniform([size, generator.latent], [0, n], -1, 1) for n in range(2)
    )
    nothing = tf.zeros(size)
    targets = tf.cast(generator(true), precision)
    problem = Problem(generator, targets, nothing, nothing, preconditioner=loss_preconditioner)
    steps = steps or max(1, GRADIENTS // size)

    def step(z: tf.Tensor) -> tuple[tf.Tensor]:
        return (z - 1e-6 * problem.evaluate(z).gradient,)  # each needs the one before

    @tf.function(autograph=False)
    def run(z: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda z: True, step, (z,), maximum_iterations=steps)[0]

    def call() -> float:
        run(start).numpy()
        return float(steps * size)

    return call


def _make_jacobian(generator: Generator, precision: str) -> Call:
    """Return a call that computes all columns of J at once."""
    z = tf.random.stateless_uniform([1, generator.latent], [0, 0], -1, 1)
    moves = tf.eye(generator.latent, dtype=precision)
    run = tf.function(generator.jvp)

    def call() -> float:
        run(z, moves)[0, 0, 0, 0].numpy()
        return generator.latent / 2

    return call


def _make_row(rates: Rates, what: str, of: str, work: int, batch: int | None = None) -> Row:
    rate = statistics.median(rates[what])
    shares = [a / b for a, b in zip(rates[what], rates[of], strict=True)]
    least, most = min(shares), max(shares)
    return Row(what, batch, rate, rate * work, of, statistics.median(shares), least, most)
