"""The cells of Table 2, one factor at a time, with the kept results of each.

The base cell is gradient descent at the stable rate on `faces32`, with frozen statistics, 64 rows
of one held-out portrait, stochastic clipping and 20,000 updates. Every other cell changes one
factor.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import Results, read_results


class Cell(NamedTuple):
    """One cell: the changed factor, and the file of its recoveries."""

    factor: str  # what is changed
    value: str  # into what
    file: str  # in docs/results
    group: str = "image=0000/stochastic"
    rows: int | None = None  # number of rows that are used, the first ones; None: all
    best_of: int = 1  # starts per recovery; the one with the least image loss counts
    snapshot: int | None = None  # updates, at which z is taken instead of the end

    @property
    def is_in_range(self) -> bool:
        """Whether the generator can make the image, except for rounding."""
        return self.file in (EXACT, EXACT16) or (
            self.value.startswith("generated") and "noise" not in self.value
        )


class CellData(NamedTuple):
    """The recoveries of a cell."""

    z: np.ndarray  # (recoveries, latent) as the method left them
    loss: np.ndarray  # (recoveries,) image loss there
    refined: np.ndarray | None  # (recoveries, latent) after refinement; None: not refined
    is_minimum: np.ndarray | None  # (recoveries,) bool, by the test for a minimum; None: not tested
    converged: int  # recoveries that converged by the method's own test
    values: int  # of an image: height · width · channels


PORTRAIT, MANY, IMAGES, LBFGS = (
    "table2-portrait.h5",
    "table2-rows.h5",
    "table2-images.h5",
    "table2-lbfgs.h5",
)
EXACT, EXACT16 = "table2-exact.h5", "table2-exact-faces16.h5"
PAPER_RULES = ("none", "standard", "stochastic")
VALUES = {"faces16": 16 * 16 * 3, "faces32": 32 * 32 * 3, "portraits64": 64 * 64 * 3}

BASE = Cell("base", "descent, frozen statistics, 64 rows, a held-out portrait", PORTRAIT)
CELLS = (
    BASE,
    Cell("method", "L-BFGS", LBFGS),
    Cell("statistics", "of the batch, 16 rows", "table2-coupled-16.h5"),
    Cell("statistics", "of the batch, 64 rows", "table2-coupled.h5"),
    Cell("statistics", "of the batch, 256 rows", "table2-coupled-256.h5"),
    Cell("statistics", "of the batch, 16 rows, minimised jointly", "table2-joint-16.npz"),
    Cell("statistics", "of the batch, 64 rows, minimised jointly", "table2-joint-64.npz"),
    Cell("statistics", "of the batch, 256 rows, minimised jointly", "table2-joint-256.npz"),
    Cell("rows", "16", PORTRAIT, rows=16),
    Cell("rows", "256", MANY),
    Cell("generator", "faces16", "table2-faces16.h5"),
    Cell("generator", "faces16, statistics of the batch, 1,024 rows", "table2-coupled-faces16.h5"),
    Cell(
        "generator",
        "faces16, statistics of the batch, 1,024 rows, minimised jointly",
        "table2-joint-faces16.npz",
    ),
    Cell("generator", "an early stage (200 steps)", "table2-early.h5"),
    Cell("clipping", "none", PORTRAIT, "image=0000/none"),
    Cell("clipping", "standard", PORTRAIT, "image=0000/standard"),
    Cell("image", "generated, not rounded", EXACT, "stochastic", snapshot=20_000),
    Cell("image", "generated, rounded to 8 bits", IMAGES),
    Cell("image", "generated, noise of variance .01", IMAGES, "image=0001/stochastic"),
    Cell("image", "a training portrait", "table2-training.h5"),
    Cell("image", "held-out portrait E000215", IMAGES, "image=0002/stochastic"),
    Cell("image", "held-out portrait L000557", IMAGES, "image=0003/stochastic"),
    Cell("image", "held-out portrait R000614", IMAGES, "image=0004/stochastic"),
    Cell("image", "a cat", IMAGES, "image=0005/stochastic"),
    Cell("starts", "best of 4", MANY, best_of=4),
    Cell("starts", "best of 16", MANY, best_of=16),
    Cell("updates", "5,000", "table2-short.h5"),
    Cell("updates", "80,000", "table2-long.h5"),
)
PORTRAITS64 = (
    Cell("portraits64, L-BFGS", "an unseen portrait", "consistency.h5"),
    Cell("portraits64, L-BFGS", "generated, 8 bits", "consistency.h5", "image=0001/stochastic"),
)
RULES_IN_RANGE = tuple(
    Cell(f"{generator}, {updates:,} updates", rule, file, rule, snapshot=snapshot)
    for generator, file, ends in (
        ("faces32", EXACT, (5_000, 20_000, 80_000)),
        ("faces16", EXACT16, (5_000, 20_000, 100_000)),
    )
    for updates, snapshot in zip(ends, (*ends[:-1], None), strict=True)
    for rule in PAPER_RULES
)
LONGEST_IN_RANGE = tuple(cell for cell in RULES_IN_RANGE if cell.snapshot is None)
RULES_UNSEEN = tuple(
    Cell(f"held-out portrait, {method}", rule, file, f"image=0000/{rule}")
    for method, file in (("descent", PORTRAIT), ("portraits64, L-BFGS", "consistency.h5"))
    for rule in PAPER_RULES
)
IMAGES_LBFGS = tuple(
    Cell("L-BFGS", value, LBFGS, f"image={number:04}/stochastic")
    for number, value in enumerate(
        (
            "held-out portrait A000370",
            "generated, rounded to 8 bits",
            "generated, noise of variance .01",
            "held-out portrait E000215",
            "held-out portrait L000557",
            "held-out portrait R000614",
            "a cat",
        )
    )
)


def read_cell(folder: Path, cell: Cell) -> CellData | None:
    """Return the recoveries of a cell; None if its file is not in the folder."""
    path = folder / cell.file
    if not path.exists():
        return None
    return _read_joint(path) if path.suffix == ".npz" else _read_run(read_results(path), cell)


def _read_joint(path: Path) -> CellData:
    with np.load(path) as saved:
        z, loss = saved["z"].astype(np.float64), saved["image_loss"]
        converged = len(z) if str(saved["message"]).startswith("CONVERGENCE") else 0
        return CellData(z, loss, None, None, converged, VALUES[str(saved["checkpoint"])])


def _read_run(results: Results, cell: Cell) -> CellData:
    group = results.groups[cell.group]
    rows = slice(cell.rows)
    values = VALUES[Path(results.attributes["config"]["checkpoint"]).name.removesuffix("-early")]
    z, loss = (np.asarray(group[name], np.float64)[rows] for name in ("z_found", "image_loss"))
    converged = np.asarray(group["outcome"])[rows] == Outcome.converged
    if cell.snapshot is not None:
        place = results.constants["snapshot_gradients"].tolist().index(cell.snapshot)
        z = np.asarray(group["z_snapshots"], np.float64)[rows, place]
        loss = np.asarray(group["curve_loss"], np.float64)[rows, place]
        converged = np.zeros(len(z), bool)
    refined = is_minimum = None
    if "polished/z_found" in group and cell.snapshot is None:
        refined = np.asarray(group["polished/z_found"], np.float64)[rows]
        is_minimum = np.asarray(group["polished/outcome"])[rows] == Outcome.converged
    if cell.best_of > 1:
        groups = np.arange(len(z) // cell.best_of * cell.best_of).reshape(-1, cell.best_of)
        best = groups[np.arange(len(groups)), loss[groups].argmin(axis=1)]
        z, loss, converged = z[best], loss[best], converged[best]
        if refined is not None and is_minimum is not None:
            refined, is_minimum = refined[best], is_minimum[best]
    return CellData(z, loss, refined, is_minimum, int(converged.sum()), values)
