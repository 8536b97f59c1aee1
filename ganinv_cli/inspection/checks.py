"""Checks of a generator: claims that must hold, each with its measured difference."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.formats import find_format
from ganinv_cli.formats.interface import UnreadableError, format_names
from ganinv_cli.inspection.facts import find_doubt, find_pixel_range
from ganinv_cli.inspection.latents import draw_latents
from ganinv_cli.inspection.render import largest_difference
from ganinv_cli.jacobian import POINTS, measure_largest_changes
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.norm_statistics import FITS_BELOW
from ganinv_cli.settings.conventions import Conventions

ROWS = 8  # random z
LIMIT = 1e-4  # largest difference of pixels in [-1, 1] that float32 rounding explains
DIRECTIONS = 9
# by precision: step of the finite difference, in z, and its largest relative error
DERIVATIVE_LIMITS = {"float64": (1e-7, 1e-4), "float32": (1e-4, 2e-2)}
MAX_DERIVATIVE_LIMIT = 0.2  # if rounding makes larger errors, nothing is checked
ROUNDING = "z and its next float32 number make the same pictures"

Check = dict[str, Any]  # plain JSON


def check_generator(
    generator: Generator,
    checkpoint: Checkpoint,
    path: Path,
    conventions: Conventions,
    label: int,
    seed: int,
) -> list[Check]:
    """Return all checks, made at the first z of `ganinv recover` with this seed.

    `label` is the label that the generator is fixed to, or -1.
    """
    z, labels, _ = draw_latents(generator, seed, ROWS)
    images = generator.render(z, ROWS, labels=labels)
    nearby = generator.render(np.nextafter(z, np.float32(np.inf)), ROWS, labels=labels)
    rounding = largest_difference(images, nearby)
    limit = max(LIMIT, 10 * rounding)  # a deep network rounds more
    alone = largest_difference(images, generator.render(z, 1, labels=labels))
    same = "pictures are equal to those of the program in the file"
    try:
        original = load_original(checkpoint, path, conventions, None if label < 0 else label)
        difference = largest_difference(images, original.render(z, ROWS, labels=labels))
        program = _compare(same, difference, limit)
    except UnreadableError as error:
        program = _describe(same, None, why=str(error))
    return [
        _compare("a picture depends on its own z alone, not on the batch", alone, limit),
        _describe(ROUNDING, None, rounding, why="a measurement"),
        program,
        _check_derivative(generator, z[:1], None if labels is None else labels[:1], seed, rounding),
        _check_norms(checkpoint),
        _check_dependence(generator),
    ]


def load_original(
    checkpoint: Checkpoint, path: Path, conventions: Conventions, label: int | None
) -> Generator:
    """Return the program of a Keras file, whose operations TensorFlow runs.

    Raises UnreadableError for other files, which have no other program than the one that is
    checked, or none.
    """
    form = find_format(path)
    if form.title != "Keras":
        raise UnreadableError(
            "TensorFlow runs the file's own operations"
            if form.is_whole_model
            else "the file holds weights alone, no program"
        )
    from ganinv_cli.formats.keras.load import load  # it loads Keras
    from ganinv_cli.formats.keras.translate import make_function
    from ganinv_cli.formats.traced.functions import trace_function
    from ganinv_cli.network.traced import TracedGenerator

    model, *_ = load(path, conventions.trust)
    function, inputs = make_function(model)
    network = trace_function(function, inputs, checkpoint.network.labels)
    network = replace(network, pixel_range=find_pixel_range(checkpoint))
    return TracedGenerator(network, checkpoint.prior, label)


def _describe(
    claim: str,
    passed: bool | None,
    found: float | None = None,
    limit: float | None = None,
    why: str = "",
) -> Check:
    """Return a claim and its measurement.

    `passed` is None if it was not checked. `found` is the largest difference, or a number of
    components of z; `why` says why it was not checked, or what was found if that is no difference.
    """
    known = found if np.isfinite(found or 0) else None
    return {"claim": claim, "passed": passed, "found": known, "limit": limit, "why": why}


def _compare(claim: str, found: float, limit: float) -> Check:
    return _describe(claim, bool(found <= limit), found, limit)  # NaN does not pass


def _check_norms(checkpoint: Checkpoint) -> Check:
    claim = "the statistics stored in the batch norms fit this network and prior"
    check = checkpoint.norm_check
    if check.is_confirmed is None:  # without norms, what is assumed of layers is a guess
        doubt = find_doubt(checkpoint)
        why = f"a guess, as {doubt}" if doubt else "there are none"
        return _describe(claim, False if doubt else None, why=why)
    found = max(row.discrepancy.total for row in check.rows)
    return _describe(claim, check.is_confirmed, found, FITS_BELOW)


def _check_dependence(generator: Generator) -> Check:
    """Check J and the pictures at the z at which solvers measure J."""
    claim = "pictures are finite and depend on every component of z"
    changes = np.stack(list(measure_largest_changes(generator, POINTS)))
    points, latent = changes.shape
    not_finite = int((~np.isfinite(changes)).any(1).sum())
    if not_finite:
        why = f"the picture or dG/dz is not finite at {not_finite} of {points} random z"
        return _describe(claim, False, limit=0, why=why)
    ignored = [f"z[{number}]" for number in np.flatnonzero(~changes.any(0))]
    why = f"each of {latent:,} components changes them at {points} random z"
    if ignored:
        why = (
            f"{len(ignored):,} of {latent:,} components change nothing at {points} random z: "
            f"{format_names(ignored)}"
        )
    return _describe(claim, not ignored, len(ignored), 0, why)


def _check_derivative(
    generator: Generator, z: np.ndarray, labels: np.ndarray | None, seed: int, rounding: float
) -> Check:
    """Check dG along random directions at one z, by the median error: a ReLU may switch."""
    precision = generator.highest_precision
    step, limit = DERIVATIVE_LIMITS[precision]
    claim = f"derivatives agree with finite differences, in {precision}"
    directions = np.random.default_rng(seed).normal(size=(DIRECTIONS, z.shape[1])).astype(precision)
    exact = generator.jvp(tf.constant(z, precision), tf.constant(directions), labels).numpy()
    many = None if labels is None else np.repeat(labels, DIRECTIONS)
    ahead, behind = (
        generator.render(z + sign * step * directions, DIRECTIONS, precision, many)
        for sign in (1, -1)
    )
    exact, changes = exact.reshape(DIRECTIONS, -1), (ahead - behind).reshape(DIRECTIONS, -1)
    lengths = np.linalg.norm(exact, axis=1)
    if precision == "float32":
        mean_change = 2 * step * float(np.median(lengths)) / exact.shape[1] ** 0.5  # of a pixel
        limit = max(limit, 2 * rounding / max(mean_change, 1e-300))
        if not limit < MAX_DERIVATIVE_LIMIT:
            return _describe(claim, None, why="float32 rounds its pictures too much")
    with np.errstate(all="ignore"):  # a derivative of 0 may be wrong by any factor
        errors = np.linalg.norm(exact - changes / (2 * step), axis=1)
        found = float(np.median(errors / np.maximum(lengths, 1e-300)))
    return _compare(claim, found, limit)
