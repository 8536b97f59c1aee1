"""The figures of each command, from the trial sets and rows of its report."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ganinv_cli.clipping import RULES
from ganinv_cli.noise import get_noise
from ganinv_cli.results.analysis.trial_sets import TrialSet
from ganinv_cli.results.number_format import format_concise, format_scientific
from ganinv_cli.results.report.grid import DrawnFigure, Report
from ganinv_cli.results.report.plots import GREY, PlainLogFormatter, draw_montage, make_figure
from ganinv_cli.results.report.run_notes import state_preparation
from ganinv_cli.results.report.table import Row, capitalize
from ganinv_cli.results.statistics import Floats, carry_forward
from ganinv_cli.results.store import Figure as StoredFigure
from ganinv_cli.results.store.rows import get_dtypes, take_rows
from ganinv_cli.settings.names import representative_rule

if TYPE_CHECKING:
    from ganinv_cli.results.store import Results

BLOCK_TRIALS = 1 << 16  # whose curves are read at a time
QUANTILES = (0.1, 0.5, 0.9)
SAME_RMS = 4.0  # grey levels between rows of Figure 1, below which they look the same


def draw_trials(report: Report) -> dict[str, DrawnFigure]:
    """Draw the pictures of some trials, under each rule or at each level of noise."""
    drawn = {}
    for name, stored in sorted(_get_results(report).figures.items()):
        stem, is_noisy, level = name.partition("=")
        number, _, rule = stem.partition("-")
        if is_noisy:
            words, more = _name_noise(report, float(level))
        else:
            rule, words, more = _name_rule(report, rule)
            name, stored = f"{number}-{rule}", _merge_rows(stored)
        title = f"{number.replace('figure', 'Figure ')}. {capitalize(words)}"
        rows = ", ".join(panel.replace("\n", " ") for panel in stored.panels)
        panels = f"One column per trial; rows from above: {rows}."
        caption = ". ".join(filter(None, (title, more, panels)))
        if any(
            trial_set.rule == rule and trial_set.has("label") for trial_set in report.trial_sets
        ):
            caption += " The rows above the original use the label that was found."
        figure = draw_montage(stored, title)
        drawn[name.replace("=", "-")] = DrawnFigure(figure, report.answer.sentence, caption)
    return drawn


def _name_rule(report: Report, rule: str) -> tuple[str, str, str]:
    """Return the rule whose trials these are, what was run, and whether the rule acted."""
    solver = report.run["config"].get("solver", "")
    row = next((row for row in report.rows if row["technique"] == rule), None)
    if rule == "none" or row is None or row["acted"]:
        clipping = "no clipping" if rule == "none" else f"{rule} clipping"
        return rule, f"{clipping}, {solver}", ""
    others = [row["technique"] for row in report.rows if row["acted"] and row["exercised"]]
    acted = "" if set(others) - {"none"} else ": no rule acted"
    more = f"{capitalize(rule)} clipping never acted in this run"
    return rule if row["exercised"] else "none", f"no clipping{acted}, {solver}", more


def _merge_rows(stored: StoredFigure) -> StoredFigure:
    """Return the figure without rows that look like the next one; the last says that it is both."""
    *_, above, last = ("", *stored.panels)
    pictures = stored.pictures.astype(np.float64)
    kept = [len(pictures) - 1]
    for place in reversed(range(kept[0])):
        if np.sqrt(np.mean((pictures[place] - pictures[kept[0]]) ** 2)) >= SAME_RMS:
            kept.insert(0, place)
    panels = [stored.panels[place] for place in kept]
    if len(pictures) - 2 not in kept and above:
        panels[-1] = f"{above} and\n{last}"
    return StoredFigure(stored.pictures[kept], tuple(panels), stored.trials)


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
    trial_sets = [
        trial_set
        for trial_set in report.trial_sets
        if trial_set.has("curve_error") and trial_set.exercised and len(gradients)
    ]
    curves = {trial_set.rule: find_curve(trial_set, gradients) for trial_set in trial_sets}
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
    epsilon = trial_sets[0].threshold
    axes.axhline(epsilon, color=GREY, linewidth=0.8, zorder=1)
    axes.annotate(
        f"ε = {format_concise(epsilon)}", (0.005, epsilon), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", fontsize=9, color=GREY,
    )  # fmt: skip
    (latent,) = get_dtypes(trial_sets[0].columns)["z_found"].shape
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


def find_curve(trial_set: TrialSet, gradients: Floats) -> Curve:
    """Return the quantiles; a trial that has ended counts with its final error.

    `gradients` (points,) are those at which errors were stored. Trials without an error at some
    point are left out; if none is left, there are no points.
    """
    final = trial_set.read("z_error")
    errors = np.empty((len(final), len(gradients)), np.float32)
    ran = np.zeros(len(gradients), np.bool_)
    for low in range(0, len(final), BLOCK_TRIALS):
        block = slice(low, low + BLOCK_TRIALS)
        stored = take_rows(trial_set.columns, "curve_error", block)
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
    """Draw the median error of each rule with its band, the bound, and z = 0, on log-log axes."""
    noise = get_noise(report.run["config"])
    rows = [row for row in report.rows if row[noise.level] > 0 and row["exercised"]]
    has_medians = any(row["with_restarts"]["median"] for row in rows)
    if not has_medians or len({row[noise.level] for row in rows}) < 2:
        return {}
    figure = make_figure(7.2, 5.4)
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel=noise.axis or noise.title)
    by_rule: dict[str, list[Row]] = {}
    for row in rows:
        by_rule.setdefault(row["technique"], []).append(row)
    for rule, own in by_rule.items():
        x = [row[noise.level] for row in own]
        style = _make_style(rule) | _make_marker(rule)
        axes.plot(x, _select(own, "median"), linewidth=1.6, label=rule, **style)
    bounds = {row[noise.level]: row["cramer_rao_median"] for row in rows if row["cramer_rao"]}
    if bounds:
        x, y = list(bounds), list(bounds.values())
        axes.plot(x, y, color="black", linewidth=1.2, label="unbiased (Cramér–Rao)")
    centre, error = _measure_centre(report)
    always = f"z = {centre:g}, always"
    axes.axhline(error, color=GREY, linewidth=1.2, linestyle=(0, (1, 2)), label=always)
    if not noise.more_is_worse:
        axes.invert_xaxis()
    axes.set_ylim(axes.get_ylim())  # without the ends of the intervals
    for rule, own in by_rule.items():
        low, high = (_select(own, "median_interval", end) for end in (0, 1))
        x, colour = [row[noise.level] for row in own], RULES[rule].colour
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_ylabel("error of z, ‖z′ − z‖² / latent")
    title = f"Figure 2a. Median error of z; noisy {_name_pixels(report)}"
    axes.set_title(title, fontsize=10, loc="left")
    axes.xaxis.set_major_formatter(PlainLogFormatter())
    axes.xaxis.set_minor_formatter(PlainLogFormatter())
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=5)
    bound = "; black: the least error of an unbiased estimate" if bounds else ""
    caption = (
        f"{title}, over the trials, with restarts, and the band of its bootstrapped 95 % "
        f"interval{bound}; dotted: the error if z is always set to {centre:g}, the centre of the "
        f"prior, {format_scientific(error)}."
    )
    return {"figure2a": DrawnFigure(figure, report.answer.sentence, caption)}


def _measure_centre(report: Report) -> tuple[float, float]:
    """Return the centre of the prior, and the median error of z if z is always that."""
    prior = report.trial_sets[0].prior
    centre = (prior.low + prior.high) / 2
    root = _get_results(report).groups[""]
    errors = [
        np.mean((take_rows(root, "z_true", slice(low, low + BLOCK_TRIALS)) - centre) ** 2, axis=1)
        for low in range(0, len(root["trial"]), BLOCK_TRIALS)
    ]
    return centre, float(np.median(np.concatenate(errors)))


def _make_style(rule: str) -> dict[str, Any]:
    return {"color": RULES[rule].colour, "linestyle": RULES[rule].dashes}


def _make_marker(rule: str) -> dict[str, Any]:
    """Return an unfilled marker; its size differs by rule, so that all are visible at one point."""
    size = RULES[rule].marker_size
    marker = {"marker": RULES[rule].marker, "markersize": size, "markerfacecolor": "none"}
    return marker | {"markeredgewidth": 1}


def _select(rows: list[Row], key: str, end: int | None = None) -> Floats:
    """Return numbers with restarts, NaN for None and for 0, which has no logarithm."""
    values = [row["with_restarts"][key] for row in rows]
    ends = values if end is None else [value[end] for value in values]
    return np.array([value if value else np.nan for value in ends], np.float64)
