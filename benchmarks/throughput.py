"""What share of the hardware reaches the trials: gradients a second inside `recover` and outside.

Both in one process, the bare loop before and after: a `tf.function` that evaluates loss and
gradient of the same batch over and over. Inside, every gradient that a running trial spent counts,
over all the time from the end of start-up until the tables stand on the disk.

    python benchmarks/throughput.py --trials 300
"""

import statistics
import tempfile
import time
from pathlib import Path

import click
import tensorflow as tf

from ganinv_cli import formats
from ganinv_cli.config import RecoverConfig
from ganinv_cli.engine.local import Device
from ganinv_cli.experiments.progress import Progress
from ganinv_cli.experiments.recover import recover
from ganinv_cli.generator import Generator
from ganinv_cli.problem import Problem
from ganinv_cli.report import summarise, write
from ganinv_cli.resources import find
from ganinv_cli.store import read

STEPS = 10  # gradients of the batch in one call
CALLS = 8


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--trials", default=300, show_default=True, help="Of each technique.")
@click.option("--batch-size", default=RecoverConfig.batch_size, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Keep the results file.")
def main(checkpoint: str, trials: int, batch_size: int, out: Path | None) -> None:
    """Print gradients a second of a bare loop and of `recover`, and their ratio."""
    device = Device("auto")
    generator = Generator(formats.read(find("checkpoint", checkpoint)))
    config = RecoverConfig(checkpoint=checkpoint, trials=trials, batch_size=batch_size)
    bare = [*_bare(generator, batch_size)]
    with tempfile.TemporaryDirectory() as folder:
        inside, seconds = _inside(config, generator, device, out or Path(folder) / "recover.h5")
    bare += _bare(generator, batch_size)
    middle = statistics.median(bare)
    click.echo(f"device          {device.description}")
    click.echo(f"bare loop       {middle:.0f} gradients/s, batch {batch_size}, median of", nl=False)
    click.echo(f" {len(bare)} calls from {min(bare):.0f} to {max(bare):.0f}")
    click.echo(f"inside recover  {inside:.0f} gradients/s over {seconds:.0f} s, {trials} trials")
    click.echo(f"ratio           {inside / middle:.3f}")


def _bare(generator: Generator, batch_size: int) -> list[float]:
    z = tf.random.stateless_uniform([batch_size, generator.latent], [0, 0], -1, 1)
    targets = generator(tf.random.stateless_uniform(z.shape, [0, 1], -1, 1))
    nothing = tf.zeros(batch_size)
    problem = Problem(generator, targets, wall=nothing, residual=nothing)

    @tf.function
    def run(z: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(STEPS):
            z -= 1e-6 * problem.evaluate(z).gradient  # each needs the one before
        return z

    run(z).numpy()
    rates = []
    for _ in range(CALLS):
        began = time.monotonic()
        run(z).numpy()
        rates.append(STEPS * batch_size / (time.monotonic() - began))
    return rates


def _inside(
    config: RecoverConfig, generator: Generator, device: Device, out: Path
) -> tuple[float, float]:
    """Gradients a second from the first look on, and for how many seconds."""
    looks: list[tuple[float, Progress]] = []

    def show(progress: Progress) -> None:
        looks.append((time.monotonic(), progress))

    with device.scope():
        recover(config, generator, device.description, out, overwrite=False, show=show)
    results = read(out)
    write(summarise(results, out.name), results, out.with_suffix(""))
    ended = time.monotonic()
    first_seen, first = looks[0]
    first_seconds = first.gradients / first.gradients_per_second
    spent = sum(float(results.groups[rule]["gradients"].sum()) for rule in config.clip)
    seconds = ended - first_seen + first_seconds
    return spent / seconds, seconds


if __name__ == "__main__":
    main()
