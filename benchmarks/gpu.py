"""Speed on a GPU: gradients per second by batch, precision and XLA, and `recover` as a whole.

    python benchmarks/gpu.py --out docs/scaling/gpu.json        (make bench-gpu)

Runs on every GPU that TensorFlow finds. `--device cpu` only tests the program on a machine without
a GPU; its numbers mean nothing.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from side_by_side.tables import print_table, write_table_page

from ganinv_cli.cli.options import CommaList
from ganinv_cli.errors import UsageError
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    import tensorflow as tf

    from ganinv_cli.engine.devices import Device
    from ganinv_cli.engine.engine import GeneratorSpec
    from ganinv_cli.network.generator import Generator

TITLE = "On a GPU"
GRADIENTS_PER_CALL = 4  # in sequence
SECONDS = 2.0  # for each measurement, after one run that is not counted
Row = dict[str, object]


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--device", default="gpu", show_default=True)
@click.option("--trials", default=1000, show_default=True)
@click.option("--batches", default="64,256,1024", type=CommaList(click.INT))
@click.option("--xla/--no-xla", default=True, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(
    checkpoint: str,
    device: str,
    trials: int,
    batches: tuple[int, ...],
    xla: bool,
    out: Path | None,
) -> None:
    """Print a row for each measurement."""
    import tensorflow as tf

    from ganinv_cli import formats
    from ganinv_cli.engine.devices import describe_machine, find_devices
    from ganinv_cli.engine.engine import GeneratorSpec

    try:
        used = find_devices(device)
    except UsageError as error:
        raise click.ClickException(str(error)) from None
    recipe = GeneratorSpec(formats.read(find("checkpoint", checkpoint)))
    rows = []
    for row in (
        *_measure_loops(recipe, used[0], batches, xla),
        *_measure_recover(recipe, used, trials),
    ):
        rows.append(row)
        click.echo(f"{row['what']}: {row['gradients per second']}", err=True)
    where = describe_machine(used, "auto").device
    versions = f"TensorFlow {tf.__version__}, checkpoint {recipe.checkpoint.sha256[:12]}"
    print_table(TITLE, rows, f"{where}; {versions}; `make bench-gpu`", out)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    write_table_page(path)


def _measure_loops(
    recipe: "GeneratorSpec", device: "Device", batches: Sequence[int], xla: bool
) -> Iterator[Row]:
    """Yield the rows of bare loops of gradients: the limit of the device, with and without XLA."""
    with device.scope():
        generator = recipe.build()
        for precision in ("float32", "bfloat16"):
            for size in batches:
                for compiled in (False, True) if xla else (False,):
                    rate = _measure_rate(_make_loop(generator, size, precision, compiled))
                    yield {
                        "what": f"bare loop, {precision}" + (", XLA" if compiled else ""),
                        "batch": size,
                        "gradients per second": rate,
                        "trials per second": "",
                        "peak memory, MB": _measure_peak_memory(device),
                    }


def _make_loop(generator: "Generator", size: int, precision: str, xla: bool) -> Callable[[], float]:
    import tensorflow as tf

    from ganinv_cli.problem import Problem

    start = tf.random.stateless_uniform([size, generator.latent], [0, 0], -1, 1)
    targets = tf.cast(generator(-start), precision)
    problem = Problem(generator, targets, tf.zeros(size), tf.zeros(size))

    @tf.function(autograph=False, jit_compile=xla)
    def run(z: "tf.Tensor") -> "tf.Tensor":
        for _ in range(GRADIENTS_PER_CALL):
            z -= 1e-6 * tf.cast(problem.evaluate(tf.cast(z, precision)).gradient, tf.float32)
        return z

    def call() -> float:
        run(start).numpy()
        return float(size * GRADIENTS_PER_CALL)

    return call


def _measure_rate(call: Callable[[], float]) -> float | None:
    """Return gradients per second, the median of calls; None if memory or the graph is missing."""
    import tensorflow as tf

    try:
        call()
        rates: list[float] = []
        end = time.perf_counter() + SECONDS
        while len(rates) < 3 or time.perf_counter() < end:
            began = time.perf_counter()
            rates.append(call() / (time.perf_counter() - began))
    except tf.errors.OpError:
        return None
    return round(statistics.median(rates), 1)


def _measure_recover(
    recipe: "GeneratorSpec", used: Sequence["Device"], trials: int
) -> Iterator[Row]:
    """Yield the rows of `ganinv recover` on one device in both precisions, and on all devices."""
    config = RecoverConfig(trials=trials, clip=("stochastic",))
    for precision in ("float32", "mixed"):
        yield _run_recover(replace(config, precision=precision), recipe, used[:1])
    if len(used) > 1:
        yield _run_recover(replace(config, precision="mixed"), recipe, used)


def _run_recover(config: RecoverConfig, recipe: "GeneratorSpec", used: Sequence["Device"]) -> Row:
    from ganinv_cli.engine.devices import describe_machine
    from ganinv_cli.engine.local import LocalEngine
    from ganinv_cli.experiments.recover import make_plan
    from ganinv_cli.experiments.worker import Worker
    from ganinv_cli.jobs import Job

    where = describe_machine(used, config.precision)
    batch, gradients, seconds = 0, 0.0, 0.0
    with used[0].scope():
        engine = LocalEngine(recipe, used, recipe.build(), where)
        worker = Worker(make_plan(config, engine.generator), where.precision == "mixed")
        jobs = [Job(trial, rules=config.clip) for trial in range(config.trials)]
        for done in engine.run(worker, jobs, threading.Event()):
            batch = max(batch, done.batch_size)
            gradients += done.counts.gradients  # from the first increment on, without tracing
            seconds += done.counts.seconds
    several = " on all devices" if len(used) > 1 else ""
    return {
        "what": f"recover --precision {config.precision}{several}",
        "batch": batch,
        "gradients per second": round(gradients / seconds, 1),
        "trials per second": round(config.trials / seconds, 2),
        "peak memory, MB": _measure_peak_memory(used[0]),
    }


def _measure_peak_memory(device: "Device") -> int | None:
    """Return the peak memory in MB since the last call."""
    if device.kind == "cpu":
        return None
    import tensorflow as tf

    name = f"GPU:{device.number}"
    peak = int(tf.config.experimental.get_memory_info(name)["peak"])
    tf.config.experimental.reset_memory_stats(name)
    return round(peak / 1e6)


if __name__ == "__main__":
    main()
