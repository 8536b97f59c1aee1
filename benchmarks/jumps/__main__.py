"""Compute the studies of why a jump helps.

    python -m benchmarks.jumps                       # all studies, in their order, for days
    python -m benchmarks.jumps whole-1 --out FOLDER  # one of them
    python -m benchmarks.jumps --table               # the tables of what is finished so far

Each block of trials is a file in a folder of its study. The same command continues a stopped one,
and computes no block again whose file is there. A study of rates tests only those that its first
trials chose.
"""

import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from benchmarks.jumps.arms import SEED, STUDIES, Study
from benchmarks.jumps.tables import choose_arms, make_sections, read_blocks
from benchmarks.records import format_section
from ganinv_cli.files import open_replacement


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*STUDIES]))
@click.option("--out", default="build/jumps", show_default=True, type=click.Path(path_type=Path))
@click.option("--table", is_flag=True, help="Print the tables of the finished blocks, and stop.")
def main(names: tuple[str, ...], out: Path, table: bool) -> None:
    """Compute these studies, or all."""
    if table:
        for title, rows in make_sections(out).items():
            click.echo(format_section(title, rows))
        return
    from ganinv_cli.engine.devices import configure_tensorflow

    configure_tensorflow(threads=1)
    for name in names or STUDIES:
        compute_study(STUDIES[name], out / name, SEED)


def compute_study(study: Study, folder: Path, seed: int) -> None:
    """Write the file of each block that has none yet."""
    from benchmarks.jumps.descent import run_block
    from ganinv_cli.experiments.provenance import read_git_revision

    folder.mkdir(parents=True, exist_ok=True)
    for first in study.trials[:: study.block]:
        path = folder / f"{first:04}.npz"
        if path.exists():
            continue
        trials = np.arange(first, min(first + study.block, study.trials.stop))
        begin = time.perf_counter()
        arms = study.arms
        if study.tuning and first >= study.trials.start + study.tuning:
            chosen = choose_arms(read_blocks(folder))
            arms = tuple(arm for arm in arms if arm.name in chosen)
        arrays = run_block(replace(study, arms=arms), trials, seed)
        arrays["arms"] = np.array([arm.name for arm in arms])
        arrays |= {"seed": np.array(seed), "git": np.array(read_git_revision())}
        arrays["seconds"] = np.array(time.perf_counter() - begin)
        with open_replacement(path, durable=True) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        click.echo(f"{path}: {arrays['seconds']:.0f} s", err=True)


if __name__ == "__main__":
    main()
