"""Minimise the total loss of coupled rows over all rows at once, until it stops falling.

    python -m benchmarks.reproduction.joint docs/portraits/32/A000370.png --rows 64 --out joint.npz

With training-mode batch norm an image depends on all z of its batch, and the paper's code minimises
the sum of the rows' losses. This program minimises the same sum with SciPy's L-BFGS-B inside the
prior's bounds, from the starts of `ganinv consistency`. It writes z, the starts, the image losses,
and the reason for stopping.
"""

import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from ganinv_cli import formats
from ganinv_cli.experiments.provenance import read_git_revision
from ganinv_cli.images import Crop, load_image, to_floats
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.problem import Problem
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.settings.shipped import find

MEMORY = 50  # pairs of L-BFGS
RELATIVE_DECREASE = 1e-12  # of the loss in one iteration; with less, it stops


@click.command()
@click.argument("image", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--rows", default=64, show_default=True)
@click.option("--checkpoint", default="faces32", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--iterations", default=20_000, show_default=True, help="Largest number of iterations."
)
def main(image: Path, out: Path, rows: int, checkpoint: str, seed: int, iterations: int) -> None:
    """Write OUT, an .npz file: z, z_start, image_loss, and the reason for stopping."""
    generator = make_generator(formats.read(find("checkpoint", checkpoint)), "batch")
    pixels = load_image(image, generator.image_shape, Crop()).pixels
    starts = draw_starts(generator, seed, rows)
    evaluate = compile_sum(generator, to_floats(pixels), rows)
    low, high = generator.prior.low, generator.prior.high
    begin = time.monotonic()
    found = minimize(
        lambda flat: evaluate(flat)[:2],
        starts.astype(np.float64).ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, high)] * starts.size,
        options={
            "maxcor": MEMORY,
            "maxiter": iterations,
            "maxfun": 2 * iterations,
            "ftol": RELATIVE_DECREASE,
            "gtol": 0.0,
        },
    )
    _, gradient, losses = evaluate(found.x)
    free = (found.x > low) & (found.x < high)
    np.savez_compressed(
        out,
        z=found.x.reshape(rows, -1).astype(np.float32),
        z_start=starts,
        image_loss=losses,
        iterations=found.nit,
        evaluations=found.nfev,
        gradient=np.linalg.norm(gradient[free]),
        message=np.array(str(found.message)),
        seconds=time.monotonic() - begin,
        image=np.array(str(image)),
        checkpoint=np.array(checkpoint),
        seed=seed,
        git=np.array(read_git_revision()),
    )
    click.echo(f"{out}: loss {losses.mean():.2f} per row, {found.nit} iterations, {found.message}")


def draw_starts(generator: Generator, seed: int, rows: int) -> np.ndarray:
    """Return the starts (rows, latent) of the first trials of `ganinv consistency`."""
    trials = tf.range(rows, dtype=tf.int64)
    prior = generator.prior
    share = uniform(seed, trials, Purpose.start, tf.zeros(rows, tf.int64), generator.latent)
    starts: np.ndarray = np.asarray(prior.quantile(share), np.float32)
    return starts


def compile_sum(
    generator: Generator, target: np.ndarray, rows: int
) -> Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]:
    """Return a function of z (rows · latent,): sum of losses, its gradient, the losses."""
    zeros = tf.zeros(rows)
    targets = tf.constant(np.repeat(target[None], rows, 0))

    @tf.function(autograph=False)
    def compute(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        evaluation = Problem(generator, targets, zeros, zeros).evaluate(z)
        return evaluation.image_loss, evaluation.gradient

    def evaluate(flat: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        losses, gradient = compute(tf.constant(flat.reshape(rows, -1), tf.float32))
        total = np.asarray(losses, np.float64)
        return float(total.sum()), np.asarray(gradient, np.float64).ravel(), total

    return evaluate


if __name__ == "__main__":
    main()
