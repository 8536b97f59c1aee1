"""Fit an encoder: solve the linear least squares of z on the images of random z exactly.

Only the sums of products of images are kept, so their number is not limited by memory. Every
random number is a function of (seed, batch), so an interrupted run continues with the same numbers
as an uninterrupted one.
"""

import time
from collections.abc import Callable
from collections.abc import Generator as Steps
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.encoder import least_squares as fit
from ganinv_cli.encoder import quality
from ganinv_cli.encoder.fit_files import FitFiles
from ganinv_cli.encoder.model import Encoder
from ganinv_cli.files import check_writable
from ganinv_cli.network.generator import Generator
from ganinv_cli.store import lock

PACKAGES = ("ganinv", "numpy", "scipy", "tensorflow")


class FitProgress(NamedTuple):
    """The progress of a fit, for display."""

    images: int  # made and summed
    total: int
    images_per_second: float  # since the first batch of the process; 0 at that
    encoder: Encoder | None  # at the end: the encoder that was written


def fit_encoder(
    generator: Generator,
    settings: fit.EncoderSettings,
    out: Path,
    overwrite: bool = False,
    save_seconds: float = 300.0,
    on_start: Callable[[int], None] = lambda images: None,
) -> Steps[FitProgress, None, None]:
    """Fit an encoder and write it to `out`; yield after every batch, and once more at the end.

    Until the end, the state to continue from is in `OUT.state` (610 MB for 64x64 pixels in colour).
    It is written every `save_seconds`, and if this generator is closed or interrupted at a yield or
    after the last batch. If `out` already holds this encoder, it is yielded at once. `on_start` is
    called with the number of images summed before.

    Raises ConfigError if `out` or its state belongs to another run and `overwrite` is False,
    CheckpointError if one is damaged or the generator's images are not finite, ResultsError if
    another process has locked `out` or its folder cannot be written, GaninvError if the disk is
    full or fails.
    """
    run = _describe_run(generator, settings)
    with lock.hold_lock(out) as held:
        files = FitFiles(held, run)
        if overwrite:
            files.remove()
        encoder = files.load_finished()
        if encoder is None:
            check_writable(held)
            sums = files.load_sums() or fit.make_empty_sums(generator)
            on_start(sums.images)
            sums = yield from _accumulate_sums(generator, settings, sums, files, save_seconds)
            try:
                weights = fit.solve_ridge(sums, settings.ridge)
                encoder = _build_encoder(generator, settings, weights, run)
            except KeyboardInterrupt:
                files.save_sums(sums)
                raise
            files.write_encoder(encoder)
        else:
            files.remove_state()
        yield FitProgress(settings.images, settings.images, 0.0, encoder)


def _accumulate_sums(
    generator: Generator,
    settings: fit.EncoderSettings,
    sums: fit.Sums,
    files: FitFiles,
    save_seconds: float,
) -> Steps[FitProgress, None, fit.Sums]:
    add_batch = fit.make_add_batch(generator, settings)
    saved, timed_from = sums.images, 0
    started = saved_at = time.monotonic()
    while sums.images < settings.images:
        sums = add_batch(sums)
        if not timed_from:  # the first batch has compiled the others
            timed_from, started = sums.images, time.monotonic()
        rate = (sums.images - timed_from) / max(time.monotonic() - started, 1e-9)
        try:
            yield FitProgress(sums.images, settings.images, rate, None)
        except (KeyboardInterrupt, GeneratorExit):
            if sums.images > saved:
                files.save_sums(sums)
            raise
        if time.monotonic() - saved_at > save_seconds:
            files.save_sums(sums)
            saved, saved_at = sums.images, time.monotonic()
    return sums


def _describe_run(generator: Generator, settings: fit.EncoderSettings) -> dict[str, Any]:
    """Return the properties that must be equal for a run to be continued."""
    bounds = [generator.prior.low, generator.prior.high]
    return {"generator": generator.sha256, "bounds": bounds, **asdict(settings)}


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
