"""How hard a generator is to invert: singular values of J = dG/dz."""

from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import UsageError
from ganinv_cli.generators.network.generator import (
    Generator,
    compute_singular_values,
    find_rounding,
)
from ganinv_cli.inspection.latent_vectors import draw_latents

POINTS = 8  # random z
WEAK_SHARE = 1e-3  # of the largest singular value; smaller ones are weak directions of z
MAX_VALUES = 1 << 29  # of J: 4 GiB


class Spectrum(NamedTuple):
    """Singular values of J at several z, one row for each."""

    values: np.ndarray  # float64 (points, latent), largest first
    labels: np.ndarray | None  # (points,); None: not conditional
    tolerance: float  # relative to the largest; a smaller value may be rounding


def measure_singular_values(generator: Generator) -> Spectrum:
    """Return the singular values of J at the first POINTS z of `ganinv recover`.

    The labels of a conditional generator are taken in turn. Raises UsageError if J is too large.
    """
    pixels = generator.count_values()
    if generator.latent * pixels > MAX_VALUES:
        raise UsageError(
            f"dG/dz has {generator.latent:,} x {pixels:,} values; singular values are computed "
            f"for at most {MAX_VALUES:,}; leave --spectrum out"
        )
    z, labels = draw_latents(generator, 0, POINTS)
    given = np.full(POINTS, -1) if labels is None else labels
    rows = [
        compute_singular_values(generator, *each) for each in zip(z, given.tolist(), strict=True)
    ]
    return Spectrum(np.stack(rows), labels, find_rounding(generator))


def summarize_spectrum(spectrum: Spectrum) -> dict[str, Any]:
    """Return the condition of J, its rank and its weak directions as plain JSON.

    The condition is over the directions that change the image; None if there are none.
    """
    finite = np.isfinite(spectrum.values).all(1)
    values = spectrum.values[finite]
    ranks = (values > spectrum.tolerance * values[:, :1]).sum(1)
    weak = (values < WEAK_SHARE * values[:, :1]).sum(1)
    conditions = [row[0] / row[rank - 1] for row, rank in zip(values, ranks, strict=True) if rank]
    return {
        "points": len(spectrum.values),
        "precision": "float64",
        "tolerance": spectrum.tolerance,
        "not_finite": int((~finite).sum()),
        "singular_values": values.tolist(),
        "labels": None if spectrum.labels is None else spectrum.labels.tolist(),
        "condition": {
            "median": _apply(np.median, conditions),
            "worst": _apply(np.max, conditions),
        },
        "rank": {
            "least": _apply(np.min, ranks),
            "most": _apply(np.max, ranks),
            "of": values.shape[1],
        },
        "flat_points": int((ranks < values.shape[1]).sum()),
        "weak": {
            "below": WEAK_SHARE,
            "median": _apply(np.median, weak),
            "most": _apply(np.max, weak),
        },
    }


def _apply(function: Any, numbers: Any) -> Any:
    """Return a statistic as a number of Python; None if there are no numbers."""
    return np.asarray(function(numbers)).item() if len(numbers) else None
