"""Compare gradient descent with linear theory, from starts at several distances from the true z.

    python benchmarks/theory.py checkpoints/faces16 --rate 2.17 --out docs/solvers/theory.json
    python benchmarks/theory.py checkpoints/faces16 --rate 7.1 --halve-every 6000 --updates 12000

The first table has medians over trials of ‖z − z_true‖² / latent, and of the ratio of the error of
descent to the error that theory predicts. A start is z_true + distance · (a draw − z_true), so that
distance 1 is a draw from the prior. The second table counts the trials of distance 1 below each ε,
by whether the rate is above the limit of stability at their z.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from tabulate import tabulate

from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.statistics import EPSILONS
from ganinv_cli.statistics.descent_theory import Schedule, is_beyond_limit, predict_errors

if TYPE_CHECKING:
    import tensorflow as tf

    from ganinv_cli.network.generator import Generator

DISTANCES = (0.01, 0.1, 0.3, 1.0)
Row = dict[str, Any]


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--rate", default=1.0, show_default=True, help="Learning rate for the pixel mean.")
@click.option(
    "--updates",
    default="1000,4000,12000",
    show_default=True,
    help="Numbers of updates at which errors are measured.",
)
@click.option(
    "--halve-every",
    default=0,
    show_default=True,
    help="Updates between halvings of the rate; 0: never.",
)
@click.option("--trials", default=32, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON; Markdown tables beside it.")
def main(
    checkpoint: Path, rate: float, updates: str, halve_every: int, trials: int, out: Path | None
) -> None:
    """Print both tables as Markdown."""
    schedules = [Schedule(rate, int(part), halve_every) for part in updates.split(",")]
    study = {
        "command": " ".join(["python", *sys.argv]),
        "checkpoint": checkpoint.name,
        "rate": rate,
        "halve_every": halve_every,
        "trials": trials,
        **measure_errors(checkpoint, schedules, trials),
    }
    click.echo(_format_page(study), nl=False)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(study, indent=1) + "\n", "utf-8")
        write_page(out)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    path.with_suffix(".md").write_text(_format_page(json.loads(path.read_text("utf-8"))), "utf-8")


def measure_errors(checkpoint: Path, schedules: list[Schedule], trials: int) -> dict[str, Any]:
    """Return the rows of both tables: medians by distance and updates, and shares below each ε."""
    from ganinv_cli.formats import read
    from ganinv_cli.ground_truth import draw_true_z
    from ganinv_cli.jacobian import measure_at
    from ganinv_cli.network.make_generator import make_generator

    generator = make_generator(read(checkpoint, Conventions()))
    z = draw_true_z(generator, 0, np.arange(trials))
    starts = _draw_starts(generator, z)
    spectrum = measure_at(generator, z, starts)
    medians: list[Row] = []
    for schedule, found in zip(schedules, _descend(generator, z, starts, schedules), strict=True):
        errors = np.mean((found - z[:, None]) ** 2, axis=-1)
        predicted = predict_errors(*spectrum, schedule)
        medians += [
            {
                "distance": distance,
                "updates": schedule.updates,
                "descent": float(np.median(errors[:, place])),
                "theory": float(np.median(predicted[:, place])),
                "ratio": float(np.median(errors[:, place] / predicted[:, place])),
            }
            for place, distance in enumerate(DISTANCES)
        ]
    shares = _count_shares(errors[:, -1], predicted[:, -1], spectrum.eigenvalues, schedules[-1])
    return {"medians": medians, "shares": shares}


def _draw_starts(generator: "Generator", z: np.ndarray) -> np.ndarray:
    """Return starts (trials, distances, latent) between z and each trial's first start."""
    import tensorflow as tf

    from ganinv_cli.randomness import Purpose, uniform

    numbers = tf.range(len(z), dtype=tf.int64)
    share = uniform(0, numbers, Purpose.start, tf.zeros_like(numbers), generator.latent)
    away = generator.prior.quantile(share).numpy() - z
    return np.asarray(z[:, None] + np.array(DISTANCES, np.float32)[:, None] * away[:, None])


def _descend(
    generator: "Generator", z: np.ndarray, starts: np.ndarray, schedules: list[Schedule]
) -> Iterator[np.ndarray]:
    """Yield z (trials, distances, latent) after each number of updates, without clipping."""
    import tensorflow as tf

    images = tf.repeat(generator(tf.constant(z)), len(DISTANCES), 0)
    current = tf.constant(starts.reshape(-1, generator.latent), tf.float64)
    values = generator.count_values()

    @tf.function(autograph=False)
    def update(current: "tf.Tensor", rate: "tf.Tensor", count: "tf.Tensor") -> "tf.Tensor":
        def step(done: "tf.Tensor", z: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
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


def _count_shares(
    errors: np.ndarray, predicted: np.ndarray, eigenvalues: np.ndarray, schedule: Schedule
) -> list[Row]:
    """Return the shares of trials below each ε, grouped by when the rate is beyond the limit."""
    beyond = is_beyond_limit(eigenvalues, schedule.rate)
    at_end = is_beyond_limit(eigenvalues, schedule.list_phases()[-1][0])
    kinds = (
        ("never beyond the limit", ~beyond),
        ("beyond it at first", beyond & ~at_end),
        ("beyond it at the end", at_end),
    )
    return [
        {
            "z": name,
            "trials": int(rows.sum()),
            "descent": {e: float(np.mean(errors[rows] < EPSILONS[e])) for e in EPSILONS},
            "theory": {e: float(np.mean(predicted[rows] < EPSILONS[e])) for e in EPSILONS},
        }
        for name, rows in kinds
        if rows.any()
    ]


def _format_page(study: dict[str, Any]) -> str:
    medians = [
        {
            "distance": f"{row['distance']:g}",
            "updates": f"{row['updates']:,}",
            "‖z − z_true‖² / latent": f"{row['descent']:.3g}",
            "theory": f"{row['theory']:.3g}",
            "ratio": f"{row['ratio']:.3g}",
        }
        for row in study["medians"]
    ]
    shares = [
        {
            "z": row["z"],
            "trials": f"{row['trials']}",
            **{e: f"{row['descent'][e]:.2f} (theory {row['theory'][e]:.2f})" for e in EPSILONS},
        }
        for row in study["shares"]
    ]
    return (
        f"### Errors of plain descent and of linear theory\n\n{_format_table(medians)}\n\n"
        f"### Recovered from random starts\n\n{_format_table(shares)}\n\n"
        f"* Run: `{study['command']}`, {study['trials']} trials.\n"
    )


def _format_table(rows: list[dict[str, str]]) -> str:
    return tabulate(rows, "keys", "pipe", disable_numparse=True)


if __name__ == "__main__":
    main()
