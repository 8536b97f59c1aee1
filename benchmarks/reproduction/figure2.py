"""The paper's Figure 2 by the paper's method, beside L-BFGS on the same trials.

Four runs of `ganinv noise-sweep` on `faces16`, with or without clipping of noisy pixels, all from
the same z, starts and noise. The numbers are the rows of `ganinv report --format json`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ganinv_cli.clipping import RULES
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.number_format import format_interval, format_scientific
from ganinv_cli.results.store import read_results

AUTHORS_STOP = 0.005  # mean error of z at which the authors' noise run stops
GUESS = 1 / 3  # error of z = 0 for any image: the variance of a component under the prior
COUNTED = "first_start"
DODGE = 1.06  # factor between the variances of neighbouring rules
RUNS = {
    "descent, pixels not clipped": "figure2-descent.h5",
    "descent, pixels clipped": "figure2-descent-clipped.h5",
    "L-BFGS, pixels not clipped": "figure2-lbfgs.h5",
    "L-BFGS, pixels clipped": "figure2-lbfgs-clipped.h5",
}
Rows = list[dict[str, str]]
# A run's title, the method and what was done to the noisy pixels -> `ganinv report --format json`
Sweeps = dict[str, dict[str, list[dict[str, Any]]]]


def read_sweeps(folder: Path) -> Sweeps:
    """Return the tables of the four runs."""
    return {
        title: summarize(read_results(folder / file), "").tables for title, file in RUNS.items()
    }


def make_sections(sweeps: Sweeps) -> dict[str, Rows]:
    """Return the tables by their titles."""

    def join(list_rows: Callable[..., Iterator[dict[str, str]]], *more: str) -> Rows:
        return [
            {"method, pixels": title} | row
            for title, tables in sweeps.items()
            for row in list_rows(tables, *more)
        ]

    return {
        "Standard and stochastic clipping compared": join(_list_tests, "standard"),
        "No clipping and stochastic clipping compared": join(_list_tests, "none"),
        "Mean error of z": join(_list_errors),
        "Slope of log error against log variance": join(_list_slopes),
    }


def draw_sweeps(sweeps: Sweeps) -> Figure:
    """Draw the mean error against the variance: a panel for each run, a curve for each rule.

    Descent is above L-BFGS, for each kind of pixels.
    """
    figure = Figure(figsize=(8.4, 7.2), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True, squeeze=False)
    for axes, (title, tables) in zip(panels.ravel(), sweeps.items(), strict=True):
        axes.set(title=title, xscale="log", yscale="log")
        axes.axhline(AUTHORS_STOP, color="0.4", linestyle="--", linewidth=1)
        axes.axhline(GUESS, color="0.4", linestyle="-.", linewidth=1)
        all_rows = tables["noise_sweep"]
        for place, rule in enumerate(dict.fromkeys(row["technique"] for row in all_rows)):
            rows = [row for row in all_rows if row["technique"] == rule]
            means = np.array([row[COUNTED]["mean"] for row in rows])
            ends = np.array([row[COUNTED]["mean_interval"] for row in rows]).T
            axes.errorbar(
                np.array([row["variance"] for row in rows]) * DODGE ** (place - 1),
                means,
                yerr=np.abs(ends - means),
                color=RULES[rule].colour,
                marker="o",
                markersize=3,
                linewidth=1.2,
                label=rule,
            )
        bounds = {row["variance"]: row["cramer_rao"] for row in all_rows}
        axes.plot(list(bounds), list(bounds.values()), ":", color="0.5")
        axes.grid(color="0.92")
    for axes in panels[:, 0]:
        axes.set_ylabel("‖z − z_true‖² / 100, mean")
    for axes in panels[-1]:
        axes.set_xlabel("variance of the noise")
    panels[0, 0].plot([], [], ":", color="0.5", label="Cramér–Rao bound")
    panels[0, 0].plot([], [], "--", color="0.4", label=f"the authors' stop, {AUTHORS_STOP:g}")
    panels[0, 0].plot([], [], "-.", color="0.4", label="z = 0, always")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside upper center", ncols=6)
    return figure


def _list_tests(tables: Any, first: str) -> Iterator[dict[str, str]]:
    """Yield Wilcoxon's test of a rule and stochastic clipping at each variance, paired by trial.

    p is corrected by Holm's method for all pairs of rules at all variances of the run.
    """
    acted = {
        (row["variance"], row["technique"]): row["acted_first_start"]
        for row in tables["noise_sweep"]
    }
    tests = tables["comparisons"]
    # Tests of first starts are listed only if restarts changed something.
    for test in [test for test in tests if test["counted"] == COUNTED] or tests:
        if (test["first"], test["second"]) == (first, "stochastic"):
            variance = test["variance"]
            yield {
                "variance": f"{variance:g}",
                "trials": f"{test['trials']}",
                "acted": f"{acted[variance, first]}, {acted[variance, 'stochastic']}",
                f"{first} nearer": f"{test['first_nearer']}",
                "stochastic nearer": f"{test['second_nearer']}",
                "median difference": _format_mean(test, "median_difference", "interval"),
                "p (Holm)": f"{test['p_holm']:.2g}",
            }


def _list_errors(tables: Any) -> Iterator[dict[str, str]]:
    """Yield the mean error of z of each rule at each variance, with its interval."""
    rows = tables["noise_sweep"]
    for variance, bound in {row["variance"]: row["cramer_rao"] for row in rows}.items():
        means = {
            row["technique"]: _format_mean(row[COUNTED], "mean", "mean_interval")
            for row in rows
            if row["variance"] == variance
        }
        yield {"variance": f"{variance:g}"} | means | {"bound": format_scientific(bound)}


def _list_slopes(tables: Any) -> Iterator[dict[str, str]]:
    """Yield the slope of the mean error for each rule, over all and over small variances."""
    found = {
        (row["technique"], row["over"]): f"{row['slope']:.3f} {format_interval(row['interval'])}"
        for row in tables["slopes"]
        if row["statistic"] == "mean" and row["counted"] == COUNTED
    }
    for rule in dict.fromkeys(rule for rule, _ in found):
        yield {
            "clipping": rule,
            "all variances": found[rule, "all"],
            "to .01": found[rule, "small"],
        }


def _format_mean(row: dict[str, Any], value: str, interval: str) -> str:
    return f"{format_scientific(row[value])} {format_interval(row[interval])}"
