"""What do more gradients change if the image is outside the generator's range?

    python benchmarks/kinks.py build/table2/grace_hopper.jpg --out docs/consistency/kinks.json

Solves one image from several starts with many gradients. For each value of `--stationary` it finds
the point at which a start would have stopped, the distance from the end in loss and in z, and the
norms of the gradient and of the shortest convex combination of gradients there
(`refine/minimum.py`).
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf
from reproduction.write import write_sections
from tabulate import tabulate

from ganinv_cli import formats, preconditioner
from ganinv_cli.clipping import RULES
from ganinv_cli.images import Crop, load_image, to_floats
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.problem import Problem
from ganinv_cli.refine.minimum import MinimumTest
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.shipped import find
from ganinv_cli.solvers import lbfgs
from ganinv_cli.solvers.parts.row_clipping import RowClipping

TITLE = "What more gradients change"
SHARES = (1e-3, 1e-4, 1e-5, 1e-6)
NO_STALL = 1e-12  # relative decrease of the loss at which no row stalls


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--checkpoint", default=Config.checkpoint, show_default=True)
@click.option("--crop", default="center", show_default=True)
@click.option(
    "--clip", default="standard", show_default=True, type=click.Choice(["none", "standard"])
)
@click.option("--starts", default=16, show_default=True)
@click.option("--steps", default=800, show_default=True, type=click.IntRange(100))
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(
    image: Path, checkpoint: str, crop: str, clip: str, starts: int, steps: int, out: Path | None
) -> None:
    """Print a row for each value of --stationary: medians over the starts, [largest]."""
    generator = make_generator(formats.read(find("checkpoint", checkpoint)))
    target = to_floats(load_image(image, generator.image_shape, Crop(crop)).pixels)
    path = _record_trajectory(generator, target, clip, starts, steps)
    polisher = MinimumTest(steps=0).compile_for(generator)
    patience = lbfgs.LBFGS.patience
    rows: list[dict[str, str]] = []
    starts_in_order = np.arange(starts)
    for share in SHARES:
        slow = path.loss[:-patience] * (1 - share) < path.loss[patience:]
        stop = np.where(slow.any(0), slow.argmax(0) + patience, steps - 1)
        loss, z = path.loss[stop, starts_in_order], path.z[stop, starts_in_order]
        shortest = [polisher(each, target, clip).gradient_norm for each in z[:4]]
        rows.append(
            {
                "stationary": f"{share:g}",
                "gradients": _format_median(stop, ".0f"),
                "loss / loss at the end − 1": _format_median(loss / path.loss[-1] - 1, ".1e"),
                "distance to the end": _format_median(
                    np.linalg.norm(z - path.z[-1], axis=-1) / generator.latent, ".1e"
                ),
                "gradient": _format_median(path.gradient_norm[stop, starts_in_order], ".1f"),
                "shortest combination (4 starts)": _format_median(np.array(shortest), ".2f"),
            }
        )
    click.echo(tabulate(rows, "keys", "github", disable_numparse=True))
    if out:
        write_sections({TITLE: rows}, out.with_suffix(".md"))


class _Trajectory:
    """The path of each start: losses (steps, starts), z and the norm of the gradient."""

    def __init__(self, steps: int, starts: int, latent: int) -> None:
        self.loss = np.empty((steps, starts))
        self.z = np.empty((steps, starts, latent), np.float32)
        self.gradient_norm = np.empty((steps, starts))  # of the free components


def _record_trajectory(
    generator: Generator, target: np.ndarray, clip: str, starts: int, steps: int
) -> _Trajectory:
    solver = lbfgs.LBFGS(redraws=0)
    level = preconditioner.measure_preconditioner(generator, solver.metric)
    targets = tf.constant(np.broadcast_to(target, (starts, *target.shape)))
    numbers, row = tf.range(starts, dtype=tf.int64), tf.zeros(starts)
    clamps = tf.fill([starts], RULES[clip].clamping)
    unknown = tf.fill([starts], float("inf"))

    @tf.function
    def step(state: Any) -> Any:
        problem = Problem(generator, targets, row, unknown, NO_STALL, level)
        never = tf.zeros(starts, tf.bool)
        rules = RowClipping(generator.prior, 0, numbers, tf.zeros_like(numbers), clamps, never)
        return solver.step(problem, state, rules)

    draw = np.random.default_rng(0).uniform(size=(starts, generator.latent))
    state = solver.init(tf.constant(generator.prior.quantile(draw), tf.float32))
    path = _Trajectory(steps, starts, generator.latent)
    for number in range(steps):
        state = step(state)
        path.loss[number] = state.image_loss.numpy()
        path.z[number] = state.z.numpy()
        held = RULES[clip].clamping & generator.prior.is_outside(path.z[number])
        path.gradient_norm[number] = np.linalg.norm(state.gradient.numpy() * ~held, axis=-1)
    return path


def _format_median(values: np.ndarray, digits: str) -> str:
    return f"{np.median(values):{digits}} [{values.max():{digits}}]"


if __name__ == "__main__":
    main()
