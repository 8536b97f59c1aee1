"""Do the best of several starts agree where single starts do not?

Takes a results file of `ganinv consistency` with many single starts an image, puts them together in
groups of 1, 4, 16 … and compares the bests of the groups, as --restarts 0, 3, 15 … would.
"""

from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
from tabulate import tabulate

from ganinv_cli import statistics
from ganinv_cli.store import read_results

TOLERANCES = (1e-3, 3e-3, 1e-2, 3e-2)  # distances, as the paper's, within which z is one


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
def main(results: Path) -> None:
    """One line a group of results and number of starts."""
    lines = [
        _make_row(name, rows, count)
        for name, rows in read_results(results).groups.items()
        if "z_found" in rows
        for count in (1, 4, 16, 64)
        if len(rows["trial"]) // count > 2
    ]
    header = (
        *("group", "best of", "recoveries", "mean distance", "least", "largest"),
        *(f"distinct at {same:g}" for same in TOLERANCES),
        *("mean loss", "worst / least loss − 1", "within 0.1 % of the least"),
    )
    click.echo(tabulate(lines, header, "github", disable_numparse=True))


def _make_row(name: str, rows: Mapping[str, np.ndarray], count: int) -> tuple[str, ...]:
    z = rows.get("polished/z_found", rows["z_found"])
    loss = np.nan_to_num(rows.get("polished/image_loss", rows["image_loss"]), nan=np.inf)
    recoveries = len(loss) // count
    groups = np.arange(recoveries * count).reshape(recoveries, count)
    best = groups[np.arange(recoveries), loss[groups].argmin(axis=1)]
    distances = statistics.pairwise_distances(z[best])
    near = statistics.is_lowest(loss[best]).sum()
    return (
        name,
        f"{count}",
        f"{recoveries}",
        *(f"{value:.3g}" for value in (distances.mean(), distances.min(), distances.max())),
        *(f"{len(set(statistics.assign_clusters(z[best], same).tolist()))}" for same in TOLERANCES),
        f"{loss[best].mean():,.1f}",
        f"{loss[best].max() / loss[best].min() - 1:.4f}",
        f"{near}",
    )


if __name__ == "__main__":
    main()
