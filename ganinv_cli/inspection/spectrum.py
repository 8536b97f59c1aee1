"""How hard a generator is to invert: singular values of J = dG/dz."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganinv_cli.clipping import RULES
from ganinv_cli.errors import UsageError
from ganinv_cli.generators.network.generator import (
    Generator,
    compute_singular_values,
    find_rounding,
)
from ganinv_cli.inspection.latent_vectors import draw_latents
from ganinv_cli.results.report.plots import GREY, encode_figure, make_figure, use_own_style

POINTS = 8  # random z
WEAK_SHARE = 1e-3  # of the largest singular value; smaller ones are weak directions of z
FLOOR = 1e-8  # of the largest value: smaller ones are drawn at it in the figure
MAX_VALUES = 1 << 29  # of J: 4 GiB


class Spectrum(NamedTuple):
    """Singular values of J at several z, one row for each."""

    values: np.ndarray  # float64 (points, latent), largest first
    labels: np.ndarray | None  # (points,); None: not conditional
    precision: str  # of J
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
    return Spectrum(np.stack(rows), labels, generator.highest_precision, find_rounding(generator))


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
        "precision": spectrum.precision,
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


def draw_spectrum(values: NDArray[np.floating]) -> Figure:
    """Draw singular values (points, latent), largest first: a line per z, and their median."""
    kept = values[np.isfinite(values).all(axis=1)]
    figure = make_figure()
    axes = figure.add_subplot()
    title = f"Singular values of dG/dz at {len(values)} random z"
    axes.set_title(title, fontsize=10, loc="left")
    axes.set(xlabel="singular value, from the largest", yscale="log")
    axes.set_ylabel("how far the image moves, pixels / z")
    axes.spines[["top", "right"]].set_visible(False)
    largest = float(kept.max(initial=0))
    if largest == 0:
        axes.text(0.5, 0.5, "J is 0 or not finite", transform=axes.transAxes, ha="center")
        return figure
    floored = np.maximum(kept, FLOOR * largest)
    number = np.arange(1, kept.shape[1] + 1)
    for row, line in enumerate(floored):
        label = "one z" if row == 0 else None
        axes.plot(number, line, color=GREY, linewidth=0.6, alpha=0.6, label=label)
    colour = RULES["none"].colour
    axes.plot(number, np.median(floored, 0), color=colour, linewidth=1.8, label="median")
    axes.axhline(1e-3 * largest, color=GREY, linewidth=0.8, linestyle="dashed", zorder=1)
    axes.annotate(
        "1/1000 of the largest of all", (0.995, 1e-3 * largest), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", fontsize=9, color=GREY, ha="right",
    )  # fmt: skip
    axes.legend(frameon=False)
    return figure


def encode_spectrum(values: NDArray[np.floating], path: Path) -> bytes:
    """Return the content of a PNG, PDF or SVG file, by the suffix of its path."""
    with use_own_style():
        return encode_figure(draw_spectrum(values), path.suffix.removeprefix(".").lower())
