"""Checks of a generator: claims that must hold, each with its measured difference."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.inspection.facts import find_doubt
from ganinv_cli.inspection.latents import draw_latents
from ganinv_cli.inspection.original import load_original
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
NAMED_COMPONENTS = 5  # of z, in a sentence


@dataclass(frozen=True)
class Check:
    """A claim and its measurement."""

    claim: str
    passed: bool | None  # None: not checked
    found: float | None  # the largest difference, or a number of components of z
    limit: float | None
    why: str = ""  # why it was not checked, or what was found if that is no difference


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
    claim, rounding = _measure_rounding(generator, z, labels, images)
    limit = max(LIMIT, 10 * rounding)  # a deep network rounds more
    alone = largest_difference(images, generator.render(z, 1, labels=labels))
    original_labels = np.full(ROWS, label) if label >= 0 else labels
    return [
        _compare_with_limit("a picture depends on its own z alone, not on the batch", alone, limit),
        Check(claim, None, rounding, None, "a measurement"),
        _check_original(checkpoint, path, conventions, z, original_labels, images, limit),
        _check_derivative(generator, z[:1], None if labels is None else labels[:1], seed, rounding),
        _check_norms(checkpoint),
        _check_dependence(generator),
    ]


def to_json(checks: list[Check]) -> list[dict[str, Any]]:
    """Return the checks as plain JSON; NaN becomes None."""
    return [
        asdict(each) | {"found": each.found if np.isfinite(each.found or 0) else None}
        for each in checks
    ]


def _measure_rounding(
    generator: Generator, z: np.ndarray, labels: np.ndarray | None, images: np.ndarray
) -> tuple[str, float]:
    """Return the claim and the largest pixel difference between two precisions.

    If float64 is not available, z is compared with the next float32 number instead.
    """
    precision = generator.highest_precision
    other, claim = z, "float32 and float64 make the same pictures"
    if precision == "float32":
        other = np.nextafter(z, np.float32(np.inf))
        claim = "z and its next float32 number make the same pictures"
    return claim, largest_difference(images, generator.render(other, ROWS, precision, labels))


def _compare_with_limit(claim: str, found: float, limit: float) -> Check:
    return Check(claim, bool(found <= limit), found, limit)  # NaN does not pass


def _check_original(
    checkpoint: Checkpoint,
    path: Path,
    conventions: Conventions,
    z: np.ndarray,
    labels: np.ndarray | None,
    images: np.ndarray,
    limit: float,
) -> Check:
    claim = "pictures are equal to those of the program in the file"
    try:
        original_images = load_original(checkpoint, path, conventions)(z, labels)
    except UnreadableError as error:
        return Check(claim, None, None, None, str(error))
    return _compare_with_limit(claim, largest_difference(images, original_images), limit)


def _check_norms(checkpoint: Checkpoint) -> Check:
    claim = "the statistics stored in the batch norms fit this network and prior"
    check = checkpoint.norm_check
    if check.is_confirmed is None:  # without norms, what is assumed of layers is a guess
        doubt = find_doubt(checkpoint)
        why = f"a guess, as {doubt}" if doubt else "there are none"
        return Check(claim, False if doubt else None, None, None, why)
    found = max(row.discrepancy.total for row in check.rows)
    return Check(claim, check.is_confirmed, found, FITS_BELOW)


def _check_dependence(generator: Generator) -> Check:
    """Check J and the pictures at the z at which solvers measure J."""
    claim = "pictures are finite and depend on every component of z"
    changes = np.stack(list(measure_largest_changes(generator, POINTS)))
    points, latent = changes.shape
    not_finite = int((~np.isfinite(changes)).any(1).sum())
    if not_finite:
        why = f"the picture or dG/dz is not finite at {not_finite} of {points} random z"
        return Check(claim, False, None, 0, why)
    ignored = np.flatnonzero(~changes.any(0))
    why = f"{_describe_ignored(ignored, latent)} at {points} random z"
    return Check(claim, not len(ignored), len(ignored), 0, why)


def _describe_ignored(ignored: np.ndarray, latent: int) -> str:
    """Return how many components of z change no picture, and which."""
    if not len(ignored):
        return f"each of {latent:,} components changes them"
    if len(ignored) == latent:
        return "no component changes them"
    names = ", ".join(f"z[{number}]" for number in ignored[:NAMED_COMPONENTS])
    others = len(ignored) - NAMED_COMPONENTS
    more = f" and {others:,} more" if others > 0 else ""
    return f"{len(ignored):,} of {latent:,} components change nothing ({names}{more})"


def _check_derivative(
    generator: Generator, z: np.ndarray, labels: np.ndarray | None, seed: int, rounding: float
) -> Check:
    """Check dG along random directions at one z, by the median error: a ReLU may switch."""
    precision = generator.highest_precision
    step, limit = DERIVATIVE_LIMITS[precision]
    claim = f"derivatives agree with finite differences, in {precision}"
    directions = np.random.default_rng(seed).normal(size=(DIRECTIONS, z.shape[1])).astype(precision)
    label = None if labels is None else tf.constant(labels)
    exact = generator.jvp(tf.constant(z, precision), tf.constant(directions), label).numpy()
    many = None if labels is None else np.repeat(labels, DIRECTIONS)
    forward, backward = (
        generator.render(z + sign * step * directions, DIRECTIONS, precision, many)
        for sign in (1, -1)
    )
    exact, changes = exact.reshape(DIRECTIONS, -1), (forward - backward).reshape(DIRECTIONS, -1)
    lengths = np.linalg.norm(exact, axis=1)
    if precision == "float32":
        mean_change = 2 * step * float(np.median(lengths)) / exact.shape[1] ** 0.5  # of a pixel
        limit = max(limit, 2 * rounding / max(mean_change, 1e-300))
        if not limit < MAX_DERIVATIVE_LIMIT:
            return Check(claim, None, None, None, "float32 rounds its pictures too much")
    with np.errstate(all="ignore"):  # a derivative of 0 may be wrong by any factor
        errors = np.linalg.norm(exact - changes / (2 * step), axis=1)
        found = float(np.median(errors / np.maximum(lengths, 1e-300)))
    return _compare_with_limit(claim, found, limit)
