"""The figures of each command, from the cells and rows of its report."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from ganinv_cli.clipping import RULES
from ganinv_cli.noise import get_noise
from ganinv_cli.results.analysis.cells import Cell
from ganinv_cli.results.number_format import format_concise
from ganinv_cli.results.report.grid import DrawnFigure, Report
from ganinv_cli.results.report.plots import GREY, PlainLogFormatter, draw_montage, make_figure
from ganinv_cli.results.report.run_notes import state_preparation
from ganinv_cli.results.report.table import Row, capitalize
from ganinv_cli.results.statistics import Floats, carry_forward
from ganinv_cli.results.store.rows import get_dtypes, take_rows
from ganinv_cli.settings.names import representative_rule

if TYPE_CHECKING:
    from ganinv_cli.results.store import Results

BLOCK_TRIALS = 1 << 16  # whose curves are read at a time
QUANTILES = (0.1, 0.5, 0.9)
OFFSET_FACTOR = 1.08  # between the x of neighbouring rules in the lower axes of Figure 2a


def draw_trials(report: Report) -> dict[str, DrawnFigure]:
    """Draw the pictures of some trials, under each rule or at each level of noise."""
    drawn = {}
    for name, stored in sorted(_get_results(report).figures.items()):
        stem, is_noisy, level = name.partition("=")
        number, _, rule = stem.partition("-")
        words, more = _name_noise(report, float(level)) if is_noisy else _name_rule(report, rule)
        title = f"{number.replace('figure', 'Figure ')}. {capitalize(words)}"
        panels = f"One column per trial; rows from above: {', '.join(stored.panels)}."
        caption = ". ".join(filter(None, (title, more, panels)))
        if any(cell.rule == rule and cell.has("label") for cell in report.cells):
            caption += " The rows above the original use the label that was found."
        figure = draw_montage(stored, title)
        drawn[name.replace("=", "-")] = DrawnFigure(figure, report.answer.sentence, caption)
    return drawn


def _name_rule(report: Report, rule: str) -> tuple[str, str]:
    clipping = "no clipping" if rule == "none" else f"{rule} clipping"
    return f"{clipping}, {report.run['config'].get('solver', '')}", ""


def _name_noise(report: Report, level: float) -> tuple[str, str]:
    """Return the level and what was run, and what the level means."""
    config = report.run["config"]
    noise = get_noise(config)
    rule = f"{representative_rule(config['clip'])}, " if config.get("clip") else ""
    words = f"{noise.level} {level:g}, {rule}{_name_pixels(report)}"
    return words, noise.describe(level)


def _name_pixels(report: Report) -> str:
    clipped = report.run["config"].get("clip_pixels")
    return f"pixels {'clipped to [−1, 1]' if clipped else 'not clipped'}"


def _get_results(report: Report) -> "Results":
    assert report.results is not None
    return report.results


class Curve(NamedTuple):
    """Quantiles of the errors at the points at which a trial was running, and at the next one."""

    gradients: Floats  # (points,), above 0, which has no logarithm
    quantiles: Floats  # (3, points), at QUANTILES, of the trials with an error at each point


def draw_convergence(report: Report) -> dict[str, DrawnFigure]:
    """Draw the median z error and the band of its 10 % to 90 % quantiles against gradients."""
    gradients = _get_results(report).constants.get("curve_gradients", np.zeros(0))
    cells = [cell for cell in report.cells if cell.has("curve_error") and len(gradients)]
    curves = {cell.rule: find_curve(cell, gradients) for cell in cells}
    curves = {rule: curve for rule, curve in curves.items() if len(curve.gradients)}
    if not curves:
        return {}
    figure = make_figure()
    preparation = state_preparation(report.run)
    label = "\n".join(filter(None, ("gradients per trial", preparation.removesuffix("."))))
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel=label)
    for rule, curve in curves.items():
        low, median, high = curve.quantiles
        style = _make_style(rule)
        axes.fill_between(curve.gradients, low, high, color=style["color"], alpha=0.08, linewidth=0)
        for edge in (low, high):  # equal bands cover one another
            axes.plot(curve.gradients, edge, linewidth=0.6, **style)
        axes.plot(curve.gradients, median, linewidth=1.8, label=rule, **style)
    epsilon = cells[0].threshold
    axes.axhline(epsilon, color=GREY, linewidth=0.8, zorder=1)
    axes.annotate(
        f"ε = {format_concise(epsilon)}", (0.005, epsilon), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", fontsize=9, color=GREY,
    )  # fmt: skip
    (latent,) = get_dtypes(cells[0].columns)["z_found"].shape
    axes.set_ylabel(f"mean squared error of z, ‖z′ − z‖² / {latent}")
    axes.xaxis.set_major_formatter(PlainLogFormatter())
    axes.xaxis.set_minor_formatter(PlainLogFormatter())
    axes.set_title("Median over the trials, and the middle 80 % of them", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    caption = (
        "How the error of z fell with the gradients spent: median over the trials, and the band "
        "from the 10 % to the 90 % quantile. A trial that ended counts with its last error."
    )
    return {"convergence": DrawnFigure(figure, report.answer.sentence, caption)}


def find_curve(cell: Cell, gradients: Floats) -> Curve:
    """Return the quantiles; a trial that has ended counts with its final error.

    `gradients` (points,) are those at which errors were stored. Trials without an error at some
    point are left out; if none is left, there are no points.
    """
    final = cell.read("z_error")
    errors = np.empty((len(final), len(gradients)), np.float32)
    ran = np.zeros(len(gradients), np.bool_)
    for low in range(0, len(final), BLOCK_TRIALS):
        block = slice(low, low + BLOCK_TRIALS)
        stored = take_rows(cell.columns, "curve_error", block)
        ran |= np.isfinite(stored).any(axis=0)
        errors[block] = carry_forward(stored, final[block])
    ran &= gradients > 0
    points = np.flatnonzero(ran | np.concatenate([[False], ran[:-1]]))
    kept = np.all([np.isfinite(errors[:, point]) for point in points], axis=0)
    if not kept.any():
        points = points[:0]
    found = [np.quantile(errors[kept, at].astype(np.float64), QUANTILES) for at in points]
    return Curve(gradients[points], np.reshape(found, (len(points), len(QUANTILES))).T)


def draw_figure2a(report: Report) -> dict[str, DrawnFigure]:
    """Draw median and band, mean, Cramér-Rao bound and a guide of slope 1 on log-log axes.

    If the bound is known, lower axes show the ratio of the error to the bound.
    """
    noise = get_noise(report.run["config"])
    rows = [row for row in report.rows if row[noise.level] > 0]
    has_medians = any(row["with_restarts"]["median"] for row in rows)
    if not has_medians or len({row[noise.level] for row in rows}) < 2:
        return {}
    has_bound = any(row["with_restarts"]["ratio"] for row in rows)
    heights = [5, 3] if has_bound else [5]
    figure = make_figure(7.2, 7.2 if has_bound else 5.2)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    axes = figure.add_subplot(grid[0], xscale="log", yscale="log")
    by_rule: dict[str, list[Row]] = {}
    for row in rows:
        by_rule.setdefault(row["technique"], []).append(row)
    for rule, own in by_rule.items():
        style = _make_style(rule)
        medians, means = _select(own, "median"), _select(own, "mean")
        marked = style | _make_marker(rule)
        x = [row[noise.level] for row in own]
        axes.plot(x, medians, linewidth=1.6, label=f"{rule}, median", **marked)
        axes.plot(x, means, linewidth=0.7, label=f"{rule}, mean", **style)
    bounds = {row[noise.level]: row["cramer_rao"] for row in rows if row["cramer_rao"]}
    if bounds:
        x, y = list(bounds), list(bounds.values())
        axes.plot(x, y, color="black", linewidth=1.2, label="Cramér-Rao bound")
    if noise.more_is_worse:
        _draw_guide(axes, rows, noise.level)
    else:
        axes.invert_xaxis()
    axes.set_ylim(axes.get_ylim())  # without the ends of the intervals
    for rule, own in by_rule.items():
        low, high = (_select(own, "median_interval", end) for end in (0, 1))
        x, colour = [row[noise.level] for row in own], RULES[rule].colour
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_ylabel("error of z, ‖z′ − z‖² / latent")
    title = f"Figure 2a. With restarts; noisy {_name_pixels(report)}"
    axes.set_title(title, fontsize=10, loc="left")
    if has_bound:
        lower = figure.add_subplot(grid[1], sharex=axes, yscale="log")
        _draw_ratios(lower, by_rule, noise.level)
        axes.tick_params(which="both", labelbottom=False)
    figure.axes[-1].xaxis.set_major_formatter(PlainLogFormatter())
    figure.axes[-1].xaxis.set_minor_formatter(PlainLogFormatter())
    figure.axes[-1].set_xlabel(noise.axis or noise.title)
    for each in figure.axes:
        each.spines[["top", "right"]].set_visible(False)
    # Beside the axes: the mean of a rule that often fails is high everywhere.
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    bound = "; black: Cramér-Rao bound, mean over the trials" if bounds else ""
    guide = "; dotted: growth in proportion to the noise" if noise.more_is_worse else ""
    caption = (
        f"{title}. Thick: median over the trials, with the band of its "
        f"bootstrapped 95 % interval; thin: mean{bound}{guide}."
    )
    if has_bound:
        caption += (
            " Below: the mean error of the converged trials over the mean of their bounds, with "
            "the 95 % interval, shifted a little so that they do not overlap."
        )
    return {"figure2a": DrawnFigure(figure, report.answer.sentence, caption)}


def _make_style(rule: str) -> dict[str, Any]:
    return {"color": RULES[rule].colour, "linestyle": RULES[rule].dashes}


def _make_marker(rule: str) -> dict[str, Any]:
    """Return an unfilled marker; its size differs by rule, so that all are visible at one point."""
    size = RULES[rule].marker_size
    marker = {"marker": RULES[rule].marker, "markersize": size, "markerfacecolor": "none"}
    return marker | {"markeredgewidth": 1}


def _draw_ratios(axes: Axes, by_rule: dict[str, list[Row]], level: str) -> None:
    axes.axhline(1, color="black", linewidth=1.2)
    for index, (rule, rows) in enumerate(by_rule.items()):
        known = [row for row in rows if row["with_restarts"]["ratio"]]
        offset = OFFSET_FACTOR ** (index - (len(by_rule) - 1) / 2)
        x = np.array([row[level] for row in known]) * offset
        low, high = (_select(known, "ratio_interval", end) for end in (0, 1))
        style = _make_style(rule)
        axes.vlines(x, low, high, color=style["color"], linewidth=1.2)
        axes.plot(x, _select(known, "ratio"), linewidth=0.8, **style, **_make_marker(rule))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("error / bound")


def _draw_guide(axes: Axes, rows: list[Row], level: str) -> None:
    """Draw a line of slope 1 below the least median at the least level, off the other lines."""
    x = np.array([rows[0][level], rows[-1][level]])
    starts = [row["with_restarts"]["median"] for row in rows if row[level] == x[0]]
    if known := [start for start in starts if start]:
        y = min(known) / 3 * x / x[0]
        axes.plot(x, y, color=GREY, linestyle=(0, (1, 3)), label="slope 1")


def _select(rows: list[Row], key: str, end: int | None = None) -> Floats:
    """Return numbers with restarts, NaN for None and for 0, which has no logarithm."""
    values = [row["with_restarts"][key] for row in rows]
    ends = values if end is None else [value[end] for value in values]
    return np.array([value if value else np.nan for value in ends], np.float64)
