"""Fit an encoder: solve the linear least squares of z on the images of random z exactly.

Only the sums of products of images are kept, so their number is not limited by memory. Every
random number is a function of (seed, batch).
"""

import json
import time
from collections.abc import Generator as Steps
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.encoder import least_squares as fit
from ganinv_cli.encoder import quality
from ganinv_cli.encoder.model import Encoder
from ganinv_cli.errors import ConfigError
from ganinv_cli.files import check_writable, explain_write_errors, has_content
from ganinv_cli.network.generator import Generator

PACKAGES = ("ganinv", "numpy", "scipy", "tensorflow")


class FitProgress(NamedTuple):
    """The progress of a fit, for display."""

    images: int  # made and summed
    total: int
    images_per_second: float  # since the first batch; 0 at that
    encoder: Encoder | None  # at the end: the encoder that was written


def fit_encoder(
    generator: Generator, settings: fit.EncoderSettings, out: Path, overwrite: bool = False
) -> Steps[FitProgress, None, None]:
    """Fit an encoder and write it to `out`; yield after every batch, and once more at the end.

    If `out` already holds this encoder, it is yielded at once. Raises ConfigError if `out` holds
    another one and `overwrite` is False, CheckpointError if it is damaged or the generator's images
    are not finite, GaninvError if it cannot be written.
    """
    check_writable(out)
    run = _describe_run(generator, settings)
    encoder = None
    if has_content(out) and not overwrite:
        encoder = Encoder.load(out)
        _check_run(out, encoder.about.get("run"), run)
    if encoder is None:
        sums = yield from _accumulate_sums(generator, settings)
        weights = fit.solve_ridge(sums, settings.ridge)
        encoder = _build_encoder(generator, settings, weights, run)
        with explain_write_errors(out):
            encoder.save(out)
    yield FitProgress(settings.images, settings.images, 0.0, encoder)


def _accumulate_sums(
    generator: Generator, settings: fit.EncoderSettings
) -> Steps[FitProgress, None, fit.Sums]:
    sums, add_batch = fit.make_empty_sums(generator), fit.make_add_batch(generator, settings)
    timed_from, started = 0, 0.0
    while sums.images < settings.images:
        sums = add_batch(sums)
        if not timed_from:  # the first batch has compiled the others
            timed_from, started = sums.images, time.monotonic()
        rate = (sums.images - timed_from) / max(time.monotonic() - started, 1e-9)
        yield FitProgress(sums.images, settings.images, rate, None)
    return sums


def _describe_run(generator: Generator, settings: fit.EncoderSettings) -> dict[str, Any]:
    """Return the properties that identify a fit."""
    bounds = [generator.prior.low, generator.prior.high]
    return {"generator": generator.sha256, "bounds": bounds, **asdict(settings)}


def _check_run(path: Path, there: Any, here: dict[str, Any]) -> None:
    """Raise ConfigError if the encoder of a file comes from another fit."""
    there = there if isinstance(there, dict) else {}
    differing = [
        f"{key} is {json.dumps(there.get(key))} in the file, and {json.dumps(value)} here"
        for key, value in here.items()
        if there.get(key) != value
    ]
    if differing:
        raise ConfigError(
            f"{path} holds another fit: {'; '.join(differing)}. Name another file with --out, "
            "or replace this one with --overwrite"
        )


def _build_encoder(
    generator: Generator, settings: fit.EncoderSettings, solution: np.ndarray, run: dict[str, Any]
) -> Encoder:
    encoder = Encoder(
        weights=_to_float16(solution[:-1]),
        bias=solution[-1],
        image_shape=generator.image_shape,
        bounds=(generator.prior.low, generator.prior.high),
        generator_sha256=generator.sha256,
        about={"run": run, "versions": {package: version(package) for package in PACKAGES}},
    )
    encoder.about["quality"] = quality.measure_quality(encoder, generator, settings.seed)
    return encoder


def _to_float16(weights: np.ndarray) -> np.ndarray:
    """Return the weights in float16, which halves the file, or unchanged if they would overflow."""
    with np.errstate(over="ignore"):
        half = weights.astype(np.float16)
    return half if np.isfinite(half).all() else weights
