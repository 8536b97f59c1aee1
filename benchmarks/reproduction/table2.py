"""The paper's Table 2, one factor at a time: which factor makes recoveries agree?

    python -m benchmarks.reproduction.table2 docs/results --out docs/reproduction

Reads the results listed in `cells.py`. Writes table2.md (the cells, the rules, the images),
table2.json and table2.png: the distance between recoveries in each cell. Needs no TensorFlow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ganinv_cli.analysis.prior import is_at_bound
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import format_number, format_scientific
from ganinv_cli.prior import Uniform
from ganinv_cli.statistics import assign_clusters, expected_distance, pairwise_distances

from .cells import (
    CELLS,
    IMAGES_LBFGS,
    LONGEST_IN_RANGE,
    PORTRAITS64,
    RULES_IN_RANGE,
    RULES_UNSEEN,
    Cell,
    CellData,
    read_cell,
)
from .write import make_command, write_sections

TITLES = {
    "Table 2, one factor at a time": CELLS,
    "Table 2 on portraits64": PORTRAITS64,
    "Images by L-BFGS": IMAGES_LBFGS,
    "Rules on an image in the generator's range": RULES_IN_RANGE,
    "Rules on an unseen image": RULES_UNSEEN,
}
PAPER = {rule.name: rule.paper_distance for rule in RULES.values() if rule.paper_distance}
RANDOM = expected_distance(100)
OUTSIDE, IN_RANGE = "#0072b2", "#d55e00"


class Measures(NamedTuple):
    """The measurements of a cell."""

    recoveries: int
    mean: float  # E‖zᵢ − zⱼ‖ / latent, as the method left z
    refined: float | None  # the same after refinement; None: not refined
    moved: float | None  # median ‖refined − found‖ / latent
    minima: int | None  # distinct, among those that passed the test
    passed: int | None  # recoveries that passed the test for a minimum
    converged: int  # recoveries that converged by the method's own test
    loss: float  # median image loss
    psnr: float  # of the median, in dB
    at_bound: float  # median number of components at a bound, or beyond


def write_tables(folder: Path, out: Path) -> None:
    """Write table2.md, table2.json and table2.png."""
    known = {
        title: [(cell, read_cell(folder, cell)) for cell in cells]
        for title, cells in TITLES.items()
    }
    measured = {
        title: [(cell, measure(data)) for cell, data in cells if data]
        for title, cells in known.items()
    }
    write_sections(
        {title: [make_row(*each) for each in cells] for title, cells in measured.items()},
        out / "table2.md",
    )
    shown = [pair for cells in measured.values() for pair in cells]
    found = dict(shown)
    by_lbfgs = [cell for cell in IMAGES_LBFGS if cell.is_in_range]
    order = (*CELLS, *PORTRAITS64, *LONGEST_IN_RANGE, *by_lbfgs)
    drawn = [cell for cell in order if cell in found]
    figure = draw_cells([(cell, found[cell]) for cell in drawn])
    figure.savefig(out / "table2.png", dpi=150, metadata={"Software": None})


def measure(data: CellData) -> Measures:
    """Return the measures of a cell's recoveries."""
    refined, is_minimum = data.refined, data.is_minimum
    loss = float(np.median(data.loss))
    return Measures(
        recoveries=len(data.z),
        mean=float(pairwise_distances(data.z).mean()),
        refined=None if refined is None else float(pairwise_distances(refined).mean()),
        moved=None
        if refined is None
        else float(np.median(np.linalg.norm(refined - data.z, axis=1))) / data.z.shape[1],
        minima=None
        if refined is None or is_minimum is None
        else len(set(assign_clusters(refined[is_minimum], SAME_Z_TOLERANCE).tolist())),
        passed=None if is_minimum is None else int(is_minimum.sum()),
        converged=data.converged,
        loss=loss,
        psnr=float(10 * np.log10(4 * data.values / loss)),
        at_bound=float(np.median(is_at_bound(data.z, Uniform()).sum(axis=1))),
    )


def make_row(cell: Cell, found: Measures) -> dict[str, str]:
    """Return a row of a table."""
    total = f"{found.recoveries:,}"
    return {
        "changed": cell.factor,
        "to": cell.value,
        "recoveries": total,
        "mean distance": format_scientific(found.mean),
        "refined": format_scientific(found.refined),
        "moved by": format_scientific(found.moved),
        "converged": f"{found.converged:,}",
        "at a minimum": "-" if found.passed is None else f"{found.passed:,}",
        "distinct minima": "-" if found.minima is None else f"{found.minima:,}",
        "image loss": format_scientific(found.loss),
        "PSNR (dB)": format_number(found.psnr),
        "at a bound": f"{found.at_bound:g}",
    }


def draw_cells(cells: Sequence[tuple[Cell, Measures]]) -> Figure:
    """Draw the mean distance of each cell, as found and refined, on a logarithmic axis."""
    figure = Figure(figsize=(8.4, 0.27 * len(cells) + 1.3), layout="constrained")
    axes = figure.add_subplot(
        xlabel="mean distance between recoveries, E‖zᵢ − zⱼ‖ / 100", xscale="log"
    )
    places = range(len(cells))[::-1]
    for place, (cell, found) in zip(places, cells, strict=True):
        colour = IN_RANGE if cell.is_in_range else OUTSIDE
        if found.refined is not None:
            axes.plot([found.refined, found.mean], [place, place], color="0.8", zorder=1)
            axes.plot(found.refined, place, "o", color=colour, fillstyle="none", markersize=8)
        axes.plot(found.mean, place, "o", color=colour, markersize=5)
    names = [f"{cell.factor}: {cell.value}" for cell, _ in cells]
    axes.set_yticks(list(places), names, fontsize=8)
    axes.set_ylim(-0.7, len(cells) - 0.3)
    for colour, name in ((OUTSIDE, "image outside the range"), (IN_RANGE, "image in the range")):
        axes.plot([], [], "o", color=colour, markersize=5, label=name)
    axes.plot([], [], "o", color="0.3", fillstyle="none", markersize=8, label="after refinement")
    low, high = min(PAPER.values()), max(PAPER.values())
    axes.axvspan(low, high, color="#009e73", alpha=0.25, label="the paper's three rules")
    axes.axvline(RANDOM, color="0.4", linestyle="--", linewidth=1, label="random z")
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    figure.legend(fontsize=8, loc="outside upper center", ncols=5)
    return figure


main = make_command(write_tables)

if __name__ == "__main__":
    main()
