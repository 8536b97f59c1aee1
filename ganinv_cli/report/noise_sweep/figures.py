"""Figure 2a, the error of z against the noise, and Figure 2b, the pictures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from ganinv_cli.clipping import RULES, ClippingRule
from ganinv_cli.number_format import format_scientific
from ganinv_cli.report.noise_sweep.rows import make_rows, read_cells
from ganinv_cli.report.plots import GREY, PlainLogFormatter, draw_montage, make_figure
from ganinv_cli.report.report import DrawnFigure
from ganinv_cli.report.table import Row
from ganinv_cli.settings.names import representative_rule

if TYPE_CHECKING:
    from ganinv_cli import store
    from ganinv_cli.store import Results

OFFSET_FACTOR = 1.08  # between the x of neighbouring rules in the lower axes
GREY_LEVELS = 127.5  # from pixels in [-1, 1] to 255 grey levels


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """Return Figure 2a if two variances above 0 have trials, and Figure 2b for each variance."""
    sweep = make_rows(results, read_cells(results))
    config = results.attributes.get("config", {})
    pixels = f"pixels {'clipped to [−1, 1]' if config.get('clip_pixels') else 'not clipped'}"
    shown = [row for row in sweep if row["variance"] > 0]
    drawn: dict[str, DrawnFigure] = {}
    has_medians = any(row["with_restarts"]["median"] for row in shown)
    if has_medians and len({row["variance"] for row in shown}) > 1:
        drawn["figure2a"] = _make_figure2a(shown, pixels)
    return drawn | {
        name.replace("=", "-"): _make_figure2b(name, stored, _find_shown_rule(config), pixels)
        for name, stored in sorted(results.figures.items())
        if name.startswith("figure2b-variance=")
    }


def draw_figure2a(sweep: list[Row], pixels: str) -> Figure:
    """Draw median and band, mean, Cramér-Rao bound and a guide of slope 1 on log-log axes.

    If the bound is known, lower axes show the ratio of the error to the bound.
    """
    has_bound = any(row["with_restarts"]["ratio"] for row in sweep)
    figure = make_figure(7.2, 7.2 if has_bound else 5.2)
    grid = figure.add_gridspec(2 if has_bound else 1, 1, height_ratios=[5, 3][: 1 + has_bound])
    axes = figure.add_subplot(grid[0], xscale="log", yscale="log")
    for technique in dict.fromkeys(row["technique"] for row in sweep):
        _draw_lines(axes, [row for row in sweep if row["technique"] == technique])
    bounds = {row["variance"]: row["cramer_rao"] for row in sweep if row["cramer_rao"]}
    if bounds:
        axes.plot(
            list(bounds), list(bounds.values()), color="black", linewidth=1.2,
            label="Cramér-Rao bound",
        )  # fmt: skip
    _draw_guide(axes, sweep)
    axes.set_ylim(_find_limits(sweep))
    axes.set_ylabel("error of z, ‖z′ − z‖² / latent")
    axes.set_title(_make_title(pixels), fontsize=10, loc="left")
    if has_bound:
        _draw_ratios(figure.add_subplot(grid[1], sharex=axes), sweep)
        axes.tick_params(which="both", labelbottom=False)
    figure.axes[-1].xaxis.set_major_formatter(PlainLogFormatter())
    figure.axes[-1].xaxis.set_minor_formatter(PlainLogFormatter())
    figure.axes[-1].set_xlabel("variance of the noise (pixels in [−1, 1])")
    for each in figure.axes:
        each.spines[["top", "right"]].set_visible(False)
    # Beside the axes: the mean of a rule that often fails is high everywhere.
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    return figure


def _draw_lines(axes: Axes, rows: list[Row]) -> None:
    technique = rows[0]["technique"]
    rule = RULES[technique]
    x = [row["variance"] for row in rows]
    low, high = (
        _make_column([row["with_restarts"]["median_interval"][end] for row in rows])
        for end in (0, 1)
    )
    axes.fill_between(x, low, high, color=rule.colour, alpha=0.15, linewidth=0)
    median = _make_column([row["with_restarts"]["median"] for row in rows])
    mean = _make_column([row["with_restarts"]["mean"] for row in rows])
    axes.plot(
        x, median, color=rule.colour, linestyle=rule.dashes, linewidth=1.6,
        label=f"{technique}, median", **_make_marker_style(rule),
    )  # fmt: skip
    axes.plot(
        x, mean, color=rule.colour, linestyle=rule.dashes, linewidth=0.7, label=f"{technique}, mean"
    )


def _make_marker_style(rule: ClippingRule) -> dict[str, Any]:
    """Return an unfilled marker; its size differs by rule, so that all are visible at one point."""
    return {
        "marker": rule.marker,
        "markersize": rule.marker_size,
        "markerfacecolor": "none",
        "markeredgewidth": 1,
    }


def _draw_ratios(axes: Axes, sweep: list[Row]) -> None:
    """Draw the mean error over the mean bound, the rules side by side."""
    axes.set_yscale("log")
    axes.axhline(1, color="black", linewidth=1.2)
    techniques = list(dict.fromkeys(row["technique"] for row in sweep))
    for index, technique in enumerate(techniques):
        rows = [
            row for row in sweep if row["technique"] == technique and row["with_restarts"]["ratio"]
        ]
        rule = RULES[technique]
        offset = OFFSET_FACTOR ** (index - (len(techniques) - 1) / 2)
        x = np.array([row["variance"] for row in rows]) * offset
        y = _make_column([row["with_restarts"]["ratio"] for row in rows])
        ends = [row["with_restarts"]["ratio_interval"] for row in rows]
        low, high = (_make_column([end[which] for end in ends]) for which in (0, 1))
        axes.vlines(x, low, high, color=rule.colour, linewidth=1.2)
        axes.plot(
            x,
            y,
            color=rule.colour,
            linestyle=rule.dashes,
            linewidth=0.8,
            **_make_marker_style(rule),
        )
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("error / bound")


def _draw_guide(axes: Axes, sweep: list[Row]) -> None:
    """Draw a line of slope 1 below the least median at the least variance, off the other lines."""
    least = min(row["variance"] for row in sweep)
    starts = [row["with_restarts"]["median"] for row in sweep if row["variance"] == least]
    start = min((at for at in starts if at), default=None)
    if start is None:
        return
    x = np.array([least, max(row["variance"] for row in sweep)])
    axes.plot(x, start / 3 * x / least, color=GREY, linestyle=(0, (1, 3)), label="slope 1")


def _find_limits(sweep: list[Row]) -> tuple[float, float]:
    """Return the limits of y, which leave out the ends of intervals."""
    middles = [row[counted] for row in sweep for counted in ("first_start", "with_restarts")]
    values = [value for middle in middles for value in (middle["median"], middle["mean"])]
    values += [row["cramer_rao"] for row in sweep]
    known = [value for value in values if value and value > 0]
    return min(known, default=1e-6) / 5, max(known, default=1) * 3


def _make_column(values: list[float | None]) -> NDArray[np.floating]:
    """Return values as an array, with NaN for None and for 0, which has no logarithm."""
    return np.array([value if value else np.nan for value in values], np.float64)


def _make_title(pixels: str) -> str:
    return f"Figure 2a. With restarts; noisy {pixels}"


def _find_shown_rule(config: Mapping[str, Any]) -> str | None:
    """Return the rule whose images Figure 2b shows, None if unknown."""
    clip = config.get("clip")
    return representative_rule(clip) if clip else None


def _make_figure2a(sweep: list[Row], pixels: str) -> DrawnFigure:
    said = []
    for technique in dict.fromkeys(row["technique"] for row in sweep):
        ends = [row for row in sweep if row["technique"] == technique]
        ends = [ends[0], ends[-1]]
        values = " and ".join(
            f"{format_scientific(row['with_restarts']['median'])} at variance {row['variance']:g}"
            for row in ends
        )
        said.append(f"with {technique} {values}")
    alt = (
        f"The median error of z is {'; '.join(said)}. Lines of the error against the variance, "
        "both axes logarithmic, with the Cramér-Rao bound and slope 1."
    )
    caption = (
        f"{_make_title(pixels)}. Thick: median over the trials, with the band of its "
        "bootstrapped 95 % interval; thin: mean; black: Cramér-Rao bound, mean over the trials; "
        "dotted: growth in proportion to the noise. Below: the mean error of the converged trials "
        "over the mean of their bounds, with the 95 % interval, shifted a little so that "
        "they do not overlap."
    )
    return DrawnFigure(draw_figure2a(sweep, pixels), alt, caption)


def _make_figure2b(name: str, stored: "store.Figure", rule: str | None, pixels: str) -> DrawnFigure:
    variance = float(name.partition("=")[2])
    levels = GREY_LEVELS * variance**0.5
    by = f", {rule}" if rule else ""
    found = f"; recovered with the rule {rule}" if rule else ""
    rows = ", ".join(stored.panels)
    caption = (
        f"Figure 2b. Noise of variance {variance:g}, a standard deviation of {levels:.1f} of 255 "
        f"grey levels; noisy {pixels}{found}. One column per trial; rows from above: {rows}."
    )
    return DrawnFigure(
        draw_montage(stored, f"Figure 2b. Variance {variance:g}{by}, {pixels}"),
        f"Under noise of variance {variance:g}: {len(stored.trials)} images; from above: {rows}.",
        caption,
    )
