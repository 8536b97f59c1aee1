"""Copy a results file into docs/results, without data that can be computed again from its seed.

    python -m benchmarks.reproduction.keep build/faces16-authors.h5 docs/results/faces16-authors.h5

Starts, ends of first starts, losses on the way and snapshots are kept for the first eight trials
and set to NaN for the others, unless `--whole` names them. All other columns are copied bit for
bit. `--figures` names the stored pictures to keep.
"""

import json
from pathlib import Path

import click
import h5py
import numpy as np

from ganinv_cli.results.store import hdf5, read_results

KEPT_TRIALS = 8
SMALL = 1000  # bytes of a column, above which it is compressed
PACKED = {"compression": "gzip", "shuffle": True}
THINNED = ("z_start", "first/z_found", "curve_loss", "z_snapshots")


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--whole", default="", help=f"Of {', '.join(THINNED)}: columns kept for all trials.")
@click.option("--thin", default="", help="Other columns that are kept only for the first trials.")
@click.option("--figures", help="Names of the stored pictures to keep, with commas [default: all].")
def main(source: Path, destination: Path, whole: str, thin: str, figures: str | None) -> None:
    """Write the copy."""
    results = read_results(source)
    if not results.complete:
        raise click.ClickException(f"{source} is not finished; run its command to the end first")
    if results.attributes["git"].endswith("dirty"):
        raise click.ClickException(f"{source} was made by a changed tree; run it from a commit")
    thinned = {*THINNED, *thin.split(",")} - set(whole.split(","))
    dropped = set(results.figures) - set(figures.split(",")) if figures is not None else set[str]()
    copy_thinned(source, destination, thinned, dropped)
    click.echo(f"{destination}: {destination.stat().st_size:,} bytes")


def copy_thinned(source: Path, destination: Path, thinned: set[str], dropped: set[str]) -> None:
    """Copy groups, columns and attributes of a results file, compressed.

    Columns in `thinned` keep their first trials; groups in `dropped` are left out.
    """
    links: dict[int, h5py.Dataset] = {}  # columns that share an array still share it in the copy

    def copy_group(old: h5py.Group, new: h5py.Group, place: str, trials: np.ndarray) -> None:
        new.attrs.update(old.attrs)
        trials = old["trial"][()] if "trial" in old else trials  # of each row, also in `first`
        for name, item in old.items():
            address = h5py.h5o.get_info(item.id).addr
            if name in dropped and not place:
                continue
            if isinstance(item, h5py.Group):
                copy_group(item, new.create_group(name), name, trials)
            elif address in links:
                new[name] = links[address]
            else:
                values = item[()]
                if name in thinned or f"{place}/{name}" in thinned:
                    values[trials >= KEPT_TRIALS] = np.nan
                packed = PACKED if values.nbytes > SMALL and values.shape else {}
                links[address] = new.create_dataset(name, data=values, **packed)
                links[address].attrs.update(item.attrs)

    with h5py.File(source, locking=False) as old, h5py.File(destination, "w", libver="v110") as new:
        copy_group(old, new, "", np.zeros(0, np.int64))
        names = [name for name in json.loads(old.attrs["figures"]) if name not in dropped]
        new.attrs["figures"] = json.dumps(names)
    hdf5.seal_file(destination)


if __name__ == "__main__":
    main()
