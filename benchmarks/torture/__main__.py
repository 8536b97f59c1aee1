"""Torture ganinv: mutated files, kills, full disks, closed streams: `make torture`.

python -m benchmarks.torture                        # 3,000 files and 40 kills, 10 minutes
python -m benchmarks.torture --only results --files 300
python -m benchmarks.torture --only invert-1-17     # one case again, by its name
python -m benchmarks.torture --out docs/reliability/torture.json
"""

import time
from pathlib import Path

import click

from .mutated_files import Bench, Case, Judged, build_originals, list_cases, list_subjects
from .parallel import share_cases
from .phases import bench as phases
from .phases.full_disk import can_mount
from .phases.plans import FULL_DISK, PhaseCase, list_phase_cases
from .phases.workloads import list_workloads
from .record import Record
from .workers import prepare_process

BUILD = Path("build/torture")
WORKERS = 2


@click.command()
@click.option("--files", type=int, show_default="3000", help="Number of mutated files.")
@click.option("--kills", type=int, show_default="40", help="Number of kills.")
@click.option("--full", is_flag=True, help="10,000 files and 200 kills.")
@click.option("--seed", default=1, show_default=True, help="Seed for all that is random.")
@click.option("--only", default="", help="Only kinds or cases with this text in their name.")
@click.option("--again", is_flag=True, help="Forget the stored results of this seed.")
@click.option("--workers", default=WORKERS, show_default=True, help="Number of processes.")
@click.option(
    "--failures",
    type=click.Path(path_type=Path),
    default=BUILD / "failures",
    show_default=True,
    help="Folder for the files of failed cases; tests/data/torture makes tests of them.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the table here, for docs/.")
def main(
    files: int | None,
    kills: int | None,
    full: bool,
    seed: int,
    only: str,
    again: bool,
    workers: int,
    failures: Path,
    out: Path | None,
) -> None:
    """Print a table whose columns of faults should be 0 everywhere."""
    record = Record(BUILD / f"torture-{seed}.json", seed, again)
    files = (10_000 if full else 3_000) if files is None else files
    kills = (200 if full else 40) if kills is None else kills
    record.command += f" --files {files} --kills {kills}"
    began = time.monotonic() - record.seconds
    prepare_process((BUILD / "parent").absolute())
    mutated = [each for each in _list_files(only, files, seed) if not record.has(each.name)]
    click.echo(f"seed {seed}: {len(mutated)} mutated files", err=True)
    if mutated:
        _run_files(mutated, record, workers, failures.absolute())
        record.seconds = time.monotonic() - began
    disturbed = [each for each in _list_phases(only, kills, seed) if not record.has(each.name)]
    click.echo(f"{len(disturbed)} disturbed commands", err=True)
    if disturbed:
        _run_phases(disturbed, record, workers)
    record.seconds = time.monotonic() - began
    record.save()
    click.echo(record.format_page())
    if out:
        record.write_summary(out)


def _list_files(only: str, count: int, seed: int) -> list[Case]:
    """Return the cases of mutated files; `only` is a kind, or a part of a case's name."""
    if subjects := list_subjects(only):
        return list_cases(subjects, count, seed)
    return [case for case in list_cases(list_subjects(), count, seed) if only in case.name]


def _list_phases(only: str, kills: int, seed: int) -> list[PhaseCase]:
    cases = list_phase_cases(list_workloads(), kills, seed)
    if not can_mount((BUILD / "mounted").absolute()):
        click.echo(f"{FULL_DISK}: left out, since mounting is not allowed", err=True)
        cases = [case for case in cases if case.phase != FULL_DISK]
    return [case for case in cases if only in case.phase or only in case.name]


def _run_files(cases: list[Case], record: Record, workers: int, failures: Path) -> None:
    originals = (BUILD / "originals").absolute()
    originals.mkdir(parents=True, exist_ok=True)
    build_originals(list({case.subject.name: case.subject for case in cases}.values()), originals)

    def open_bench(number: int) -> Bench:
        return Bench((BUILD / f"worker-{number}").absolute(), originals, failures)

    def work(bench: Bench, case: Case) -> None:
        _add(record, bench.judge(case))

    share_cases(cases, open_bench, work, workers, record.save)


def _run_phases(cases: list[PhaseCase], record: Record, workers: int) -> None:
    originals = (BUILD / "undisturbed").absolute()

    def open_bench(number: int) -> phases.Bench:
        return phases.Bench((BUILD / f"phases-{number}").absolute(), originals)

    workloads = list({case.workload.name: case.workload for case in cases}.values())
    share_cases(workloads, open_bench, phases.Bench.run_undisturbed, 1)

    def work(bench: phases.Bench, case: PhaseCase) -> None:
        _add(record, bench.judge(case))

    share_cases(cases, open_bench, work, workers, record.save)


def _add(record: Record, judged: Judged) -> None:
    record.add(judged)
    if judged.faults:
        last = judged.says.splitlines()[-1:] or [""]
        click.echo(f"{judged.name}: {', '.join(judged.faults)}: {last[0][:160]}")


if __name__ == "__main__":
    main()
