"""Torture ganinv: mutated files, kills, full disks, closed streams: `make torture`.

python -m benchmarks.torture                        # 3,000 files and 40 kills, 40 minutes
python -m benchmarks.torture --only results --files 300
python -m benchmarks.torture --only invert-1-17     # one case again, by its name
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

import click

from .mutated_files import Bench, Case, Judged, build_originals, list_cases, list_subjects
from .record import Record
from .workers import Worker, prepare_process

BUILD = Path("build/torture")
WORKERS = 2


@click.command()
@click.option("--files", type=int, show_default="3000", help="Number of mutated files.")
@click.option("--full", is_flag=True, help="10,000 files and 200 kills.")
@click.option("--seed", default=1, show_default=True, help="Seed for all mutations.")
@click.option("--only", default="", help="Only subjects or phases with this text in their name.")
@click.option("--again", is_flag=True, help="Forget the stored results of this seed.")
def main(files: int | None, full: bool, seed: int, only: str, again: bool) -> None:
    """Print a table whose columns of faults should be 0 everywhere."""
    record = Record(BUILD / f"torture-{seed}.json", seed, again)
    subjects = list_subjects(only)
    count = files or (10_000 if full else 3_000)
    cases = [case for case in list_cases(subjects, count, seed) if not record.has(case.name)]
    click.echo(f"seed {seed}: {len(cases)} mutated files of {len(subjects)} kinds", err=True)
    if cases:
        _run_cases(cases, record)
    record.save()
    click.echo(record.format_table())


def _run_cases(cases: list[Case], record: Record) -> None:
    originals, failures = (BUILD / "originals").absolute(), (BUILD / "failures").absolute()
    originals.mkdir(parents=True, exist_ok=True)
    prepare_process((BUILD / "parent").absolute())
    build_originals(list({case.subject.name: case.subject for case in cases}.values()), originals)
    queue: SimpleQueue[Case] = SimpleQueue()
    for case in cases:
        queue.put(case)
    errors: list[BaseException] = []
    threads = []
    for number in range(WORKERS):
        folder = (BUILD / f"worker-{number}").absolute()
        bench, worker = Bench(folder, originals, failures), Worker(folder)
        work = _make_work(queue, bench, worker, record.add, errors)
        threads.append(threading.Thread(target=work))
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)
        record.save()
    if errors:
        raise errors[0]


def _make_work(
    queue: "SimpleQueue[Case]",
    bench: Bench,
    worker: Worker,
    add: Callable[[Judged], None],
    errors: list[BaseException],
) -> Callable[[], None]:
    def work() -> None:
        try:
            while not errors:
                judged = bench.judge(queue.get_nowait(), worker.run)
                add(judged)
                if judged.faults:
                    last = judged.says.splitlines()[-1:] or [""]
                    click.echo(f"{judged.name}: {', '.join(judged.faults)}: {last[0][:160]}")
        except Empty:
            pass
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            worker.close()

    return work


if __name__ == "__main__":
    main()
