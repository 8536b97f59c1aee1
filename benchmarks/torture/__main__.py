"""Torture ganinv: kills, full disks, mutated files: `make torture`.

python -m benchmarks.torture                                  # all of them
python -m benchmarks.torture --kills 40 --disks 10 --files 0  # is anything lost that was committed?
python -m benchmarks.torture --only invert-1-17               # one case again, by its name
python -m benchmarks.torture --out docs/reliability/torture.json
"""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import click

from benchmarks.pages import publish
from benchmarks.torture import disturbed
from benchmarks.torture.faults import Judged, format_page, summarize_cases
from benchmarks.torture.mutated import judge_mutated
from benchmarks.torture.subjects import list_subjects, list_workloads

BUILD = Path("build/torture").absolute()
Case = tuple[str, Callable[[Path], Judged]]  # its name, and the work in a folder


@click.command()
@click.option("--kills", default=40, show_default=True, help="Number of kills.")
@click.option("--disks", default=10, show_default=True, help="Number of full disks.")
@click.option("--files", default=1000, show_default=True, help="Number of mutated files.")
@click.option("--seed", default=1, show_default=True, help="Seed for all that is random.")
@click.option("--only", default="", help="Only cases with this text in their name.")
@click.option("--workers", default=2, show_default=True, help="Number of processes.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table here, for docs/.")
def main(
    kills: int,
    disks: int,
    files: int,
    seed: int,
    only: str,
    workers: int,
    out: Path | None,
) -> None:
    """Print each case with a fault or a disturbance, and a table of faults, which should be 0."""
    began = time.monotonic()
    counts = {disturbed.KILL: kills, disturbed.FULL_DISK: disks}
    if disks and not disturbed.can_mount(BUILD / "mounted"):
        click.echo("full disks are left out, since mounting is not allowed", err=True)
        counts[disturbed.FULL_DISK] = 0
    judged = []
    for cases in (list_disturbed(counts, seed, only), list_mutated(files, seed, only)):
        for each in _share(list(cases), workers):
            judged.append(each)
            if each.faults or each.kind in counts:
                faults = ", ".join(each.faults) or "ok"
                click.echo(f"{each.name}: {faults}: {each.what}: {each.says}")
    publish(summarize_cases(judged, time.monotonic() - began), format_page, out)


def list_disturbed(counts: dict[str, int], seed: int, only: str = "") -> Iterator[Case]:
    """Yield so many cases of each phase; workloads take turns, those with results two each."""
    turns = [each for each in list_workloads() for _ in range(2 if each.results else 1)]
    for phase, count in counts.items():
        for number, workload in enumerate(itertools.islice(itertools.cycle(turns), count)):
            name = f"{phase.replace(' -', '-').replace(' ', '-')}-{workload.name}-{seed}-{number}"
            if only in name:
                original = BUILD / "undisturbed" / workload.name
                disturbed.run_undisturbed(workload, original)
                yield name, partial(disturbed.judge_disturbed, workload, phase, name, original)


def list_mutated(count: int, seed: int, only: str = "") -> Iterator[Case]:
    """Yield cases; subjects take turns, results files four times as often."""
    turns = [each for each in list_subjects() for _ in range(4 if "results" in each.kind else 1)]
    for number, subject in enumerate(itertools.islice(itertools.cycle(turns), count)):
        name, originals = f"{subject.name}-{seed}-{number}", BUILD / "originals"
        if only in name:
            if not (originals / subject.name).exists():
                unfinished = originals / f"{subject.name}.unfinished"
                unfinished.mkdir(parents=True)
                subject.build(unfinished)
                unfinished.rename(originals / subject.name)
            yield name, partial(judge_mutated, subject, name, originals)


def _share(cases: list[Case], workers: int) -> Iterator[Judged]:
    """Yield the judged cases, each in a folder that it has alone."""
    folders: SimpleQueue[Path] = SimpleQueue()
    for number in range(workers):
        folders.put(BUILD / f"worker-{number}")

    def work(case: Case) -> Judged:
        folder = folders.get()
        try:
            return case[1](folder)
        finally:
            folders.put(folder)

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(work, cases)


if __name__ == "__main__":
    main()
