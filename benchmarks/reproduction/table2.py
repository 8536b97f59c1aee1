"""The paper's Table 2, one factor at a time: which factor makes recoveries agree?

The base cell is gradient descent at the stable rate on `faces32`, with frozen statistics, 64 rows
of one held-out portrait, stochastic clipping and 20,000 updates. Every other cell changes one
factor. table2.toml lists the cells.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial.distance import squareform

from ganinv_cli.clipping import RULES
from ganinv_cli.outcome import Outcome
from ganinv_cli.results.number_format import format_interval, format_number, format_scientific
from ganinv_cli.results.statistics import assign_clusters, expected_distance, pairwise_distances
from ganinv_cli.results.store import Results, read_results
from ganinv_cli.results.store.columns import IMAGE
from ganinv_cli.results.store.rows import Group, select_rows
from ganinv_cli.settings.names import IMAGES, name_starts

SAME_Z = 1e-3  # distance of two z that count as one minimum
RANDOM = expected_distance(100)
COLOUR, POLISHED = "#0072b2", "#d55e00"
NAME_WIDTH = 62  # characters of a line beside the axes
METHOD = "base", "method", "statistics", "rows", "clipping", "starts", "updates"
VALUES = {"faces16": 16 * 16 * 3, "faces32": 32 * 32 * 3, "portraits64": 64 * 64 * 3}


class Cell(NamedTuple):
    """One cell: the changed factor, and the file of its recoveries."""

    factor: str  # what is changed
    value: str  # into what
    file: str  # in docs/results
    rule: str = "stochastic"
    image: int = 0  # its number, if the file is of images
    rows: int | None = None  # number of rows that are used, the first ones; None: all
    best_of: int = 1  # starts per recovery; the one with the least image loss counts
    snapshot: int | None = None  # updates, at which z is taken instead of the end
    in_range: bool = False  # whether the generator can make the image, except for rounding


class Data(NamedTuple):
    """The recoveries of a cell."""

    values: int  # of an image: height · width · channels
    z: np.ndarray  # (recoveries, latent) as the method left them
    loss: np.ndarray  # (recoveries,) image loss there
    converged: np.ndarray  # (recoveries,) bool, by the method's own test
    polished: np.ndarray | None = None  # (recoveries, latent) after polishing; None: not polished
    is_minimum: np.ndarray | None = None  # (recoveries,) bool, by the test for a minimum


class Measures(NamedTuple):
    """The measurements of a cell."""

    mean: float  # E‖zᵢ − zⱼ‖ / latent, as the method left z
    interval: tuple[float, float]  # of that, 95 %
    polished: float | None  # the mean after polishing; None: not polished
    row: dict[str, str]  # of the table


_LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
TABLES = {title: [Cell(**cell) for cell in cells] for title, cells in _LISTED.items()}
# In the figure: every cell of two tables, and of two more the last cells of images in the range.
DRAWN = "Table 2, one factor at a time", "Table 2 on portraits64"
DRAWN_IN_RANGE = "Rules on an image in the generator's range", "Images by L-BFGS"


def measure_cells(folder: Path) -> dict[Cell, Measures]:
    """Return the measures of every cell, from the kept results in a folder."""
    cells = dict.fromkeys(cell for cells in TABLES.values() for cell in cells)
    return {cell: measure(cell, read_cell(folder, cell)) for cell in cells}


def make_sections(measured: Mapping[Cell, Measures]) -> dict[str, list[dict[str, str]]]:
    """Return the tables by their titles."""
    return {title: [measured[cell].row for cell in cells] for title, cells in TABLES.items()}


def read_cell(folder: Path, cell: Cell) -> Data:
    """Return the recoveries of a cell."""
    path = folder / cell.file
    if path.suffix == ".npz":  # a coupled batch, minimised jointly
        with np.load(path) as saved:
            converged = np.full(len(saved["z"]), str(saved["message"]).startswith("CONVERGENCE"))
            z = saved["z"].astype(np.float64)
            return Data(VALUES[str(saved["checkpoint"])], z, saved["image_loss"], converged)
    results = read_results(path)
    group = _read_group(results, cell)
    values = VALUES[Path(results.attributes["config"]["checkpoint"]).name.removesuffix("-early")]
    if cell.snapshot is not None:
        place = results.constants["snapshot_gradients"].tolist().index(cell.snapshot)
        z = np.asarray(group["z_snapshots"], np.float64)[:, place]
        loss = np.asarray(group["curve_loss"], np.float64)[:, place]
        return Data(values, z, loss, np.zeros(len(z), bool))
    loss = np.asarray(group["image_loss"], np.float64)
    starts = np.arange(len(loss))[: cell.rows]
    groups = starts[: len(starts) // cell.best_of * cell.best_of].reshape(-1, cell.best_of)
    best = groups[np.arange(len(groups)), loss[groups].argmin(axis=1)]

    def read(name: str) -> np.ndarray:
        column: np.ndarray = np.asarray(group[name], np.float64)[best]
        return column

    data = Data(values, read("z_found"), loss[best], read("outcome") == Outcome.converged)
    if "polished/z_found" not in group:
        return data
    is_minimum = read("polished/outcome") == Outcome.converged
    return data._replace(polished=read("polished/z_found"), is_minimum=is_minimum)


def _read_group(results: Results, cell: Cell) -> Group:
    if IMAGES not in results.groups:
        return results.groups[cell.rule]
    starts = results.groups[name_starts(cell.rule)]
    return select_rows(starts, starts[IMAGE] == cell.image)


def measure(cell: Cell, data: Data) -> Measures:
    """Return the measures of a cell's recoveries."""
    mean, loss = float(pairwise_distances(data.z).mean()), float(np.median(data.loss))
    polished = moved = passed = minima = None
    if data.polished is not None and data.is_minimum is not None:
        polished = float(pairwise_distances(data.polished).mean())
        moved = float(np.median(np.linalg.norm(data.polished - data.z, axis=1))) / data.z.shape[1]
        passed = int(data.is_minimum.sum())
        minima = len(set(assign_clusters(data.polished[data.is_minimum], SAME_Z).tolist()))
    row = {
        "changed": cell.factor,
        "to": cell.value,
        "recoveries": f"{len(data.z):,}",
        "mean distance": format_scientific(mean),
        "95 % interval": format_interval(find_interval(data.z)),
        "polished": format_scientific(polished),
        "moved by": format_scientific(moved),
        "converged": f"{data.converged.sum():,}",
        "at a minimum": "-" if passed is None else f"{passed:,}",
        "distinct minima": "-" if minima is None else f"{minima:,}",
        "image loss": format_scientific(loss),
        "PSNR (dB)": format_number(float(10 * np.log10(4 * data.values / loss))),
        "at a bound": f"{float(np.median((abs(data.z) >= 1).sum(axis=1))):g}",
    }
    return Measures(mean, find_interval(data.z), polished, row)


