"""Singular values of J = dG/dz at random z. They show how hard a generator is to invert."""

from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import UsageError
from ganinv_cli.inspection.latents import draw_latents
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import compute_singular_values, find_rounding

WEAK_SHARE = 1e-3  # of the largest singular value; smaller ones are weak directions of z
MAX_VALUES = 1 << 29  # of J: 4 GiB


class Spectrum(NamedTuple):
    """Singular values of J at several z, one row for each."""

    values: np.ndarray  # float64 (points, latent), largest first
    labels: np.ndarray | None  # (points,); None: not conditional
    precision: str  # of J
    tolerance: float  # relative to the largest; a smaller value may be rounding


def measure_spectrum(generator: Generator, seed: int, points: int) -> Spectrum:
    """Return the singular values of J at the first z of `ganinv recover` with this seed.

    The labels of a conditional generator are taken in turn. Raises UsageError if J is too large.
    """
    pixels = int(np.prod(generator.image_shape))
    if generator.latent * pixels > MAX_VALUES:
        raise UsageError(
            f"dG/dz has {generator.latent:,} x {pixels:,} values; singular values are computed "
            f"for at most {MAX_VALUES:,}; leave --spectrum out"
        )
    z, labels, _ = draw_latents(generator, seed, points)
    rows = [
        compute_singular_values(generator, z[row], -1 if labels is None else int(labels[row]))
        for row in range(points)
    ]
    precision, tolerance = generator.highest_precision, find_rounding(generator)
    return Spectrum(np.stack(rows), labels, precision, tolerance)


def summarize_spectrum(spectrum: Spectrum) -> dict[str, Any]:
    """Return the condition of J, its rank and its weak directions as plain JSON.

    The condition is over the directions that change the image; None if there are none.
    """
    values = spectrum.values
    finite = np.isfinite(values).all(1)
    largest = values[:, :1]
    ranks = (values > spectrum.tolerance * largest).sum(1)
    weak = (values < WEAK_SHARE * largest).sum(1)
    flat = finite & (ranks < values.shape[1])
    conditions = [
        float(row[0] / row[rank - 1]) for row, rank in zip(values, ranks, strict=True) if rank
    ]
    return {
        "points": len(values),
        "precision": spectrum.precision,
        "tolerance": spectrum.tolerance,
        "not_finite": int((~finite).sum()),
        "singular_values": [row.tolist() for row in values[finite]],
        "labels": None if spectrum.labels is None else spectrum.labels.tolist(),
        "condition": {
            "median": float(np.median(conditions)) if conditions else None,
            "worst": max(conditions) if conditions else None,
        },
        "rank": {
            "least": int(ranks[finite].min()) if finite.any() else None,
            "most": int(ranks[finite].max()) if finite.any() else None,
            "of": values.shape[1],
        },
        "flat_points": int(flat.sum()),
        "weak": {
            "below": WEAK_SHARE,
            "median": float(np.median(weak[finite])) if finite.any() else None,
            "most": int(weak[finite].max()) if finite.any() else None,
        },
    }
