"""Copy a results file into docs/results, without data that can be computed again from its seed.

    python -m benchmarks.reproduction.keep build/faces16-authors.h5 docs/results/faces16-authors.h5

Starts, ends of first starts, curves and snapshots are kept for the first eight trials and set to
NaN for the others, unless `--whole` names them. All other columns are copied bit for bit.
`--figures` names the stored pictures to keep. For a run of gradient descent two more files are
written: NAME.snapshots.json, the shares of all trials below each ε at the snapshots, if there are
snapshots; and, with frozen statistics, NAME.theory.json, the predictions of linear theory for its
trials.
"""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np

from ganinv_cli.formats import read
from ganinv_cli.jacobian import measure_at
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.shipped import find
from ganinv_cli.solvers import make_solver
from ganinv_cli.solvers.gd import GradientDescent
from ganinv_cli.statistics import EPSILONS, is_recovered, mcnemar
from ganinv_cli.statistics.descent_theory import predict
from ganinv_cli.store import Results, hdf5, read_results

KEPT_TRIALS = 8
SMALL = 1000  # bytes of a column, above which it is compressed
PACKED = {"compression": "gzip", "shuffle": True, "fletcher32": True}
THINNED = ("z_start", "first/z_found", "curve_loss", "curve_error", "z_snapshots")


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--whole", default="", help=f"Of {', '.join(THINNED)}: columns kept for all trials.")
@click.option("--thin", default="", help="Other columns that are kept only for the first trials.")
@click.option("--figures", help="Names of the stored pictures to keep, with commas [default: all].")
def main(source: Path, destination: Path, whole: str, thin: str, figures: str | None) -> None:
    """Write the copy, and the files beside it."""
    results = read_results(source)
    if not results.complete:
        raise click.ClickException(f"{source} is not finished; run its command to the end first")
    if results.attributes["git"].endswith("dirty"):
        raise click.ClickException(f"{source} was made by a changed tree; run it from a commit")
    config = results.attributes["config"]
    if results.attributes["command"] == "recover" and config["solver"] == "gd" and not whole:
        beside = {"snapshots": count_snapshots(results)} if config["snapshots"] else {}
        if config["batch_norm"] == "frozen":
            beside["theory"] = describe_theory(results)
        for name, values in beside.items():
            text = json.dumps(values, indent=1) + "\n"
            destination.with_suffix(f".{name}.json").write_text(text, "utf-8")
    thinned = {*THINNED, *thin.split(",")} - set(whole.split(","))
    dropped = set(results.figures) - set(figures.split(",")) if figures is not None else set[str]()
    copy_thinned(source, destination, thinned, dropped)
    click.echo(f"{destination}: {destination.stat().st_size:,} bytes")


def copy_thinned(source: Path, destination: Path, thinned: set[str], dropped: set[str]) -> None:
    """Copy groups, columns and attributes of a results file, compressed.

    Columns in `thinned` keep their first trials; groups in `dropped` are left out.
    """
    links: dict[int, h5py.Dataset] = {}  # columns that share an array still share it in the copy

    def copy_group(old: h5py.Group, new: h5py.Group, place: str) -> None:
        new.attrs.update(old.attrs)
        for name, item in old.items():
            address = h5py.h5o.get_info(item.id).addr
            if name in dropped and not place:
                continue
            if isinstance(item, h5py.Group):
                copy_group(item, new.create_group(name), name)
            elif address in links:
                new[name] = links[address]
            else:
                values = item[()]
                if name in thinned or f"{place}/{name}" in thinned:
                    values[KEPT_TRIALS:] = np.nan
                packed = PACKED if values.nbytes > SMALL and values.shape else {}
                links[address] = new.create_dataset(name, data=values, **packed)
                links[address].attrs.update(item.attrs)

    with h5py.File(source, locking=False) as old, h5py.File(destination, "w", libver="v110") as new:
        copy_group(old, new, "")
        names = [name for name in json.loads(old.attrs["figures"]) if name not in dropped]
        new.attrs["figures"] = json.dumps(names)
        hdf5.write_attributes_sum(new)


def count_snapshots(results: Results) -> dict[str, Any]:
    """Return the shares of trials below each ε at each snapshot, by rule.

    `pairs` has McNemar's test of two rules, for each ε and snapshot.
    """
    z = np.asarray(results.groups[""]["z_true"])[:, None]
    errors = {
        rule: np.mean((np.asarray(results.groups[rule]["z_snapshots"]) - z) ** 2, axis=-1)
        for rule in results.attributes["config"]["clip"]
    }  # (trials, snapshots)
    shares = {
        rule: {name: is_recovered(error, e).mean(0).tolist() for name, e in EPSILONS.items()}
        for rule, error in errors.items()
    }
    pairs = {
        f"{first}, {second}": {
            name: [
                mcnemar(one < epsilon, other < epsilon)._asdict()
                for one, other in zip(errors[first].T, errors[second].T, strict=True)
            ]
            for name, epsilon in EPSILONS.items()
        }
        for first, second in combinations(errors, 2)
    }
    gradients = np.asarray(results.constants["snapshot_gradients"]).tolist()
    return {"gradients": gradients, **shares, "pairs": pairs}


def describe_theory(results: Results) -> dict[str, Any]:
    """Return the predictions of theory at the z and starts of the trials.

    The keys are the fields of `Prediction`, and `snapshots`, the shares below each ε at each.
    """
    config = results.attributes["config"]
    checkpoint = find("checkpoint", config["checkpoint"])
    generator = make_generator(read(checkpoint, Conventions(prior=config["prior"])))
    rule = results.groups[config["clip"][0]]
    z, starts = np.asarray(results.groups[""]["z_true"]), np.asarray(rule["z_start"])
    solver = make_solver("gd", config["gd"])
    assert isinstance(solver, GradientDescent)
    schedule = solver.make_schedule(config["budget"], generator.count_values())
    spectrum = measure_at(generator, z, starts[:, None])
    earlier = [schedule._replace(updates=int(updates)) for updates in config["snapshots"]]
    return {
        "snapshots": [predict(*spectrum, each).most for each in earlier],
        **predict(*spectrum, schedule)._asdict(),
    }


if __name__ == "__main__":
    main()
