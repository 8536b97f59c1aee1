"""Fitting an encoder: the linear least squares of z on the images of fresh z, solved exactly.

Images are made as they are needed and only the sums of their products are kept, so there can be
any number of them. Every random number is a function of (seed, batch), so a run that was
interrupted and goes on ends where it would have.
"""

import time
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
from ganinv_cli.network.generator import Generator
from ganinv_cli.store import lock

PACKAGES = ("ganinv", "numpy", "scipy", "tensorflow")


class FitProgress(NamedTuple):
    """Where a run stands."""

    images: int  # made and summed
    total: int
    images_per_second: float  # since the process started
    encoder: Encoder | None  # at the end: what is now in the file


def fit_encoder(
    generator: Generator,
    settings: fit.EncoderSettings,
    out: Path,
    overwrite: bool = False,
    save_seconds: float = 300.0,
) -> Steps[FitProgress, None, None]:
    """Fit an encoder and write it to `out`; yield after every batch, and once more at the end.

    Until it is done, what it needs to go on is in `OUT.state` (610 MB for 64x64 pixels in colour),
    written every `save_seconds` and when this is closed or interrupted at a yield. Where `out` is
    already what this would write, it is the end at once.

    Raises ConfigError where `out` or its state is another run's and not to be overwritten,
    CheckpointError where one is damaged or the generator's images are not finite, ResultsError
    where another process holds `out` or its folder cannot be written, GaninvError where the disk
    refuses.
    """
    run = _describe_run(generator, settings)
    with lock.hold_lock(out):
        files = FitFiles(out, run)
        if overwrite:
            files.remove()
        encoder = files.load_finished(generator)
        if encoder is None:
            sums = files.load_sums() or fit.make_empty_sums(generator)
            sums = yield from _accumulate_sums(generator, settings, sums, files, save_seconds)
            encoder = _build_encoder(
                generator, settings, fit.solve_ridge(sums, settings.ridge), run
            )
            files.write_encoder(encoder)
        yield FitProgress(settings.images, settings.images, 0.0, encoder)


def _accumulate_sums(
    generator: Generator,
    settings: fit.EncoderSettings,
    sums: fit.Sums,
    files: FitFiles,
    save_seconds: float,
) -> Steps[FitProgress, None, fit.Sums]:
    add_batch = fit.make_add_batch(generator, settings)
    first = saved = sums.images
    started = saved_at = time.monotonic()
    while sums.images < settings.images:
        sums = add_batch(sums)
        rate = (sums.images - first) / (time.monotonic() - started)
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
    """What two runs must share to be one."""
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
    """In float16 where they fit: half the file, and an error that no figure shows."""
    with np.errstate(over="ignore"):
        half = weights.astype(np.float16)
    return half if np.isfinite(half).all() else weights
