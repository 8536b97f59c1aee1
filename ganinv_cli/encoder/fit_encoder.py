"""Fit an encoder: solve the linear least squares of z on the images of random z exactly.

Only the sums of products of images are kept, so their number is not limited by memory. Every
random number is a function of (seed, batch).
"""

import time
from collections.abc import Callable
from collections.abc import Generator as Steps
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import linalg

from ganinv_cli.encoder.model import Encoder, extract_features, pooled_shape
from ganinv_cli.errors import CheckpointError
from ganinv_cli.files import check_output_file, explain_write_errors
from ganinv_cli.generators.network.generator import Generator

TEST_SAMPLES = 1000  # latent vectors on which an encoder is measured
BLOCK_SIZE = 100  # images per batch, of them
PACKAGES = ("ganinv", "numpy", "scipy", "tensorflow")


@dataclass(frozen=True)
class EncoderSettings:
    """The settings of a fit."""

    images: int  # should exceed the number of values of an image
    batch_size: int = 512  # images per batch
    # Added to the mean square of each value, in units of their average. A smaller ridge is more
    # accurate on exact images, and less accurate on rounded and noisy ones.
    ridge: float = 1e-4
    seed: int = 0  # below 2³¹


class FitProgress(NamedTuple):
    """The progress of a fit, for display."""

    images: int  # made and summed
    total: int
    images_per_second: float  # since the first batch; 0 at that
    encoder: Encoder | None  # at the end: the encoder that was written


def fit_encoder(
    generator: Generator, settings: EncoderSettings, out: Path, overwrite: bool = False
) -> Steps[FitProgress, None, None]:
    """Fit an encoder and write it to `out`; yield after every batch, and once more at the end.

    Raises UsageError if `out` exists and `overwrite` is False, CheckpointError if the generator's
    images are not finite, GaninvError if it cannot be written.
    """
    check_output_file(out, (".npz",), overwrite, "--out")
    make_batch, size = _compile_batch(generator, settings), _count_values(generator)
    # sums of v vᵀ, of which only the lower half is used, and of v zᵀ
    squares = np.zeros((size, size), np.float32, order="F")
    products = np.zeros((size, generator.latent))
    started = 0.0
    for batch, first in enumerate(range(0, settings.images, settings.batch_size)):
        count = min(settings.batch_size, settings.images - first)
        v, z = (tensor.numpy()[:count] for tensor in make_batch(tf.constant(batch)))
        if not np.isfinite(v).all():
            raise CheckpointError(
                "the generator makes images that are not finite; no encoder can be fitted to it"
            )
        squares = linalg.blas.ssyrk(1, v.T, beta=1, c=squares, lower=1, overwrite_c=1)
        products += v.T @ z.astype(np.float64)
        started = started or time.monotonic()  # the first batch has compiled the others
        timed = max(first + count - settings.batch_size, 0)
        rate = timed / max(time.monotonic() - started, 1e-9)
        yield FitProgress(first + count, settings.images, rate, None)
    encoder = _make_encoder(generator, settings, _solve_ridge(squares, products, settings.ridge))
    with explain_write_errors(out):
        encoder.save(out)
    yield FitProgress(settings.images, settings.images, 0.0, encoder)


def count_needed_images(generator: Generator) -> int:
    """Return the number of images that gives about 1.1 times the least possible error."""
    return 10 * _count_values(generator)


def _count_values(generator: Generator) -> int:
    """Return the length of v: the values of an image, followed by a 1."""
    return int(np.prod(pooled_shape(*generator.image_shape)[1])) + 1


def _compile_batch(
    generator: Generator, settings: EncoderSettings
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function from the number of a batch to v (batch, values + 1) and z."""
    shape = [settings.batch_size, generator.latent]

    @tf.function(autograph=False)
    def make_batch(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        share = tf.random.stateless_uniform(shape, [settings.seed, batch])
        z = generator.prior.quantile(share)
        v = extract_features(generator(z))
        return tf.concat([v, tf.ones([settings.batch_size, 1])], 1), z

    return make_batch  # type: ignore[no-any-return]


def _solve_ridge(squares: np.ndarray, products: np.ndarray, ridge: float) -> np.ndarray:
    """Return the weights and, as the last row, the bias: float32 (values + 1, latent).

    They minimise the mean of ‖v weights − z‖² + ridge · mean(v²) · ‖weights‖², in float64.
    """
    diagonal = np.diag_indices(len(squares))
    mean = float(squares[diagonal].mean(dtype=np.float64))
    while True:
        ridged = squares.astype(np.float64)
        ridged[diagonal] += ridge * mean
        try:
            factor = linalg.cho_factor(ridged, lower=True, overwrite_a=True, check_finite=False)
        except linalg.LinAlgError:
            ridge *= 10  # the sums' own rounding was larger
        else:
            weights: np.ndarray = linalg.cho_solve(factor, products, check_finite=False)
            return weights.astype(np.float32)


def _make_encoder(generator: Generator, settings: EncoderSettings, solution: np.ndarray) -> Encoder:
    bounds = (generator.prior.low, generator.prior.high)
    run = {"generator": generator.sha256, "bounds": list(bounds), **asdict(settings)}
    encoder = Encoder(
        weights=_to_float16(solution[:-1]),
        bias=solution[-1],
        image_shape=generator.image_shape,
        bounds=bounds,
        generator_sha256=generator.sha256,
        about={"run": run, "versions": {package: version(package) for package in PACKAGES}},
    )
    encoder.about["quality"] = _measure_quality(encoder, generator, settings.seed)
    return encoder


def _to_float16(weights: np.ndarray) -> np.ndarray:
    """Return the weights in float16, which halves the file, or unchanged if they would overflow."""
    with np.errstate(over="ignore"):
        half = weights.astype(np.float16)
    return half if np.isfinite(half).all() else weights


def _measure_quality(encoder: Encoder, generator: Generator, seed: int) -> dict[str, float]:
    """Return the mean squared errors of a component of E(G(z)), for z that were not fitted.

    `error` is the error of E, `clipped` the error after clipping to the prior's bounds, `rounded`
    the error for images rounded to 8 bits, `guessing` the error of the prior's mean as a guess.
    """
    low, high = encoder.bounds
    shape = [TEST_SAMPLES, generator.latent]
    z = generator.prior.quantile(tf.random.stateless_uniform(shape, [seed, -1]))  # no batch has -1
    guesses, rounded = [], []
    for block in tf.split(z, TEST_SAMPLES // BLOCK_SIZE):
        images = generator(block)
        guesses.append(encoder(images))
        rounded.append(encoder(tf.round((images + 1) * 127.5) / 127.5 - 1))
    found = np.concatenate(guesses)
    return {
        "error": float(np.mean((found - z) ** 2)),
        "clipped": float(np.mean((found.clip(low, high) - z) ** 2)),
        "rounded": float(np.mean((np.concatenate(rounded) - z) ** 2)),
        "guessing": generator.prior.variance,
    }
