"""Torture ganinv: kills, full disks, signals, closed streams, mutated files: `make torture`.

python -m benchmarks.torture                                  # all of them
python -m benchmarks.torture --kills 40 --disks 10 --files 0  # is anything lost that was committed?
python -m benchmarks.torture --only invert-1-17               # one case again, by its name
python -m benchmarks.torture --out docs/reliability/torture.json
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import click

from . import disturbances, mutated
from .disturbed import DisturbedBench, can_mount
from .faults import Judged
from .record import format_page, summarize, write_summary
from .subjects import list_subjects
from .workloads import list_workloads, make_descent

BUILD = Path("build/torture").absolute()
DESCENT_SHARES = (0.6, 0.75, 0.9)  # when descents are killed, as shares of their time

Case = TypeVar("Case")
Bench = TypeVar("Bench", DisturbedBench, mutated.MutatedBench)


@click.command()
@click.option("--kills", default=40, show_default=True, help="Number of kills.")
@click.option("--disks", default=10, show_default=True, help="Number of full disks.")
@click.option("--signals", default=12, show_default=True, help="Number of each of three signals.")
@click.option("--streams", default=16, show_default=True, help="Number of closed streams.")
@click.option("--descents", default=1, show_default=True, help="Number of killed long descents.")
@click.option("--files", default=1000, show_default=True, help="Number of mutated files.")
@click.option("--seed", default=1, show_default=True, help="Seed for all that is random.")
@click.option("--only", default="", help="Only cases with this text in their name.")
@click.option("--workers", default=2, show_default=True, help="Number of processes.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table here, for docs/.")
def main(
    kills: int,
    disks: int,
    signals: int,
    streams: int,
    descents: int,
    files: int,
    seed: int,
    only: str,
    workers: int,
    out: Path | None,
) -> None:
    """Print each case with a fault or a disturbance, and a table of faults, which should be 0."""
    began, judged = time.monotonic(), list[Judged]()
    counts = {disturbances.KILL: kills, disturbances.FULL_DISK: disks, "SIGINT": signals}
    counts |= {"SIGTERM": signals, "SIGHUP": signals, disturbances.STREAMS: streams}
    if disks and not can_mount(BUILD / "mounted"):
        click.echo("full disks are left out, since mounting is not allowed", err=True)
        del counts[disturbances.FULL_DISK]
    cases = disturbances.list_cases(list_workloads(), counts, seed)
    cases = [case for case in cases if only in case.name]
    shares = [share for share in DESCENT_SHARES[:descents] if only in "descent"]
    mutations = mutated.list_cases(list_subjects(), files, seed)
    mutations = [case for case in mutations if only in case.name]

    def open_disturbed(number: int) -> DisturbedBench:
        return DisturbedBench(BUILD / f"disturbed-{number}", BUILD / "undisturbed")

    def open_mutated(number: int) -> mutated.MutatedBench:
        folder = BUILD / f"mutated-{number}"
        return mutated.MutatedBench(folder, BUILD / "originals", BUILD / "failures")

    def tell(case: Judged) -> None:
        judged.append(case)
        if case.faults or case.kind in counts or "descent" in case.kind:
            click.echo(f"{case.name}: {', '.join(case.faults) or 'ok'}: {case.what}: {case.says}")

    workloads = list({case.workload.name: case.workload for case in cases}.values())
    workloads += [make_descent()] if shares else []
    _share(
        workloads, open_disturbed, DisturbedBench.run_undisturbed, workers=1
    )  # it changes folders
    _share(cases, open_disturbed, lambda bench, case: tell(bench.judge(case)), workers)
    _share(
        shares,
        open_disturbed,
        lambda bench, share: tell(bench.judge_descent(make_descent(), share, seed)),
        workers,
    )
    (BUILD / "originals").mkdir(parents=True, exist_ok=True)
    subjects = list({case.subject.name: case.subject for case in mutations}.values())
    mutated.build_originals(subjects, BUILD / "originals")
    _share(mutations, open_mutated, lambda bench, case: tell(bench.judge(case)), workers)

    command = " ".join(["python -m benchmarks.torture", *sys.argv[1:]])
    summary = summarize(judged, command, time.monotonic() - began)
    click.echo(format_page(summary))
    if out:
        write_summary(summary, out)


def _share(
    cases: Sequence[Case],
    open_bench: Callable[[int], Bench],
    work: Callable[[Bench, Case], None],
    workers: int,
) -> None:
    """Call `work` for each case, in threads that drive a process each, and raise their errors."""

    def work_through(number: int) -> None:
        with closing(open_bench(number)) as bench:
            for case in cases[number::workers]:
                work(bench, case)

    workers = min(workers, len(cases))
    with ThreadPoolExecutor(max(1, workers)) as pool:
        list(pool.map(work_through, range(workers)))


if __name__ == "__main__":
    main()
