"""Does mixed precision recover what float32 recovers, with attention and modulated convolutions?

Two small generators are trained to make the pictures of faces32 from the same z, some minutes each.

    python -m benchmarks.mixed_precision --out docs/results/mixed-precision.json  # 20 minutes
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

import ganinv_cli as ganinv
from benchmarks.records import publish
from benchmarks.tiny import ROOT
from ganinv_cli.results.store import read_results

LATENT, WIDTH, BATCH = 100, 48, 64
MEASURED = "ganinv_cli/generators"  # the page names its revision


class Network(tf.Module):  # type: ignore[misc]  # TensorFlow states no types
    """A generator of 32 x 32 pixels in three stages of nearest upsampling."""

    def __init__(self) -> None:
        self.weights: dict[str, tf.Variable] = {}

    def read(self, name: str, *shape: int) -> tf.Variable:
        """Return weights, which are drawn when they are first read."""
        if name not in self.weights:
            with tf.init_scope():
                scale = np.prod(shape[:-1]) ** -0.5
                random = tf.random.Generator.from_seed(len(self.weights))
                self.weights[name] = tf.Variable(random.normal(shape, stddev=scale))
        return self.weights[name]

    def convolve(self, x: tf.Tensor, name: str, size: int = 3, width: int = WIDTH) -> tf.Tensor:
        return tf.nn.conv2d(x, self.read(name, size, size, x.shape[3], width), 1, "SAME")


class Attention(Network):
    """Self-attention on the map of 8 x 8 pixels, between convolutions."""

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(z @ self.read("first", LATENT, 16 * WIDTH), [-1, 4, 4, WIDTH])
        for number, side in enumerate((8, 16, 32)):
            x = tf.raw_ops.ResizeNearestNeighbor(images=tf.nn.relu(x), size=[side, side])
            x = self.convolve(x, f"conv{number}")
            if side == 8:
                x = x + self._attend(x, side * side)
        return tf.tanh(self.convolve(tf.nn.relu(x), "last", width=3))

    def _attend(self, x: tf.Tensor, places: int) -> tf.Tensor:
        query, key, value = (
            tf.reshape(self.convolve(x, name, 1), [-1, places, WIDTH]) for name in ("q", "k", "v")
        )
        share = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) / WIDTH**0.5)
        return tf.reshape(tf.matmul(share, value), [-1, *x.shape[1:]])


class Modulated(Network):
    """Convolutions whose inputs are scaled by a style, and their outputs by its demodulation."""

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        style = tf.nn.leaky_relu(z @ self.read("mapping", LATENT, LATENT), 0.2)
        x = self.read("constant", 4, 4, WIDTH)[None] + tf.zeros([tf.shape(z)[0], 1, 1, 1])
        first = tf.reshape(style @ self.read("first", LATENT, 16 * WIDTH), [-1, 4, 4, WIDTH])
        x = x + first
        for number, side in enumerate((8, 16, 32)):
            x = tf.raw_ops.ResizeNearestNeighbor(images=x, size=[side, side])
            x = tf.nn.leaky_relu(self._modulate(x, style, f"conv{number}"), 0.2)
        return tf.tanh(self.convolve(x, "last", width=3))

    def _modulate(self, x: tf.Tensor, style: tf.Tensor, name: str) -> tf.Tensor:
        scale = 1 + style @ self.read(f"{name}/style", LATENT, WIDTH)
        y = self.convolve(x * scale[:, None, None], name)
        squares = tf.reduce_sum(tf.square(self.weights[name]), [0, 1])
        return y * tf.math.rsqrt(tf.square(scale) @ squares + 1e-8)[:, None, None]


@click.command()
@click.option("--steps", default=500, show_default=True, help="Steps of training.")
@click.option("--trials", default=24, show_default=True, help="Trials per generator.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for the rows.")
def main(steps: int, trials: int, out: Path | None) -> None:
    """Invert both generators in both precisions."""
    rows = []
    for kind in (Attention, Modulated):
        network = kind()
        error = train(network, steps)
        generator = ganinv.load(network, latent=LATENT, prior="uniform")
        for precision in ("float32", "mixed"):
            row = {"generator": kind.__name__.lower(), "error of training": f"{error:.3f}"}
            rows.append(row | {"precision": precision} | recover(generator, trials, precision))
            click.echo(rows[-1], err=True)
    command = ["git", "rev-parse", "--short=12", f"HEAD:{MEASURED}"]
    revision = subprocess.check_output(command, cwd=ROOT, encoding="utf-8").strip()
    about = f"`python -m benchmarks.mixed_precision`, {MEASURED} {revision}"
    publish({"title": "Mixed precision without layers", "rows": rows, "about": about}, out)


def train(network: Callable[[tf.Tensor], tf.Tensor], steps: int) -> float:
    """Train a network to make the pictures of faces32; return the root mean square difference."""
    import keras

    teacher = ganinv.load("faces32").build()
    optimizer = keras.optimizers.Adam(2e-3)
    network(tf.zeros([1, LATENT]))  # makes the weights
    variables = network.trainable_variables  # type: ignore[attr-defined]
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step(z: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(z) - teacher(z)))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    random = tf.random.Generator.from_seed(0)
    losses = [float(step(random.uniform([BATCH, LATENT], -1, 1))) for _ in range(steps)]
    return float(np.sqrt(np.mean(losses[-20:])))


def recover(generator: ganinv.LoadedGenerator, trials: int, precision: str) -> dict[str, Any]:
    """Return how often z is recovered, and what a trial costs."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.h5"
        options: dict[str, Any] = {"clip": "stochastic", "seed": 1, "precision": precision}
        ganinv.recover(generator, out=str(path), trials=trials, **options)
        group = dict(read_results(path).groups["stochastic"])
    return {
        "recovered": f"{np.count_nonzero(group['z_error'] < 1e-4)} of {trials}",
        "gradients per trial": round(float(group["gradients"].mean()), 1),
        "CPU s per trial": round((time.process_time() - start) / trials, 2),
    }


if __name__ == "__main__":
    os.environ["GANINV_NO_CACHE"] = "1"
    main()
