"""Figure 1, and how the errors fell."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli.report.output.plots import GREY, LINES, blank, pictures
from ganinv_cli.report.recover.curves import Curves, Fall, fall
from ganinv_cli.report.report import Drawn
from ganinv_cli.report.shared.run import Group
from ganinv_cli.statistics import EPSILONS, SMALLEST, recovered
from ganinv_cli.store.rows import taken

if TYPE_CHECKING:
    from ganinv_cli import store
    from ganinv_cli.store import Results


def draw(results: "Results", groups: Mapping[str, Group]) -> dict[str, Drawn]:
    """`figure1-stochastic` and the like, and `convergence` where a trial ran beyond its start."""
    solver = results.attributes.get("config", {}).get("solver", "")
    drawn = {
        name: _figure1(name, stored, solver, groups) for name, stored in results.figures.items()
    }
    gradients = results.constants.get("curve_gradients")
    falls = {
        technique: fall(Curves(gradients, partial(taken, group, "curve_error"), group["z_error"]))
        for technique, group in groups.items()
        if gradients is not None and "curve_error" in group
    }
    falls = {technique: of for technique, of in falls.items() if len(of.gradients)}
    if falls:
        latent = taken(groups[next(iter(falls))], "z_found", slice(1)).shape[1]
        drawn["convergence"] = Drawn(convergence(falls, latent), *_convergence_words(falls))
    return drawn


def convergence(falls: Mapping[str, Fall], latent: int) -> Figure:
    """Median z error, and the band from its 10 % to its 90 % quantile, against gradients."""
    figure = blank()
    axes = figure.add_subplot()
    for technique, of in falls.items():
        _draw(axes, technique, of)
    epsilon = EPSILONS[SMALLEST]
    axes.axhline(epsilon, color=GREY, linewidth=0.8, zorder=1)
    axes.annotate(
        f"ε = {SMALLEST}", (0.005, epsilon), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", fontsize=9, color=GREY,
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="gradients a trial")
    axes.set_ylabel(f"mean squared error of z, ‖z′ − z‖² / {latent}")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title("Median over the trials, and the middle 80 % of them", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def _draw(axes: Axes, technique: str, of: Fall) -> None:
    low, median, high = of.quantiles
    colour, dashes = LINES[technique]
    axes.fill_between(of.gradients, low, high, color=colour, alpha=0.08, linewidth=0)
    for edge in (low, high):  # bands of techniques that do alike cover one another
        axes.plot(of.gradients, edge, color=colour, linestyle=dashes, linewidth=0.6)
    axes.plot(of.gradients, median, color=colour, linestyle=dashes, linewidth=1.8, label=technique)


def _convergence_words(falls: Mapping[str, Fall]) -> tuple[str, str]:
    """Alt text and caption."""
    said = []
    for technique, (gradients, (_, median, _)) in falls.items():
        below = recovered(median, EPSILONS[SMALLEST])
        said.append(
            f"{technique} after {gradients[np.argmax(below)]:,.0f} gradients"
            if below.any()
            else f"{technique} never, it ends at {median[-1]:.1g}"
        )
    return (
        f"The median z error falls below {SMALLEST}: {'; '.join(said)}. "
        "Lines of the error against gradients a trial, both axes logarithmic.",
        "How the error of z fell with the gradients spent: median over the trials, and the band "
        "from the 10 % to the 90 % quantile. A trial that ended counts with its last error.",
    )


def _figure1(name: str, stored: "store.Figure", solver: str, groups: Mapping[str, Group]) -> Drawn:
    number, _, technique = name.partition("-")
    clipping = "no clipping" if technique == "none" else f"{technique} clipping"
    title = f"{number.replace('figure', 'Figure ')}. {clipping}, {solver}"
    panels = dict(zip(stored.panels, stored.pictures, strict=True))
    columns = [f"trial {trial}" for trial in stored.trials]
    rows = ", ".join(stored.panels)
    alt = f"{len(columns)} images with {clipping}, one a column; from above: {rows}."
    if technique in groups:
        alt += f" {_right(groups[technique], stored.trials)}"
    caption = f"{title}. One column a trial; rows from above: {rows}."
    if "label" in groups.get(technique, {}):
        caption += " What stands above the original is drawn under the label that was found."
    return Drawn(pictures(panels, columns, title), alt, caption)


def _right(group: Group, trials: tuple[int, ...]) -> str:
    shown = np.isin(group["trial"], trials)
    right = int(np.sum(recovered(group["z_error"][shown], EPSILONS[SMALLEST])))
    return f"z was recovered to within {SMALLEST} for {right} of these {len(trials)}."
