"""The paper's Figure 2 by the paper's method, beside L-BFGS on the same trials.

    python -m benchmarks.reproduction.figure2 docs/results --out docs/reproduction

Reads the four runs of `ganinv noise-sweep` in RUNS: gradient descent and L-BFGS on `faces16`, with
or without clipping of noisy pixels, all from the same z, starts and noise. Writes figure2.md
(errors, comparison of the rules, slopes), figure2.json and figure2.png. Needs no TensorFlow.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ganinv_cli.report.noise_sweep.claims import (
    ComparisonRow,
    compare_rules,
    find_same_rules,
    fit_slopes,
)
from ganinv_cli.report.noise_sweep.numbers import Cell, SweepRow, make_rows, read_cells
from matplotlib.figure import Figure

from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import format_interval, format_scientific
from ganinv_cli.statistics import compare_errors
from ganinv_cli.store import read_results

from .write import make_command, write_sections

AUTHORS_STOP = 0.005  # mean error of z at which the authors' noise run stops
GUESS = 1 / 3  # error of z = 0 for any image: the variance of a component under the prior
COUNTED = "first_start"
DODGE = 1.06  # factor between the variances of neighbouring rules


class Sweep(NamedTuple):
    """One run: a method, and what was done to the noisy pixels."""

    method: str
    pixels: str
    cells: list[Cell]
    rows: list[SweepRow]
    tests: list[ComparisonRow]  # of the first starts, of each pair of rules at each variance

    @property
    def title(self) -> str:
        """The method and the pixels."""
        return f"{self.method}, pixels {self.pixels}"


RUNS = {
    ("descent", "not clipped"): "figure2-descent.h5",
    ("descent", "clipped"): "figure2-descent-clipped.h5",
    ("L-BFGS", "not clipped"): "figure2-lbfgs.h5",
    ("L-BFGS", "clipped"): "figure2-lbfgs-clipped.h5",
}


def write_tables(folder: Path, out: Path) -> None:
    """Write figure2.md, figure2.json and figure2.png."""
    sweeps = read_sweeps(folder)
    write_sections(
        {
            "Standard and stochastic clipping compared": [
                row for sweep in sweeps for row in make_comparisons(sweep, "standard", "stochastic")
            ],
            "No clipping and stochastic clipping compared": [
                row for sweep in sweeps for row in make_comparisons(sweep, "none", "stochastic")
            ],
            "Mean error of z": [row for sweep in sweeps for row in make_errors(sweep)],
            "Slope of log error against log variance": [
                row for sweep in sweeps for row in make_slopes(sweep)
            ],
            "Descent and L-BFGS on the same trials": list(compare_methods(sweeps)),
        },
        out / "figure2.md",
    )
    draw_sweeps(sweeps).savefig(out / "figure2.png", dpi=150, metadata={"Software": None})


def read_sweeps(folder: Path) -> list[Sweep]:
    """Return the runs that the folder holds."""
    sweeps = []
    for (method, pixels), name in RUNS.items():
        if (folder / name).exists():
            results = read_results(folder / name)
            cells = read_cells(results)
            tests = compare_rules(cells, find_same_rules(cells))
            # Tests of first starts are listed only if restarts changed something.
            first = [test for test in tests if test.counted == COUNTED] or tests
            sweeps.append(Sweep(method, pixels, cells, make_rows(results, cells), first))
    return sweeps


def make_comparisons(sweep: Sweep, first: str, second: str) -> list[dict[str, str]]:
    """Return Wilcoxon's test of two rules at each variance, paired by trial.

    p is corrected by Holm's method for all pairs of rules at all variances of the run.
    """
    acted = {(row.variance, row.technique): row.acted_first_start for row in sweep.rows}
    return [
        {
            "method, pixels": sweep.title,
            "variance": f"{test.variance:g}",
            "trials": f"{test.trials}",
            "acted": ", ".join(f"{acted[test.variance, rule]}" for rule in (first, second)),
            f"{first} nearer": f"{test.first_nearer}",
            f"{second} nearer": f"{test.second_nearer}",
            "median difference": f"{format_scientific(test.median_difference)} "
            f"{format_interval(test.interval)}",
            "p (Holm)": f"{test.p_holm:.2g}",
        }
        for test in sweep.tests
        if (test.first, test.second) == (first, second)
    ]


def make_errors(sweep: Sweep) -> list[dict[str, str]]:
    """Return the mean error of z of each rule at each variance, with its interval."""
    variances = dict.fromkeys(row.variance for row in sweep.rows)
    return [
        {
            "method, pixels": sweep.title,
            "variance": f"{variance:g}",
            **{
                row.technique: f"{format_scientific(row.errors(COUNTED).mean)} "
                f"{format_interval(row.errors(COUNTED).mean_interval)}"
                for row in sweep.rows
                if row.variance == variance
            },
            "bound": format_scientific(
                next(row.cramer_rao for row in sweep.rows if row.variance == variance)
            ),
        }
        for variance in variances
    ]


def make_slopes(sweep: Sweep) -> list[dict[str, str]]:
    """Return the slope of the mean error for each rule, over all and over small variances."""
    found = {
        (row.technique, row.over): f"{row.slope:.3f} {format_interval(row.interval)}"
        for row in fit_slopes(sweep.cells)
        if row.statistic == "mean" and row.counted == COUNTED
    }
    return [
        {
            "method, pixels": sweep.title,
            "clipping": rule,
            "all variances": found[rule, "all"],
            "to .01": found[rule, "small"],
        }
        for rule in dict.fromkeys(rule for rule, _ in found)
    ]


def compare_methods(sweeps: list[Sweep]) -> Iterator[dict[str, str]]:
    """Yield the comparison of the errors of descent and L-BFGS, for each rule and variance."""
    for pixels in dict.fromkeys(sweep.pixels for sweep in sweeps):
        pair = {sweep.method: sweep.cells for sweep in sweeps if sweep.pixels == pixels}
        for descent in pair.get("descent", []):
            for other in pair.get("L-BFGS", []):
                if (descent.variance, descent.rule) != (other.variance, other.rule):
                    continue
                left, right = descent.errors(COUNTED), other.errors(COUNTED)
                found = compare_errors(left, right)
                yield {
                    "pixels": pixels,
                    "variance": f"{descent.variance:g}",
                    "clipping": descent.rule,
                    "descent, mean": format_scientific(float(left.mean())),
                    "L-BFGS, mean": format_scientific(float(right.mean())),
                    "L-BFGS nearer": f"{int((right < left).sum())} of {len(left)}",
                    "p": f"{found.p:.2g}",
                }


def draw_sweeps(sweeps: list[Sweep]) -> Figure:
    """Draw the mean error against the variance: a panel for each run, a curve for each rule."""
    figure = Figure(figsize=(8.4, 7.2), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True, squeeze=False)
    for axes, sweep in zip(panels.T.ravel(), _order_panels(sweeps), strict=False):
        axes.set(title=sweep.title, xscale="log", yscale="log")
        axes.axhline(AUTHORS_STOP, color="0.4", linestyle="--", linewidth=1)
        axes.axhline(GUESS, color="0.4", linestyle="-.", linewidth=1)
        for place, rule in enumerate(dict.fromkeys(row.technique for row in sweep.rows)):
            rows = [row for row in sweep.rows if row.technique == rule]
            variances = np.array([row.variance for row in rows])
            means = np.array([row.errors(COUNTED).mean for row in rows], float)
            ends = np.array([row.errors(COUNTED).mean_interval for row in rows], float).T
            axes.errorbar(
                variances * DODGE ** (place - 1),
                means,
                yerr=np.abs(ends - means),
                color=RULES[rule].colour,
                marker="o",
                markersize=3,
                linewidth=1.2,
                label=rule,
            )
        bounds = {row.variance: row.cramer_rao for row in sweep.rows}
        axes.plot(list(bounds), np.array(list(bounds.values()), float), ":", color="0.5")
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


def _order_panels(sweeps: list[Sweep]) -> list[Sweep]:
    """Return the sweeps as they fill the columns: descent above L-BFGS, for each kind of pixels."""
    return sorted(
        sweeps, key=lambda sweep: (sweep.pixels != "not clipped", sweep.method != "descent")
    )


main = make_command(write_tables)

if __name__ == "__main__":
    main()
