"""The paper's Table 2, one factor at a time: which factor makes recoveries agree?

The base cell is gradient descent at the stable rate on `faces32`, with frozen statistics, 64 rows
of one held-out portrait, stochastic clipping and 20,000 updates. Every other cell changes one
factor.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import format_number, format_scientific
from ganinv_cli.outcome import Outcome
from ganinv_cli.statistics import assign_clusters, expected_distance, pairwise_distances
from ganinv_cli.store import read_results

SAME_Z = 1e-3  # distance of two z that count as one minimum
RANDOM = expected_distance(100)
OUTSIDE, IN_RANGE = "#0072b2", "#d55e00"
VALUES = {"faces16": 16 * 16 * 3, "faces32": 32 * 32 * 3, "portraits64": 64 * 64 * 3}


class Cell(NamedTuple):
    """One cell: the changed factor, and the file of its recoveries."""

    factor: str  # what is changed
    value: str  # into what
    file: str  # in docs/results
    group: str = "image=0000/stochastic"
    rows: int | None = None  # number of rows that are used, the first ones; None: all
    best_of: int = 1  # starts per recovery; the one with the least image loss counts
    snapshot: int | None = None  # updates, at which z is taken instead of the end
    in_range: bool = False  # whether the generator can make the image, except for rounding


class Data(NamedTuple):
    """The recoveries of a cell."""

    z: np.ndarray  # (recoveries, latent) as the method left them
    loss: np.ndarray  # (recoveries,) image loss there
    converged: np.ndarray  # (recoveries,) bool, by the method's own test
    values: int  # of an image: height · width · channels
    refined: np.ndarray | None = None  # (recoveries, latent) after refinement; None: not refined
    is_minimum: np.ndarray | None = None  # (recoveries,) bool, by the test for a minimum

    def select(self, rows: np.ndarray) -> "Data":
        """Return some of the recoveries."""
        return Data(
            self.z[rows],
            self.loss[rows],
            self.converged[rows],
            self.values,
            None if self.refined is None else self.refined[rows],
            None if self.is_minimum is None else self.is_minimum[rows],
        )


class Measures(NamedTuple):
    """The measurements of a cell."""

    mean: float  # E‖zᵢ − zⱼ‖ / latent, as the method left z
    refined: float | None  # the same after refinement; None: not refined
    row: dict[str, str]  # of the table


PORTRAIT, MANY, IMAGES, LBFGS = (
    f"table2-{name}.h5" for name in ("portrait", "rows", "images", "lbfgs")
)
EXACT, EXACT16 = "table2-exact.h5", "table2-exact-faces16.h5"
PAPER_RULES = ("none", "standard", "stochastic")
NOISY, ROUNDED = "generated, noise of variance .01", "generated, rounded to 8 bits"
PORTRAITS = [f"held-out portrait {name}" for name in ("E000215", "L000557", "R000614")]
COUPLED = [
    (f"of the batch, {rows} rows", name) for rows, name in ((16, "-16"), (64, ""), (256, "-256"))
]
LARGE = "faces16, statistics of the batch, 1,024 rows"
BASE = Cell("base", "descent, frozen statistics, 64 rows, a held-out portrait", PORTRAIT)
CELLS = (
    BASE,
    Cell("method", "L-BFGS", LBFGS),
    *(Cell("statistics", words, f"table2-coupled{name}.h5") for words, name in COUPLED),
    *(
        Cell("statistics", f"{words}, minimised jointly", f"table2-joint-{rows}.npz")
        for (words, _), rows in zip(COUPLED, (16, 64, 256), strict=True)
    ),
    Cell("rows", "16", PORTRAIT, rows=16),
    Cell("rows", "256", MANY),
    Cell("generator", "faces16", "table2-faces16.h5"),
    Cell("generator", LARGE, "table2-coupled-faces16.h5"),
    Cell("generator", f"{LARGE}, minimised jointly", "table2-joint-faces16.npz"),
    Cell("generator", "an early stage (200 steps)", "table2-early.h5"),
    Cell("clipping", "none", PORTRAIT, "image=0000/none"),
    Cell("clipping", "standard", PORTRAIT, "image=0000/standard"),
    Cell(*("image", "generated, not rounded", EXACT, "stochastic"), snapshot=20_000, in_range=True),
    Cell("image", ROUNDED, IMAGES, in_range=True),
    Cell("image", NOISY, IMAGES, "image=0001/stochastic"),
    Cell("image", "a training portrait", "table2-training.h5"),
    *(
        Cell("image", value, IMAGES, f"image={number:04}/stochastic")
        for number, value in enumerate((*PORTRAITS, "a cat"), 2)
    ),
    Cell("starts", "best of 4", MANY, best_of=4),
    Cell("starts", "best of 16", MANY, best_of=16),
    Cell("updates", "5,000", "table2-short.h5"),
    Cell("updates", "80,000", "table2-long.h5"),
)
SHIPPED = "portraits64, L-BFGS"
PORTRAITS64 = (
    Cell(SHIPPED, "an unseen portrait", "consistency.h5"),
    Cell(*(SHIPPED, "generated, 8 bits", "consistency.h5", "image=0001/stochastic"), in_range=True),
)
IMAGES_LBFGS = tuple(
    Cell("L-BFGS", value, LBFGS, f"image={number:04}/stochastic", in_range=value == ROUNDED)
    for number, value in enumerate(
        ("held-out portrait A000370", ROUNDED, NOISY, *PORTRAITS, "a cat")
    )
)
RULES_IN_RANGE = tuple(
    Cell(
        *(f"{generator}, {updates:,} updates", rule, file, rule),
        snapshot=None if updates == ends[-1] else updates,
        in_range=True,
    )
    for generator, file, ends in (
        ("faces32", EXACT, (5_000, 20_000, 80_000)),
        ("faces16", EXACT16, (5_000, 20_000, 100_000)),
    )
    for updates in ends
    for rule in PAPER_RULES
)
RULES_UNSEEN = tuple(
    Cell(f"held-out portrait, {method}", rule, file, f"image=0000/{rule}")
    for method, file in (("descent", PORTRAIT), (SHIPPED, "consistency.h5"))
    for rule in PAPER_RULES
)
TABLES = {
    "Table 2, one factor at a time": CELLS,
    "Table 2 on portraits64": PORTRAITS64,
    "Images by L-BFGS": IMAGES_LBFGS,
    "Rules on an image in the generator's range": RULES_IN_RANGE,
    "Rules on an unseen image": RULES_UNSEEN,
}


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
            values = VALUES[str(saved["checkpoint"])]
            converged = np.full(len(saved["z"]), str(saved["message"]).startswith("CONVERGENCE"))
            return Data(saved["z"].astype(np.float64), saved["image_loss"], converged, values)
    results = read_results(path)
    group = results.groups[cell.group]
    values = VALUES[Path(results.attributes["config"]["checkpoint"]).name.removesuffix("-early")]
    z, loss = (np.asarray(group[name], np.float64) for name in ("z_found", "image_loss"))
    data = Data(z, loss, np.asarray(group["outcome"]) == Outcome.converged, values)
    if cell.snapshot is not None:
        place = results.constants["snapshot_gradients"].tolist().index(cell.snapshot)
        z = np.asarray(group["z_snapshots"], np.float64)[:, place]
        loss = np.asarray(group["curve_loss"], np.float64)[:, place]
        data = Data(z, loss, np.zeros(len(z), bool), values)
    elif "polished/z_found" in group:
        refined = np.asarray(group["polished/z_found"], np.float64)
        is_minimum = np.asarray(group["polished/outcome"]) == Outcome.converged
        data = data._replace(refined=refined, is_minimum=is_minimum)
    starts = np.arange(len(data.z))[: cell.rows]
    groups = starts[: len(starts) // cell.best_of * cell.best_of].reshape(-1, cell.best_of)
    return data.select(groups[np.arange(len(groups)), data.loss[groups].argmin(axis=1)])


def measure(cell: Cell, data: Data) -> Measures:
    """Return the measures of a cell's recoveries."""
    mean, loss = float(pairwise_distances(data.z).mean()), float(np.median(data.loss))
    refined = moved = passed = minima = None
    if data.refined is not None and data.is_minimum is not None:
        refined = float(pairwise_distances(data.refined).mean())
        moved = float(np.median(np.linalg.norm(data.refined - data.z, axis=1))) / data.z.shape[1]
        passed = int(data.is_minimum.sum())
        minima = len(set(assign_clusters(data.refined[data.is_minimum], SAME_Z).tolist()))
    row = {
        "changed": cell.factor,
        "to": cell.value,
        "recoveries": f"{len(data.z):,}",
        "mean distance": format_scientific(mean),
        "refined": format_scientific(refined),
        "moved by": format_scientific(moved),
        "converged": f"{data.converged.sum():,}",
        "at a minimum": "-" if passed is None else f"{passed:,}",
        "distinct minima": "-" if minima is None else f"{minima:,}",
        "image loss": format_scientific(loss),
        "PSNR (dB)": format_number(float(10 * np.log10(4 * data.values / loss))),
        "at a bound": f"{float(np.median((abs(data.z) >= 1).sum(axis=1))):g}",
    }
    return Measures(mean, refined, row)


