"""Compare the speed of gradients with the machine's limit, and the solver with bare gradients.

The matrix product is the fastest of several large ones, in multiply-adds. The bare loop computes
loss and gradient of one batch repeatedly; a gradient counts as twice the multiply-adds of a forward
pass. The solver is `solve` from its second increment on, under the stochastic rule, with trials for
every row. Descent is the same for `gd`, on smaller generators. Measurements that are compared
alternate in short slices. A share is the median over these turns.

    python -m benchmarks.speed.roofline --out docs/solvers/roofline.json    # 3 minutes on two cores
    python -m benchmarks.speed.roofline --quick                             # 1 minute
"""

import itertools
import statistics
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import click
import tensorflow as tf
from tabulate import tabulate

from benchmarks.pages import Record, describe_command, publish
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
SMALL = ("faces32", "faces16")  # generators for descent
LIMITS = Limits(RecoverConfig.tolerance, RecoverConfig.budget, RecoverConfig.restarts)
DESCENT_LIMITS = Limits(0.0, 100_001, 0)  # as in the preset paper-text
HEADER = ("", "batch", "gradients/s", "G multiply-adds/s", "share", "in the turns", "of")


class Plan(NamedTuple):
    """Durations and sizes of the measurements."""

    batches: tuple[int, ...]
    turns: int
    seconds: float  # per slice
    solver_seconds: float  # per slice of a solver, whose increments take seconds
    descent_batches: tuple[int, ...] = (64, 256)


FULL = Plan((16, 32, 64, 128), turns=8, seconds=0.4, solver_seconds=3.0)
QUICK = Plan((32, 64), turns=3, seconds=0.3, solver_seconds=1.5)


class Row(NamedTuple):
    """The speed of one measurement, and its share of another."""

    what: str
    batch: int | None
    rate: float  # gradients per second, median of the slices
    multiply_adds: float  # per second
    of: str
    share: float  # median of the turns
    least: float
    most: float


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--quick", is_flag=True, help="Fewer turns and batch sizes, to test the program.")
@click.option("--out", default="build/roofline.json", type=click.Path(path_type=Path))
def main(checkpoint: str, quick: bool, out: Path) -> None:
    """Print a Markdown table of gradients per second and shares, and write it as JSON."""
    plan = QUICK if quick else FULL
    device = find_devices("auto")[0]
    with device.scope():
        generator = make_generator(formats.read(find("checkpoint", checkpoint)))
        rows = list(measure_rows(generator, plan))
    record = {
        "hardware": device.description,
        "versions": {name: version(name) for name in ("ganinv", "tensorflow", "numpy")},
        "command": describe_command(),
        "checkpoint_sha256": generator.sha256,
        "plan": plan._asdict(),
        "rows": [row._asdict() for row in rows],
    }
    publish(record, format_page, out)


def measure_rows(generator: Generator, plan: Plan) -> Iterator[Row]:
    """Yield all rows, in the order of the table."""
    for precision in ("float32", "bfloat16"):
        yield from _measure_loops(generator, plan, precision)
    solver = make_solver("lbfgs", {})
    levelled = measure_preconditioner(generator, solver.preconditioner_points)
    size = plan.batches[-1]
    inside = _make_solver_call(generator, "lbfgs", size, LIMITS)
    outside = make_bare_loop(generator, size, preconditioner=levelled)
    names = "solver, float32", "bare loop, float32, of its loss"
    yield _compare(generator, plan, names, (inside, outside), size)
    for name, size in itertools.product(SMALL, plan.descent_batches):
        small = make_generator(formats.read(find("checkpoint", name)))
        inside = _make_solver_call(small, "gd", size, DESCENT_LIMITS)
        outside = make_bare_loop(small, size, steps=50)
        shape = "×".join(map(str, small.image_shape))
        names = f"descent, {shape}", f"bare loop, {shape}"
        yield _compare(small, plan, names, (inside, outside), size)


def make_row(
    rates: Mapping[str, list[float]], what: str, of: str, work: int, batch: int | None = None
) -> Row:
    """Return the row of a measurement; a gradient takes `work` multiply-adds."""
    rate = statistics.median(rates[what])
    shares = [a / b for a, b in zip(rates[what], rates[of], strict=True)]
    least, most = min(shares), max(shares)
    return Row(what, batch, rate, rate * work, of, statistics.median(shares), least, most)


def format_page(record: Record) -> str:
    """Return the results as Markdown, a row for each measurement."""
    rows = [_format_row(Row(**row)) for row in record["rows"]]
    return (
        "### Gradients per second, and shares of what is possible\n\n"
        f"{tabulate(rows, HEADER, 'pipe', disable_numparse=True)}\n\n"
        f"* Run: {record['hardware']}, checkpoint {record['checkpoint_sha256'][:12]}; "
        f"`{record['command']}`.\n"
    )


def _format_row(row: Row) -> list[str]:
    numbers = [f"{row.rate:,.0f}", f"{row.multiply_adds / 1e9:.0f}"]
    if row.of == row.what:
        return [row.what, "", *numbers, "", "", ""]
    shares = [f"{row.share:.3f}", f"{row.least:.3f} to {row.most:.3f}"]
    return [row.what, str(row.batch), *numbers, *shares, row.of]


def _measure_loops(generator: Generator, plan: Plan, precision: str) -> Iterator[Row]:
    """Yield the rows of the matrix product, and of the bare loop at each batch size."""
    work = 2 * generator.multiply_adds
    products = {f"product {side}": _make_product(side, precision, work) for side in SIDES}
    loops = {
        str(size): make_bare_loop(generator, size, precision, steps=max(1, 128 // size))
        for size in plan.batches
    }
    rates = measure_in_turns(products | loops, plan.turns, plan.seconds)
    peak, loop = f"matrix product, {precision}", f"bare loop, {precision}"
    rates[peak] = max((rates[name] for name in products), key=statistics.median)
    yield make_row(rates, peak, peak, work)
    for size in plan.batches:
        yield make_row({**rates, loop: rates[str(size)]}, loop, peak, work, size)


def _compare(
    generator: Generator, plan: Plan, names: tuple[str, str], calls: tuple[Call, Call], size: int
) -> Row:
    """Return the row of the first of two calls, as a share of the second."""
    rates = measure_in_turns(dict(zip(names, calls, strict=True)), plan.turns, plan.solver_seconds)
    return make_row(rates, *names, 2 * generator.multiply_adds, size)


def _make_solver_call(generator: Generator, solver: str, size: int, limits: Limits) -> Call:
    """Return a call that runs the next increment of a solver with trials for every row."""
    looks = solve(
        generator,
        make_solver(solver, {}),
        JobQueue([Job(trial, rules=("stochastic",)) for trial in range(100_000)]),
        prepare_known_targets(generator, RecoverConfig.seed, size),
        limits,
        NO_RECORD_POINTS,
        seed=RecoverConfig.seed,
        batch_size=size,
    )
    return lambda: float(next(look.gradients for look in looks if look.rows))


def _make_product(side: int, precision: str, work: int) -> Call:
    """Return a call of a matrix product; `work` multiply-adds count as a gradient."""
    a = tf.cast(tf.random.stateless_normal([side, side], [0, 0]), precision)
    product: Any = tf.function(lambda a: tf.matmul(a, a)[0, 0])

    def call() -> float:
        product(a).numpy()
        return side**3 / work

    return call


if __name__ == "__main__":
    main()
