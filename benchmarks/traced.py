"""Compare the speed of a traced generator with the same generator in layers.

The shipped generator is built as a Keras model, which is traced without folding. Both compute loss
and gradient of one batch repeatedly in float32, and J·v for every component of one z, in short
slices that alternate. A ratio is the median over the turns.

    python benchmarks/traced.py            # about 2 minutes on two cores
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import click
import tensorflow as tf
from tabulate import tabulate

from ganinv_cli import formats
from ganinv_cli.conversion.keras_model import build_model
from ganinv_cli.engine.devices import find_devices
from ganinv_cli.formats.traced.functions import FunctionInput, trace_function
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.graph import Network
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.network.traced import TracedGenerator
from ganinv_cli.problem import Problem
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find

BATCHES = (16, 64)
SECONDS = 1.0  # least time of a slice
HEADER = ("", "batch", "in layers", "traced", "traced / layers", "in the turns")

Call = Callable[[], float]  # blocks until done; returns the number of gradients or tangents


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--turns", default=15, show_default=True, type=click.IntRange(1))
@click.option("--out", default="build/traced.json", type=click.Path(path_type=Path))
def main(checkpoint: str, turns: int, out: Path) -> None:
    """Print a Markdown table of both rates, per second, and write it as JSON."""
    tf.get_logger().setLevel("ERROR")
    device = find_devices("auto")[0]
    with device.scope():
        read = formats.read(find("checkpoint", checkpoint))
        layered, traced = make_generator(read), trace_generator(read)
        z = tf.random.stateless_uniform([8, layered.latent], [0, 0], -1, 1)
        difference = float(tf.reduce_max(tf.abs(layered(z) - traced(z))))
        if not difference < 1e-4:
            raise SystemExit(f"the pictures of the two generators differ by {difference:g}")
        rows = []
        for batch in BATCHES:
            calls = [_make_gradient_call(each, batch) for each in (layered, traced)]
            rows.append(("gradients", batch, *_measure_in_turns(calls, turns)))
        calls = [_make_jacobian_call(each) for each in (layered, traced)]
        rows.append(("columns of J", layered.latent, *_measure_in_turns(calls, turns)))
    table = [
        (what, batch, f"{a:,.0f}", f"{b:,.0f}", f"{ratio:.3f}", f"{least:.3f} to {most:.3f}")
        for what, batch, a, b, ratio, least, most in rows
    ]
    click.echo(tabulate(table, HEADER, "pipe", disable_numparse=True))
    click.echo(f"\n{device.description}, checkpoint {layered.sha256[:12]}, float32.")
    record = {
        "hardware": device.description,
        "versions": {name: version(name) for name in ("ganinv", "tensorflow", "keras")},
        "command": " ".join(["python", *sys.argv]),
        "checkpoint_sha256": layered.sha256,
        "rows": [dict(zip(("what", "batch", *_COLUMNS), row, strict=True)) for row in rows],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n")


_COLUMNS = ("layers", "traced", "ratio", "least", "most")


def trace_generator(checkpoint: Checkpoint) -> TracedGenerator:
    """Return the generator of a checkpoint of layers, traced from a Keras model."""
    if not isinstance(checkpoint.network, Network):
        raise SystemExit("name a checkpoint of layers")
    model = build_model(checkpoint.network)
    inputs = [FunctionInput("z", tf.float32, (None, checkpoint.network.latent))]
    network = trace_function(lambda z: model(z, training=False), inputs)
    return TracedGenerator(network, checkpoint.prior)


def _make_gradient_call(generator: Generator, batch: int) -> Call:
    z = tf.random.stateless_uniform([batch, generator.latent], [1, 0], -1, 1)
    zeros = tf.zeros([batch])
    targets = generator(tf.random.stateless_uniform([batch, generator.latent], [2, 0], -1, 1))
    problem = Problem(generator, targets, zeros, zeros)
    evaluate = tf.function(lambda z: problem.evaluate(z).gradient, autograph=False)

    def call() -> float:
        evaluate(z).numpy()
        return batch

    return call


def _make_jacobian_call(generator: Generator) -> Call:
    z = tf.random.stateless_uniform([1, generator.latent], [1, 0], -1, 1)
    tangents = tf.eye(generator.latent)

    def call() -> float:
        generator.compiled_jvp(z, tangents).numpy()
        return generator.latent

    return call


def _measure_in_turns(calls: list[Call], turns: int) -> tuple[float, float, float, float, float]:
    """Return both rates per second, the median ratio, and the least and largest of the turns."""
    for call in calls:
        call()
    pairs = [tuple(map(_measure_rate, calls)) for _ in range(turns)]
    ratios = [second / first for first, second in pairs]
    first, second = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    return first, second, statistics.median(ratios), min(ratios), max(ratios)


def _measure_rate(call: Call) -> float:
    start, count, seconds = time.perf_counter(), 0.0, 0.0
    while seconds < SECONDS:
        count += call()
        seconds = time.perf_counter() - start
    return count / seconds


if __name__ == "__main__":
    main()
