"""The figures, drawn without a display and without matplotlib's global state."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganinv_cli.statistics import EPSILONS, SMALLEST, Booleans, Floats, carried
from ganinv_cli.words import RULES

DPI = 100  # so that a figure can be laid out in pixels
PICTURE = 128  # pixels a side, or the least whole multiple of the picture's own side above it
GAP = 6  # pixels between pictures

# Okabe and Ito's colours, told apart by their dashes too
_LOOKS = (
    ("#0072B2", "solid"),
    ("#D55E00", "dashed"),
    ("#009E73", "dashdot"),
    ("#CC79A7", "dotted"),
)
LINES = dict(zip(RULES, _LOOKS, strict=True))


class Curve(NamedTuple):
    """How one technique's errors fell."""

    gradients: Floats  # (points,)
    z_error: Floats  # (trials, points), NaN after a trial's end
    ends: Floats  # (trials,), the z error of what was found

    @property
    def drawable(self) -> Booleans:
        """(points,): where a trial was running, and one point on; 0 gradients have no logarithm."""
        running = np.asarray(np.isfinite(self.z_error).any(axis=0) & (self.gradients > 0))
        return np.asarray(running | np.concatenate([[False], running[:-1]]))


def pictures(panels: Mapping[str, NDArray[np.uint8]], trials: Sequence[int], title: str) -> Figure:
    """Figure 1: a row for each panel (trials, height, width, channels), a column for each trial.

    Every pixel of a picture becomes a square of whole pixels, none is blurred.
    """
    montage = _montage(list(panels.values()))
    height, width = montage.shape[:2]
    left, top, bottom, edge = 120, 40, 26, 10
    total_width, total_height = max(left + width + edge, 420), top + height + bottom
    figure = Figure((total_width / DPI, total_height / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    box = (left / total_width, bottom / total_height, width / total_width, height / total_height)
    axes = figure.add_axes(box)
    axes.imshow(montage, interpolation="nearest", aspect="auto")
    axes.set_yticks(_centres(len(panels), height), list(panels))
    axes.set_xticks(_centres(len(trials), width), [f"trial {trial}" for trial in trials])
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    figure.text(edge / total_width, 1 - 14 / total_height, title, va="top", fontsize=11)
    return figure


def convergence(curves: Mapping[str, Curve], latent: int) -> Figure:
    """Median z error, and the band from its 10 % to its 90 % quantile, against gradients."""
    figure = Figure((7.2, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for technique, curve in curves.items():
        _draw(axes, technique, curve)
    epsilon = EPSILONS[SMALLEST]
    axes.axhline(epsilon, color="#555555", linewidth=0.8, zorder=1)
    axes.annotate(
        f"ε = {SMALLEST}", (0.005, epsilon), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", fontsize=9, color="#555555",
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="gradients a trial")
    axes.set_ylabel(f"mean squared error of z, ‖z′ − z‖² / {latent}")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title("Median over the trials, and the middle 80 % of them", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def _draw(axes: Axes, technique: str, curve: Curve) -> None:
    drawable = curve.drawable
    errors = carried(curve.z_error, curve.ends)[:, drawable]
    errors = errors[np.isfinite(errors).all(axis=1)]
    low, median, high = np.quantile(errors, (0.1, 0.5, 0.9), axis=0)
    colour, dashes = LINES[technique]
    x = curve.gradients[drawable]
    axes.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0)
    for edge in (low, high):  # bands of techniques that do alike cover one another
        axes.plot(x, edge, color=colour, linestyle=dashes, linewidth=0.6)
    axes.plot(x, median, color=colour, linestyle=dashes, linewidth=1.8, label=technique)


def _montage(rows: Sequence[NDArray[np.uint8]]) -> NDArray[Any]:
    """(height, width, 3): enlarged pictures on white, a gap around each."""
    side = rows[0].shape[1]
    scale = -(-PICTURE // side)
    lines = []
    for row in rows:
        large = row.repeat(scale, axis=1).repeat(scale, axis=2)
        colour = np.broadcast_to(large, (*large.shape[:3], 3))  # grey has one channel
        around = ((0, 0), (GAP // 2, GAP // 2), (GAP // 2, GAP // 2), (0, 0))
        lines.append(np.concatenate(list(np.pad(colour, around, constant_values=255)), axis=1))
    return np.concatenate(lines, axis=0)


def _centres(count: int, pixels: int) -> NDArray[np.floating]:
    return (np.arange(count) + 0.5) * pixels / count - 0.5
