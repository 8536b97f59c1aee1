"""Gradient descent on the shipped generator: medians of image loss and z error during the run.

ganinv recover --solver gd --clip stochastic --trials 8 --budget 20000 --restarts 0 --out gd.h5
python benchmarks/descent.py gd.h5
"""

from pathlib import Path

import click
import numpy as np

from ganinv_cli.store import read_results


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--at", default="100,1000,5000,20000", show_default=True, help="Gradients.")
def main(results: Path, at: str) -> None:
    """Print a Markdown table of medians over the trials of each rule."""
    stored = read_results(results)
    marks = stored.constants["curve_gradients"]
    click.echo("| clipping | trials | gradients | image loss | z error |\n|---|---|---|---|---|")
    for rule, group in stored.groups.items():
        for gradients in (float(part) for part in at.split(",")) if rule else ():
            place = np.flatnonzero(marks == gradients)[0]
            loss, error = (
                np.median(group[f"curve_{name}"][:, place]) for name in ("loss", "error")
            )
            click.echo(
                f"| {rule} | {len(group['trial'])} | {gradients:,.0f} | {loss:.3g} | {error:.3g} |"
            )


if __name__ == "__main__":
    main()
