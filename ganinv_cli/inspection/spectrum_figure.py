"""Draw the singular values of J at several z."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganinv_cli.clipping import RULES
from ganinv_cli.report.plots import GREY, encode_figure, make_figure, use_own_style

FLOOR = 1e-8  # of the largest value: smaller ones are drawn there


def draw_spectrum(values: NDArray[np.floating], title: str) -> Figure:
    """Draw singular values (points, latent), largest first: a line per z, and their median."""
    kept = values[np.isfinite(values).all(axis=1)]
    figure = make_figure()
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, loc="left", parse_math=False)
    axes.set(xlabel="singular value, from the largest", yscale="log")
    axes.set_ylabel("how far the image moves, pixels / z")
    axes.spines[["top", "right"]].set_visible(False)
    largest = kept.max(initial=0)
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


def encode_spectrum(values: NDArray[np.floating], title: str, path: Path) -> bytes:
    """Return the content of a PNG, PDF or SVG file, by the suffix of its path."""
    with use_own_style():
        return encode_figure(draw_spectrum(values, title), path.suffix.removeprefix(".").lower())
