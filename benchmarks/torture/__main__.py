"""Torture ganinv: kills, full disks, mutated files: `make torture`.

python -m benchmarks.torture                                  # all of them
python -m benchmarks.torture --kills 40 --disks 10 --files 0  # is anything lost that was committed?
python -m benchmarks.torture --only invert-1-17               # one case again, by its name
python -m benchmarks.torture --out docs/reliability/torture.json
"""

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.records import format_page, publish
from benchmarks.torture import disturbed
from benchmarks.torture.faults import Judged, summarize_cases
from benchmarks.torture.mutated import judge_mutated
from benchmarks.torture.mutations import edit_hdf5
from benchmarks.torture.subjects import WORKLOADS, list_subjects, write_originals
from ganinv_cli.experiments.provenance import read_git_revision

BUILD = Path("build/torture").absolute()
MADE = BUILD / read_git_revision()  # what the cases are compared with; of changed code made anew
Case = Callable[[Path], Judged]  # works in a folder


@click.command()
@click.option("--kills", default=40, show_default=True, help="Number of kills.")
@click.option("--disks", default=10, show_default=True, help="Number of full disks.")
@click.option("--files", default=1000, show_default=True, help="Number of mutated files.")
@click.option("--seed", default=1, show_default=True, help="Seed for all that is random.")
@click.option("--only", default="", help="Only cases with this text in their name.")
@click.option("--workers", default=2, show_default=True, help="Number of processes.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table here, for docs/.")
def main(
    kills: int, disks: int, files: int, seed: int, only: str, workers: int, out: Path | None
) -> None:
    """Print each case with a fault or a disturbance, and a table of faults, which should be 0."""
    BUILD.mkdir(parents=True, exist_ok=True)
    if MADE.name.endswith("dirty") and not only:
        shutil.rmtree(MADE, ignore_errors=True)
    began = time.monotonic()
    counts = {disturbed.KILL: kills, disturbed.FULL_DISK: disks}
    if disks and not disturbed.can_mount(BUILD / "mounted"):
        click.echo("full disks are left out, since mounting is not allowed", err=True)
        counts[disturbed.FULL_DISK] = 0
    judged = []
    cases = itertools.chain(list_disturbed(counts, seed, only), list_mutated(files, seed, only))
    with ThreadPoolExecutor(workers) as pool:
        for each in pool.map(_work, cases):
            judged.append(each)
            if each.faults or each.kind in counts:
                faults = ", ".join(each.faults) or "ok"
                click.echo(f"{each.name}: {faults}: {each.what}: {each.says}")
    publish(summarize_cases(judged, time.monotonic() - began), format_page, out)


def list_disturbed(counts: dict[str, int], seed: int, only: str = "") -> Iterator[Case]:
    """Yield so many cases of each phase; workloads take turns, those with results two each."""
    turns = [each for each in WORKLOADS for _ in range(2 if each.results else 1)]
    for phase, count in counts.items():
        for number, workload in enumerate(itertools.islice(itertools.cycle(turns), count)):
            name = f"{phase.replace(' -', '-').replace(' ', '-')}-{workload.name}-{seed}-{number}"
            if only in name:
                original = MADE / "undisturbed" / workload.name
                disturbed.run_undisturbed(workload, original)
                yield partial(disturbed.JUDGES[phase], workload, name, original)


def list_mutated(count: int, seed: int, only: str = "") -> Iterator[Case]:
    """Yield cases; subjects take turns, results files twice as often."""
    originals = MADE / "originals"
    if count and not (originals / "invert.h5").exists():  # the last that is written
        shutil.rmtree(originals, ignore_errors=True)
        originals.mkdir(parents=True)
        write_originals(originals)
    turns = [each for each in list_subjects() for _ in range(2 if each.edit is edit_hdf5 else 1)]
    for number, subject in enumerate(itertools.islice(itertools.cycle(turns), count)):
        name = f"{subject.name}-{seed}-{number}"
        if only in name:
            yield partial(judge_mutated, subject, name, originals)


def _work(case: Case) -> Judged:
    with TemporaryDirectory(dir=BUILD) as folder:
        return case(Path(folder))


if __name__ == "__main__":
    main()
