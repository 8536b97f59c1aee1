"""Checks of a generator: claims that must hold, each with its measured difference."""

from typing import Any

import numpy as np

from ganinv_cli.formats.interface import format_names
from ganinv_cli.inspection.facts import find_doubt
from ganinv_cli.inspection.latents import draw_latents
from ganinv_cli.inspection.render import largest_difference
from ganinv_cli.jacobian import POINTS, measure_largest_changes
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.norm_statistics import FITS_BELOW

ROWS = 8  # random z
LIMIT = 1e-4  # largest difference of pixels in [-1, 1] that float32 rounding explains

Check = dict[str, Any]  # plain JSON


def check_generator(generator: Generator, checkpoint: Checkpoint, seed: int) -> list[Check]:
    """Return all checks, made at the first z of `ganinv recover` with this seed."""
    z, labels, _ = draw_latents(generator, seed, ROWS)
    images = generator.render(z, ROWS, labels=labels)
    nearby = generator.render(np.nextafter(z, np.float32(np.inf)), ROWS, labels=labels)
    rounding = largest_difference(images, nearby)
    limit = max(LIMIT, 10 * rounding)  # a deep network rounds more
    alone = largest_difference(images, generator.render(z, 1, labels=labels))
    return [
        _compare("a picture depends on its own z alone, not on the batch", alone, limit),
        _check_norms(checkpoint),
        _check_dependence(generator),
    ]


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
