"""Torture ganinv: kills, full disks, and logs that change during a run: `make torture`.

python -m benchmarks.torture                                  # all of them
python -m benchmarks.torture --kills 40 --disks 0 --logs 0    # is anything lost that was committed?
python -m benchmarks.torture --only kill-9-invert-1-17        # one case again, by its name
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.records import format_section
from benchmarks.torture.disturbed import (
    CHANGED_LOG,
    FULL_DISK,
    KILL,
    Case,
    can_mount,
    judge,
    run_undisturbed,
)
from benchmarks.torture.workloads import WORKLOADS

WORKERS = 2  # commands that run at the same time


@click.command()
@click.option("--kills", default=40, show_default=True, help="Number of kills.")
@click.option("--disks", default=10, show_default=True, help="Number of full disks.")
@click.option("--logs", default=10, show_default=True, help="Number of logs changed during a run.")
@click.option("--seed", default=1, show_default=True, help="Seed for all that is random.")
@click.option("--only", default="", help="Only cases with this text in their name.")
def main(kills: int, disks: int, logs: int, seed: int, only: str) -> None:
    """Print each case, and a table of faults, which should be 0."""
    judged = []
    with TemporaryDirectory() as name, ThreadPoolExecutor(WORKERS) as pool:
        folder = Path(name)
        if disks and not can_mount(folder / "mounted"):
            click.echo("full disks are left out, since mounting is not allowed", err=True)
            disks = 0
        cases = list_cases({KILL: kills, FULL_DISK: disks, CHANGED_LOG: logs}, seed, only, folder)
        for each in pool.map(judge, cases):
            judged.append(each)
            click.echo(f"{each.name}: {', '.join(sorted(each.faults)) or 'ok'}: {each.says}")
    rows = []
    for kind in dict.fromkeys(case.kind for case in judged):
        faults = [bool(case.faults) for case in judged if case.kind == kind]
        rows.append({"": kind, "cases": len(faults), "faults": sum(faults)})
    click.echo(format_section("Torture", rows))


def list_cases(counts: dict[str, int], seed: int, only: str, folder: Path) -> Iterator[Case]:
    """Yield so many cases of each kind; workloads take turns."""
    run = cache(lambda workload: run_undisturbed(workload, folder / workload.name))
    for kind, count in counts.items():
        workloads = [each for each in WORKLOADS if each.results or kind != CHANGED_LOG]
        for number, workload in enumerate(itertools.islice(itertools.cycle(workloads), count)):
            name = f"{kind.replace(' ', '-')}-{workload.name}-{seed}-{number}"
            if only in name:
                yield Case(name, kind, run(workload))


if __name__ == "__main__":
    main()