def draw_cells(measured: Mapping[Cell, Measures]) -> Figure:
    """Draw the mean distance of each cell, as found and refined, on a logarithmic axis."""
    longest = [cell for cell in RULES_IN_RANGE if cell.snapshot is None]
    cells = [*CELLS, *PORTRAITS64, *longest, *(c for c in IMAGES_LBFGS if c.in_range)]
    figure = Figure(figsize=(8.4, 0.27 * len(cells) + 1.3), layout="constrained")
    axes = figure.add_subplot(
        xlabel="mean distance between recoveries, E‖zᵢ − zⱼ‖ / 100", xscale="log"
    )
    places = range(len(cells))[::-1]
    for place, cell in zip(places, cells, strict=True):
        colour, found = IN_RANGE if cell.in_range else OUTSIDE, measured[cell]
        if found.refined is not None:
            axes.plot([found.refined, found.mean], [place, place], color="0.8", zorder=1)
            axes.plot(found.refined, place, "o", color=colour, fillstyle="none", markersize=8)
        axes.plot(found.mean, place, "o", color=colour, markersize=5)
    axes.set_yticks(list(places), [f"{cell.factor}: {cell.value}" for cell in cells], fontsize=8)
    axes.set_ylim(-0.7, len(cells) - 0.3)
    for colour, name in ((OUTSIDE, "image outside the range"), (IN_RANGE, "image in the range")):
        axes.plot([], [], "o", color=colour, markersize=5, label=name)
    axes.plot([], [], "o", color="0.3", fillstyle="none", markersize=8, label="after refinement")
    paper = [rule.paper_distance for rule in RULES.values() if rule.paper_distance]
    axes.axvspan(
        min(paper), max(paper), color="#009e73", alpha=0.25, label="the paper's three rules"
    )
    axes.axvline(RANDOM, color="0.4", linestyle="--", linewidth=1, label="random z")
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    figure.legend(fontsize=8, loc="outside upper center", ncols=5)
    return figure
