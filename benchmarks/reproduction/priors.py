"""Figure 2 with two proper priors in place of a clipping rule, at equal gradients.

    python -m benchmarks.reproduction.priors --out docs/results/figure2-priors.npz

The trials of `configs/figure2.toml` (same z, starts and noise of the same seed), by the same
descent without a rule:

* penalty: the maximum of the posterior, ‖G(z) − x‖² + (σ² / τ²) ‖z‖², with the variance σ² of the
  noise and τ² = 1/3 of a component of z;
* held out: descent on a random half of the pixels, and of all updates the z that fits the other
  half best.

`errors` (methods, variances, trials) are ‖z − z_true‖² / latent.
"""

import time
from pathlib import Path

import click
import numpy as np
import tensorflow as tf

from ganinv_cli import formats
from ganinv_cli.experiments.provenance import read_git_revision
from ganinv_cli.ground_truth import add_noise, draw_noise, draw_true_z
from ganinv_cli.jacobian import find_spectrum
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.settings.shipped import find
from ganinv_cli.statistics.descent_theory import find_stable_rate

VARIANCES = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)
METHODS = ("penalty", "held out")
PRIOR_VARIANCE = 1 / 3  # of a component, uniform in [-1, 1]
STEPS = 100  # in the graph


@click.command()
@click.option("--trials", default=50, show_default=True)
@click.option("--updates", default=20_000, show_default=True)
@click.option("--seed", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(trials: int, updates: int, seed: int, out: Path) -> None:
    """Measure both methods, and write their errors."""
    begin = time.perf_counter()
    generator = make_generator(formats.read(find("checkpoint", "faces16")))
    z, start, images, variance = draw_trials(generator, seed, trials)
    rate = find_stable_rate(find_spectrum(generator).eigenvalues)
    half = np.random.default_rng(seed).permuted(np.arange(generator.count_values())) % 2
    mask = half.reshape(generator.image_shape).astype(np.float32)
    ends = {
        "penalty": descend(generator, images, start, updates, rate, penalty=variance),
        "held out": descend(generator, images, start, updates, rate, counted=mask),
    }
    errors = [((ends[name] - z) ** 2).mean(-1).reshape(len(VARIANCES), trials) for name in METHODS]
    np.savez(
        out,
        methods=METHODS,
        variances=VARIANCES,
        errors=errors,
        seed=seed,
        seconds=time.perf_counter() - begin,
        git=read_git_revision(),
    )


def draw_trials(generator: Generator, seed: int, trials: int) -> tuple[np.ndarray, ...]:
    """Return z, starts, noisy images and variances of all trials at each variance, as rows."""
    numbers = np.arange(trials)
    z, noise = draw_true_z(generator, seed, numbers), draw_noise(generator, seed, numbers)
    zeros = tf.zeros([trials], tf.int64)
    share = uniform(seed, tf.constant(numbers), Purpose.start, zeros, generator.latent)
    start = generator.prior.quantile(share).numpy()
    clean = generator.render(z, trials)
    levels = len(VARIANCES)
    variance = np.repeat(VARIANCES, trials)
    images = add_noise(
        np.tile(clean, (levels, 1, 1, 1)), np.tile(noise, (levels, 1, 1, 1)), variance, False
    )
    return np.tile(z, (levels, 1)), np.tile(start, (levels, 1)), images, variance


def descend(
    generator: Generator,
    images: np.ndarray,
    start: np.ndarray,
    updates: int,
    rate: float,
    *,
    penalty: np.ndarray | None = None,
    counted: np.ndarray | None = None,
) -> np.ndarray:
    """Return z (rows, latent) after all updates, or that of the least loss of what isn't counted.

    `rate` is for the mean of the squared error over the values that count. `penalty` (rows,) is the
    variance of the noise, `counted` (height, width, channels) is 1 for values that count.
    """
    weights = np.ones(generator.image_shape, np.float32) if counted is None else counted
    values = float(weights.sum())
    prior = np.zeros(len(start)) if penalty is None else penalty / PRIOR_VARIANCE
    targets = tf.constant(images, tf.float32)

    def step(z: tf.Tensor, best: tf.Tensor, least: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            inputs = tf.cast(z, tf.float32)
            tape.watch(inputs)
            squares = (generator(inputs) - targets) ** 2
            loss = tf.reduce_sum(squares * weights, [1, 2, 3])
        gradient = tf.cast(tape.gradient(loss, inputs), tf.float64) + 2 * prior[:, None] * z
        other = tf.reduce_sum(squares * (1 - weights), [1, 2, 3])
        best = tf.where((other < least)[:, None], z, best)
        return z - rate / values * gradient, best, tf.minimum(other, least)

    @tf.function(autograph=False)
    def run(*state: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tuple(tf.while_loop(lambda *_: True, step, state, maximum_iterations=STEPS))

    z = tf.constant(start, tf.float64)
    state = (z, z, tf.fill([len(start)], float("inf")))
    for _ in range(updates // STEPS):
        state = run(*state)
    end: np.ndarray = (state[0] if counted is None else state[1]).numpy()
    return end


if __name__ == "__main__":
    main()
