"""Figure 1, and the figure of convergence."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli.analysis.groups import Group
from ganinv_cli.clipping import RULES
from ganinv_cli.report.plots import GREY, PlainLogFormatter, draw_montage, make_figure
from ganinv_cli.report.recover.rows import select_groups
from ganinv_cli.report.report import DrawnFigure
from ganinv_cli.report.run import capitalize
from ganinv_cli.statistics import (
    EPSILONS,
    SMALLEST_EPSILON,
    Booleans,
    Floats,
    Integers,
    carry_forward,
    is_recovered,
)
from ganinv_cli.store.rows import get_row_shape, take_rows

if TYPE_CHECKING:
    from ganinv_cli import store
    from ganinv_cli.store import Results

BLOCK_BYTES = 1 << 26  # of curves in memory at a time
QUANTILES = (0.1, 0.5, 0.9)
MAX_DRAWN = 1e30  # a logarithmic axis overflows at 1e300, which only an edited file has


class Curves(NamedTuple):
    """The error curves of one rule's trials."""

    gradients: Floats  # (points,)
    errors: Callable[[slice], Floats]  # z error of some trials, (some, points), NaN after their end
    final_errors: Floats  # (trials,), the z error of what was found


class ErrorQuantiles(NamedTuple):
    """Quantiles at the points at which a trial was running, and at the next one."""

    gradients: Floats  # (points,), above 0, which has no logarithm
    quantiles: Floats  # (3, points), at QUANTILES, of the trials with an error at each point


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """Return Figure 1 for each rule, and `convergence` if a trial ran beyond its start."""
    groups = select_groups(results)
    solver = results.attributes.get("config", {}).get("solver", "")
    drawn = {
        name: _draw_figure1(name, stored, solver, groups)
        for name, stored in results.figures.items()
    }
    gradients = results.constants.get("curve_gradients")
    falls = {
        technique: compute_error_quantiles(
            Curves(gradients, partial(take_rows, group, "curve_error"), group["z_error"])
        )
        for technique, group in groups.items()
        if gradients is not None and "curve_error" in group
    }
    falls = {technique: of for technique, of in falls.items() if len(of.gradients)}
    if falls:
        (latent,) = get_row_shape(groups[next(iter(falls))], "z_found")
        drawn["convergence"] = DrawnFigure(
            draw_convergence(falls, latent), *_describe_convergence(falls)
        )
    return drawn


def compute_error_quantiles(curves: Curves) -> ErrorQuantiles:
    """Return the quantiles; a trial that has ended counts with its final error.

    Trials without an error at some point are left out; if none is left, there are no points.
    """
    points = _find_points(curves)
    whole = [np.isfinite(errors).all(axis=1) for errors in _read_blocks(curves, points)]
    kept = np.concatenate(whole)
    if not kept.any():
        points = points[:0]
    return ErrorQuantiles(curves.gradients[points], _compute_quantiles(curves, points, kept))


