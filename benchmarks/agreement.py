"""Do two results files of the same trials agree, e.g. for batches of 16 and of 64?

ganinv recover --trials 200 --batch-size 16 --out a.h5
ganinv recover --trials 200 --batch-size 64 --out b.h5
python benchmarks/agreement.py a.h5 b.h5
"""

from pathlib import Path

import click
import numpy as np

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import read_results


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
def main(first: Path, second: Path) -> None:
    """Print, for each rule, the number of equal outcomes and the distance of converged z."""
    one, other = read_results(first), read_results(second)
    for rule in sorted(one.groups.keys() & other.groups.keys() - {""}):
        a, b = one.groups[rule], other.groups[rule]
        _, left, right = np.intersect1d(a["trial"], b["trial"], return_indices=True)
        for name in ("first/", ""):
            outcomes = a[f"{name}outcome"][left], b[f"{name}outcome"][right]
            equal = outcomes[0] == outcomes[1]
            both = equal & (outcomes[0] == Outcome.converged)
            apart = np.abs(a[f"{name}z_found"][left][both] - b[f"{name}z_found"][right][both])
            where = "first start" if name else "with restarts"
            click.echo(
                f"{rule}, {where}: {int(equal.sum())} of {len(equal)} outcomes equal; "
                f"{int(both.sum())} converged in both, z at most {apart.max(initial=0):.1e} apart, "
                f"{int((apart < 1e-3).all(1).sum())} within 1e-3"
            )


if __name__ == "__main__":
    main()
