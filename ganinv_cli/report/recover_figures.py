"""Figure 1, and how the errors fell."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli.report.drawing import GREY, LINES, blank, pictures
from ganinv_cli.report.report import Drawn
from ganinv_cli.report.runs import Group
from ganinv_cli.statistics import EPSILONS, SMALLEST, Booleans, Floats, carried, recovered

if TYPE_CHECKING:
    from ganinv_cli import store
    from ganinv_cli.store import Results


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


def draw(results: "Results", groups: Mapping[str, Group]) -> dict[str, Drawn]:
    """`figure1-stochastic` and the like, and `convergence` where a trial ran beyond its start."""
    solver = results.attributes.get("config", {}).get("solver", "")
    drawn = {
        name: _figure1(name, stored, solver, groups) for name, stored in results.figures.items()
    }
    gradients = results.constants.get("curve_gradients")
    curves = {
        technique: Curve(gradients, group["curve_error"], group["z_error"])
        for technique, group in groups.items()
        if gradients is not None and "curve_error" in group
    }
    curves = {technique: curve for technique, curve in curves.items() if curve.drawable.any()}
    if curves:
        latent = groups[next(iter(curves))]["z_found"].shape[1]
        drawn["convergence"] = Drawn(convergence(curves, latent), *_convergence_words(curves))
    return drawn


def convergence(curves: Mapping[str, Curve], latent: int) -> Figure:
    """Median z error, and the band from its 10 % to its 90 % quantile, against gradients."""
    figure = blank()
    axes = figure.add_subplot()
    for technique, curve in curves.items():
        _draw(axes, technique, curve)
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


def _draw(axes: Axes, technique: str, curve: Curve) -> None:
    drawable = curve.drawable
    low, median, high = np.quantile(_errors(curve), (0.1, 0.5, 0.9), axis=0)
    colour, dashes = LINES[technique]
    x = curve.gradients[drawable]
    axes.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0)
    for edge in (low, high):  # bands of techniques that do alike cover one another
        axes.plot(x, edge, color=colour, linestyle=dashes, linewidth=0.6)
    axes.plot(x, median, color=colour, linestyle=dashes, linewidth=1.8, label=technique)


def _errors(curve: Curve) -> Floats:
    """(trials, drawable points): of the trials with an error at each, their ends carried on."""
    errors = carried(curve.z_error, curve.ends)[:, curve.drawable]
    return np.asarray(errors[np.isfinite(errors).all(axis=1)])


def _convergence_words(curves: Mapping[str, Curve]) -> tuple[str, str]:
    """Alt text and caption."""
    medians = {name: np.median(_errors(curve), axis=0) for name, curve in curves.items()}
    said = []
    for technique, curve in curves.items():
        below = recovered(medians[technique], EPSILONS[SMALLEST])
        x = curve.gradients[curve.drawable]
        said.append(
            f"{technique} after {x[np.argmax(below)]:,.0f} gradients"
            if below.any()
            else f"{technique} never, it ends at {medians[technique][-1]:.1g}"
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