def draw_convergence(quantiles_by_rule: Mapping[str, ErrorQuantiles], latent: int) -> Figure:
    """Draw the median z error and the band of its 10 % to 90 % quantiles against gradients."""
    figure = make_figure()
    axes = figure.add_subplot()
    for technique, of in quantiles_by_rule.items():
        _draw_curve(axes, technique, of)
    epsilon = EPSILONS[SMALLEST_EPSILON]
    axes.axhline(epsilon, color=GREY, linewidth=0.8, zorder=1)
    axes.annotate(
        f"ε = {SMALLEST_EPSILON}", (0.005, epsilon), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", fontsize=9, color=GREY,
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="gradients per trial")
    axes.set_ylabel(f"mean squared error of z, ‖z′ − z‖² / {latent}")
    axes.xaxis.set_major_formatter(PlainLogFormatter())
    axes.xaxis.set_minor_formatter(PlainLogFormatter())
    axes.set_title("Median over the trials, and the middle 80 % of them", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def _find_points(curves: Curves) -> Integers:
    """Return the indices of points at which a trial was running, and of the next one."""
    ran = [np.isfinite(curves.errors(some)).any(axis=0) for some in _split_trials(curves)]
    running = np.any(ran, axis=0) & (curves.gradients > 0)
    return np.flatnonzero(running | np.concatenate([[False], running[:-1]]))


def _compute_quantiles(curves: Curves, points: Integers, kept: Booleans) -> Floats:
    """Return the exact quantiles (3, points) of the trials that are `kept`, bool (trials,)."""
    count = int(np.sum(kept))
    together = max(1, BLOCK_BYTES // (8 * max(1, count)))
    quantiles = np.empty((len(QUANTILES), len(points)))
    for first in range(0, len(points), together):
        some = slice(first, first + together)
        errors = np.empty((len(points[some]), count))
        low = 0
        for trials, block in zip(
            _split_trials(curves), _read_blocks(curves, points[some]), strict=True
        ):
            chosen = block[kept[trials]]
            errors[:, low : low + len(chosen)] = chosen.T
            low += len(chosen)
        quantiles[:, some] = np.quantile(errors, QUANTILES, axis=1, overwrite_input=True)
    return quantiles


def _read_blocks(curves: Curves, points: Integers) -> Iterator[Floats]:
    """Yield errors (some trials, points), with final errors after a trial's end."""
    for trials in _split_trials(curves):
        yield carry_forward(curves.errors(trials)[:, points], curves.final_errors[trials])


def _split_trials(curves: Curves) -> Iterator[slice]:
    """Return slices that cover all trials."""
    length = max(1, BLOCK_BYTES // (32 * len(curves.gradients)))
    return (slice(low, low + length) for low in range(0, len(curves.final_errors), length))


def _draw_curve(axes: Axes, rule: str, curve: ErrorQuantiles) -> None:
    low, median, high = np.minimum(curve.quantiles, MAX_DRAWN)
    colour, dashes = RULES[rule].colour, RULES[rule].dashes
    axes.fill_between(curve.gradients, low, high, color=colour, alpha=0.08, linewidth=0)
    for edge in (low, high):  # equal bands cover one another
        axes.plot(curve.gradients, edge, color=colour, linestyle=dashes, linewidth=0.6)
    axes.plot(curve.gradients, median, color=colour, linestyle=dashes, linewidth=1.8, label=rule)


def _describe_convergence(quantiles_by_rule: Mapping[str, ErrorQuantiles]) -> tuple[str, str]:
    """Return the alt text and the caption."""
    said = []
    for technique, (gradients, (_, median, _)) in quantiles_by_rule.items():
        below = is_recovered(median, EPSILONS[SMALLEST_EPSILON])
        said.append(
            f"{technique} after {gradients[np.argmax(below)]:,.0f} gradients"
            if below.any()
            else f"{technique} never, it ends at {median[-1]:.1g}"
        )
    return (
        f"The median z error falls below {SMALLEST_EPSILON}: {'; '.join(said)}. "
        "Lines of the error against gradients per trial, both axes logarithmic.",
        "How the error of z fell with the gradients spent: median over the trials, and the band "
        "from the 10 % to the 90 % quantile. A trial that ended counts with its last error.",
    )


def _draw_figure1(
    name: str, stored: "store.Figure", solver: str, groups: Mapping[str, Group]
) -> DrawnFigure:
    number, _, technique = name.partition("-")
    clipping = "no clipping" if technique == "none" else f"{technique} clipping"
    title = f"{number.replace('figure', 'Figure ')}. {capitalize(clipping)}, {solver}"
    rows = ", ".join(stored.panels)
    alt = f"{len(stored.trials)} images with {clipping}, one per column; from above: {rows}."
    caption = f"{title}. One column per trial; rows from above: {rows}."
    if "label" in groups.get(technique, {}):
        caption += " The rows above the original use the label that was found."
    return DrawnFigure(draw_montage(stored, title), alt, caption)