def find_interval(z: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean distance, by the jackknife of its logarithm.

    A mean over pairs is a U-statistic, so recoveries are left out, not pairs (Arvesen 1969).
    """
    distances = squareform(pairwise_distances(z))
    count, total = len(z), distances.sum()
    without = (total - 2 * distances.sum(axis=1)) / ((count - 1) * (count - 2))
    logs, middle = np.log(without), np.log(total / (count * (count - 1)))
    error = np.sqrt((count - 1) / count * np.sum((logs - logs.mean()) ** 2))
    low, high = np.exp(middle - 1.96 * error), np.exp(middle + 1.96 * error)
    return float(low), float(high)


def draw_cells(measured: Mapping[Cell, Measures]) -> Figure:
    """Draw the mean distance of each cell with its interval, in three panels by the question."""
    others = [cell for title in DRAWN_IN_RANGE for cell in TABLES[title]]
    ends = [cell for cell in others if cell.in_range and cell.snapshot is None]
    cells = [*(cell for title in DRAWN for cell in TABLES[title]), *ends]
    panels = {
        "How a portrait is recovered": [c for c in cells if _is_of(c, METHOD)],
        "Which image, generator or stage": [
            c for c in cells if not (c.in_range or _is_of(c, METHOD))
        ],
        "An image that the generator makes": [c for c in cells if c.in_range],
    }
    heights = [len(each) + 1 for each in panels.values()]
    figure = Figure(figsize=(8.4, 0.26 * sum(heights) + 2), layout="constrained")
    every = figure.subplots(3, sharex=True, height_ratios=heights)
    for axes, (title, own) in zip(every, panels.items(), strict=True):
        _draw_panel(axes, {cell: measured[cell] for cell in own})
        axes.set_title(title, fontsize=10, loc="left")
    every[-1].set_xscale("log")
    every[-1].set_xlabel("mean distance of two recoveries, E‖zᵢ − zⱼ‖ / 100")
    handles, labels = every[-1].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _is_of(cell: Cell, factors: tuple[str, ...]) -> bool:
    return cell.factor in factors and not cell.in_range


def _draw_panel(axes: Axes, measured: Mapping[Cell, Measures]) -> None:
    places = range(len(measured))[::-1]
    for place, found in zip(places, measured.values(), strict=True):
        axes.plot(found.interval, [place, place], color=COLOUR, linewidth=1.6)
        if found.polished is not None:
            axes.plot(found.polished, place, "o", color=POLISHED, fillstyle="none", markersize=9)
        axes.plot(found.mean, place, "o", color=COLOUR, markersize=5)
    names = [fill(f"{cell.factor}: {cell.value}", NAME_WIDTH) for cell in measured]
    axes.set_yticks(list(places), names, fontsize=8)
    axes.set_ylim(-0.7, len(measured) - 0.3)
    axes.plot([], [], "o-", color=COLOUR, markersize=5, label="as the method left z")
    axes.plot([], [], "o", color=POLISHED, fillstyle="none", markersize=9, label="after polishing")
    paper = [rule.paper_distance for rule in RULES.values() if rule.paper_distance]
    axes.axvspan(
        min(paper), max(paper), color="#009e73", alpha=0.25, label="the paper's three rules"
    )
    axes.axvline(RANDOM, color="0.4", linestyle="--", linewidth=1, label="random z")
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
