"""Linear theory of plain descent beside descent, from starts at several distances of the true z.

python benchmarks/theory.py checkpoints/faces16 --rate 2
python benchmarks/theory.py checkpoints/faces16 --rate 7.1 --halve-every 6000 --updates 12000

The first table has medians over trials of ‖z − z_true‖² / latent, and of the ratio of what descent
left to what theory says. A start is z_true + distance · (a draw − z_true): 1 is a draw from the
prior. The second table counts trials from draws, apart for z beyond the limit of stability.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import tensorflow as tf

from ganinv_cli.formats import read
from ganinv_cli.ground_truth import draw_true_z
from ganinv_cli.jacobian_spectrum import JacobianSpectrum, measure_at
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.statistics import EPSILONS
from ganinv_cli.statistics.descent_theory import Schedule, is_beyond_limit, predict_errors

DISTANCES = (0.01, 0.1, 0.3, 1.0)


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--rate", default=1.0, show_default=True, help="On the pixel mean.")
@click.option("--updates", default="1000,4000,12000", show_default=True, help="Where to look.")
@click.option("--halve-every", default=0, show_default=True, help="Updates; 0: never.")
@click.option("--trials", default=32, show_default=True)
def main(checkpoint: Path, rate: float, updates: str, halve_every: int, trials: int) -> None:
    """Print both tables as Markdown."""
    generator = make_generator(read(checkpoint, Conventions()))
    z = draw_true_z(generator, 0, np.arange(trials))
    starts = _draw_starts(generator, z)
    spectrum = measure_at(generator, z, starts)
    click.echo("| distance | updates | descent | theory | ratio |\n|---|---|---|---|---|")
    schedules = [Schedule(rate, int(part), halve_every) for part in updates.split(",")]
    for schedule, found in zip(schedules, _descend(generator, z, starts, schedules), strict=True):
        errors = np.mean((found - z[:, None]) ** 2, axis=-1)
        predicted = predict_errors(*spectrum, schedule)
        for place, distance in enumerate(DISTANCES):
            medians = (
                np.median(values[:, place]) for values in (errors, predicted, errors / predicted)
            )
            shown = " | ".join(f"{median:.3g}" for median in medians)
            click.echo(f"| {distance:g} | {schedule.updates:,} | {shown} |")
    click.echo()
    _print_shares(errors[:, -1], predicted[:, -1], spectrum, schedules[-1])


def _draw_starts(generator: Generator, z: np.ndarray) -> np.ndarray:
    """Return starts (trials, distances, latent) between z and each trial's first start."""
    numbers = tf.range(len(z), dtype=tf.int64)
    share = uniform(0, numbers, Purpose.start, tf.zeros_like(numbers), generator.latent)
    away = generator.prior.quantile(share).numpy() - z
    return np.asarray(z[:, None] + np.array(DISTANCES, np.float32)[:, None] * away[:, None])


def _descend(
    generator: Generator, z: np.ndarray, starts: np.ndarray, schedules: list[Schedule]
) -> Iterator[np.ndarray]:
    """Yield z (trials, distances, latent) after each number of updates, by no clipping rule."""
    images = tf.repeat(generator(tf.constant(z)), len(DISTANCES), 0)
    current = tf.constant(starts.reshape(-1, generator.latent), tf.float64)
    values = generator.count_values()

    @tf.function(autograph=False)
    def update(current: tf.Tensor, rate: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        def step(done: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                low = tf.cast(z, tf.float32)
                tape.watch(low)
                loss = tf.reduce_sum((generator(low) - images) ** 2) / values
            return done + 1, z - rate * tf.cast(tape.gradient(loss, low), z.dtype)

        return tf.while_loop(lambda done, _: done < count, step, (tf.constant(0), current))[1]

    done = 0
    for schedule in schedules:
        position = 0
        for rate, count in schedule.list_phases():
            position += count
            left = min(count, position - done)
            if left > 0:
                current = update(current, tf.constant(rate, tf.float64), tf.constant(left))
                done += left
        yield current.numpy().reshape(starts.shape)


def _print_shares(
    errors: np.ndarray, predicted: np.ndarray, spectrum: JacobianSpectrum, schedule: Schedule
) -> None:
    beyond = is_beyond_limit(spectrum.eigenvalues, schedule.rate)
    at_end = is_beyond_limit(spectrum.eigenvalues, schedule.list_phases()[-1][0])
    click.echo(f"| z | trials | {' | '.join(EPSILONS)} |\n|---|---|{'---|' * len(EPSILONS)}")
    kinds = (
        ("never beyond the limit", ~beyond),
        ("beyond it at first", beyond & ~at_end),
        ("beyond it at the end", at_end),
    )
    for name, rows in kinds:
        if rows.any():
            pairs = (
                f"{np.mean(errors[rows] < each):.2f} (theory {np.mean(predicted[rows] < each):.2f})"
                for each in EPSILONS.values()
            )
            click.echo(f"| {name} | {rows.sum()} | {' | '.join(pairs)} |")


if __name__ == "__main__":
    main()
