"""Figure 1, and the figure of convergence."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli.analysis.groups import Group
from ganinv_cli.clipping import RULES
from ganinv_cli.report.plots import GREY, draw_montage, make_figure
from ganinv_cli.report.recover.curves import Curves, ErrorQuantiles, compute_error_quantiles
from ganinv_cli.report.recover.rows import select_groups
from ganinv_cli.report.report import DrawnFigure
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON, is_recovered
from ganinv_cli.store.rows import get_row_shape, take_rows

if TYPE_CHECKING:
    from ganinv_cli import store
    from ganinv_cli.store import Results

MAX_DRAWN = 1e30  # a logarithmic axis overflows at 1e300, which only an edited file has


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
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title("Median over the trials, and the middle 80 % of them", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


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
    title = f"{number.replace('figure', 'Figure ')}. {clipping}, {solver}"
    rows = ", ".join(stored.panels)
    alt = f"{len(stored.trials)} images with {clipping}, one per column; from above: {rows}."
    if technique in groups:
        alt += f" {_describe_recovered(groups[technique], stored.trials)}"
    caption = f"{title}. One column per trial; rows from above: {rows}."
    if "label" in groups.get(technique, {}):
        caption += " The rows above the original use the label that was found."
    return DrawnFigure(draw_montage(stored, title), alt, caption)


def _describe_recovered(group: Group, trials: tuple[int, ...]) -> str:
    shown = np.isin(group["trial"], trials)
    right = int(np.sum(is_recovered(group["z_error"][shown], EPSILONS[SMALLEST_EPSILON])))
    return f"z was recovered to within {SMALLEST_EPSILON} for {right} of these {len(trials)}."
