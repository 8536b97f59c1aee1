"""Compare the speed of gradients with the machine's limit, and the solver with bare gradients.

The matrix product is the fastest of several large ones, in multiply-adds. The bare loop computes
loss and gradient of one batch repeatedly; a gradient counts as twice the multiply-adds of a forward
pass. The solver is `solve` from its second increment on, under the stochastic rule, with trials for
every row. Measurements that are compared alternate in short slices. A share is the median over
these turns.

    python -m benchmarks.speed.roofline         # 2 minutes on two cores
"""

import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import tensorflow as tf

from benchmarks.records import describe_command, format_page, publish
from benchmarks.speed.bare_loop import Call, make_bare_loop, measure_in_turns
from ganinv_cli import formats
from ganinv_cli.engine.devices import find_devices
from ganinv_cli.experiments.plan import NO_RECORD_POINTS
from ganinv_cli.experiments.recover import prepare_known_targets
from ganinv_cli.jobs import Job, JobQueue
from ganinv_cli.loop.solve import solve
from ganinv_cli.loop.trial import Limits
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.preconditioner import measure_preconditioner
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find
from ganinv_cli.solvers import make_solver

SIDES = (1024, 2048, 3072)  # of the matrices
BATCHES = (32, 64, 128)
SECONDS = 0.4  # per slice
SOLVER_SECONDS = 3.0  # per slice of the solver, whose increments take seconds


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--turns", default=8, show_default=True)
@click.option("--out", default="build/roofline.json", type=click.Path(path_type=Path))
def main(checkpoint: str, turns: int, out: Path) -> None:
    """Print a Markdown table of gradients per second and shares, and write it as JSON."""
    device = find_devices("auto")[0]
    with device.scope():
        generator = make_generator(formats.read(find("checkpoint", checkpoint)))
        rows = [*_measure_loops(generator, turns), _measure_solver(generator, turns)]
    title = "Gradients per second, and shares of what is possible"
    about = f"{device.description}, checkpoint {generator.sha256[:12]}; `{describe_command()}`"
    publish({"title": title, "about": about, "rows": rows}, format_page, out)


def make_row(
    rates: Mapping[str, list[float]], what: str, of: str, work: int, batch: int | str = ""
) -> dict[str, str]:
    """Return the speed of a measurement, and its share of another, or of itself: none.

    A gradient takes `work` multiply-adds.
    """
    rate = statistics.median(rates[what])
    shares = [a / b for a, b in zip(rates[what], rates[of], strict=True)]
    is_share = of != what
    return {
        "": what,
        "batch": f"{batch}",
        "gradients/s": f"{rate:,.0f}",
        "G multiply-adds/s": f"{rate * work / 1e9:.0f}",
        "share": f"{statistics.median(shares):.3f}" if is_share else "",
        "in the turns": f"{min(shares):.3f} to {max(shares):.3f}" if is_share else "",
        "of": of if is_share else "",
    }


def _measure_loops(generator: Generator, turns: int) -> Iterator[dict[str, str]]:
    """Yield the rows of the matrix product, and of the bare loop at each batch size."""
    work, peak, loop = 2 * generator.multiply_adds, "matrix product, float32", "bare loop, float32"
    products = {f"product {side}": _make_product(side, work) for side in SIDES}
    loops = {str(size): make_bare_loop(generator, size) for size in BATCHES}
    rates = measure_in_turns(products | loops, turns, SECONDS)
    rates[peak] = max((rates[name] for name in products), key=statistics.median)
    yield make_row(rates, peak, peak, work)
    for size in BATCHES:
        yield make_row({**rates, loop: rates[str(size)]}, loop, peak, work, size)


def _measure_solver(generator: Generator, turns: int) -> dict[str, str]:
    """Return the row of L-BFGS beside a bare loop of its loss."""
    solver, size = make_solver("lbfgs", {}), 64
    increments = solve(
        generator,
        solver,
        JobQueue([Job(trial, rules=("stochastic",)) for trial in range(100_000)]),
        prepare_known_targets(generator, RecoverConfig.seed, size),
        Limits(RecoverConfig.tolerance, RecoverConfig.budget, RecoverConfig.restarts),
        NO_RECORD_POINTS,
        seed=RecoverConfig.seed,
        batch_size=size,
    )
    preconditioner = measure_preconditioner(generator, solver.preconditioner_points)
    inside, outside = "solver, float32", "bare loop, float32, of its loss"
    calls: dict[str, Call] = {
        inside: lambda: float(next(each.gradients for each in increments if each.rows)),
        outside: make_bare_loop(generator, size, preconditioner=preconditioner),
    }
    rates = measure_in_turns(calls, turns, SOLVER_SECONDS)
    return make_row(rates, inside, outside, 2 * generator.multiply_adds, size)


def _make_product(side: int, work: int) -> Call:
    """Return a call of a matrix product; `work` multiply-adds count as a gradient."""
    a = tf.random.stateless_normal([side, side], [0, 0])
    product: Any = tf.function(lambda a: tf.matmul(a, a)[0, 0])

    def call() -> float:
        product(a).numpy()
        return side**3 / work

    return call


if __name__ == "__main__":
    main()
