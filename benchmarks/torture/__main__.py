"""Torture ganinv: kills, full disks, changed bytes of files: `make torture`.

python -m benchmarks.torture                                  # all of them
python -m benchmarks.torture --kills 40 --disks 10 --files 0  # is anything lost that was committed?
python -m benchmarks.torture --only invert-1-17               # one case again, by its name
python -m benchmarks.torture --only block-invert              # every block of two logs of invert
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.records import format_section
from benchmarks.torture.disturbed import (
    CHANGED_LOG,
    DAMAGED_BLOCK,
    FULL_DISK,
    JUDGES,
    KILL,
    can_mount,
    judge_damaged_block,
    keep_log,
    run_undisturbed,
)
from benchmarks.torture.faults import Judged
from benchmarks.torture.mutated import judge_mutated
from benchmarks.torture.subjects import WORKLOADS, list_subjects, write_originals

WORKERS = 2  # commands that run at the same time
Case = Callable[[Path], Judged]  # works in a folder


@click.command()
@click.option("--kills", default=40, show_default=True, help="Number of kills.")
@click.option("--disks", default=10, show_default=True, help="Number of full disks.")
@click.option("--logs", default=10, show_default=True, help="Number of logs changed during a run.")
@click.option(
    "--blocks/--no-blocks",
    default=True,
    show_default=True,
    help="Damage each block of two logs of invert in turn.",
)
@click.option("--files", default=1000, show_default=True, help="Number of files with other bytes.")
@click.option("--seed", default=1, show_default=True, help="Seed for all that is random.")
@click.option("--only", default="", help="Only cases with this text in their name.")
def main(kills: int, disks: int, logs: int, blocks: bool, files: int, seed: int, only: str) -> None:
    """Print each case with a fault or a disturbance, and a table of faults, which should be 0."""
    judged = []
    with TemporaryDirectory() as name, ThreadPoolExecutor(WORKERS) as pool:
        folder = Path(name)
        if disks and not can_mount(folder / "mounted"):
            click.echo("full disks are left out, since mounting is not allowed", err=True)
            disks = 0
        cases = itertools.chain(
            list_disturbed({KILL: kills, FULL_DISK: disks, CHANGED_LOG: logs}, seed, only, folder),
            list_damaged(seed, only, folder / "blocks") if blocks else (),
            list_mutated(files, seed, only, folder),
        )
        for each in pool.map(_work, cases):
            judged.append(each)
            if each.faults or each.kind in {*JUDGES, DAMAGED_BLOCK}:
                click.echo(f"{each.name}: {', '.join(each.faults) or 'ok'}: {each.says}")
    rows = []
    for kind in dict.fromkeys(case.kind for case in judged):
        some = [case for case in judged if case.kind == kind]
        ended, faults = sum(not case.status for case in some), sum(bool(x.faults) for x in some)
        rows.append({"": kind, "cases": len(some), "exit 0": ended, "faults": faults})
    click.echo(format_section("Torture", rows))


def list_disturbed(counts: dict[str, int], seed: int, only: str, folder: Path) -> Iterator[Case]:
    """Yield so many cases of each kind; workloads take turns."""
    run = cache(lambda workload: run_undisturbed(workload, folder / workload.name))
    for kind, count in counts.items():
        workloads = [each for each in WORKLOADS if each.results or kind != CHANGED_LOG]
        for number, workload in enumerate(itertools.islice(itertools.cycle(workloads), count)):
            name = f"{kind.replace(' ', '-')}-{workload.name}-{seed}-{number}"
            if only in name:
                yield partial(JUDGES[kind], run(workload), name)


def list_damaged(seed: int, only: str, folder: Path) -> Iterator[Case]:
    """Yield a case for each block of the log of each `invert`."""
    for workload in WORKLOADS:
        name = f"block-{workload.name}-{seed}"
        if workload.arguments[0] == "invert" and (only in name or only.startswith(name)):
            undisturbed = run_undisturbed(workload, folder / workload.name)
            kept, starts = keep_log(undisturbed, folder / workload.name)
            for number, block in enumerate(itertools.pairwise(starts)):
                if only in f"{name}-{number}":
                    yield partial(judge_damaged_block, undisturbed, kept, block, f"{name}-{number}")


def list_mutated(count: int, seed: int, only: str, folder: Path) -> Iterator[Case]:
    """Yield cases; subjects take turns."""
    original = folder / "originals"
    for number, subject in enumerate(itertools.islice(itertools.cycle(list_subjects()), count)):
        name = f"{subject.name}-{seed}-{number}"
        if only in name:
            if not original.exists():
                write_originals(original)
            yield partial(judge_mutated, subject, name, original)


def _work(case: Case) -> Judged:
    with TemporaryDirectory() as folder:
        return case(Path(folder))


if __name__ == "__main__":
    main()
