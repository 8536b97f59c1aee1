"""Checks of a generator: claims that must hold, each with its measured difference."""

from typing import Any

import numpy as np

from ganinv_cli.formats.interface import format_names
from ganinv_cli.inspection.facts import find_doubt
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.norms.check import FITS_BELOW
from ganinv_cli.objective.jacobian import POINTS, measure_largest_changes

Check = dict[str, Any]  # plain JSON


def check_generator(generator: Generator, checkpoint: Checkpoint) -> list[Check]:
    """Return all checks."""
    return [_check_norms(checkpoint), _check_dependence(generator)]


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
