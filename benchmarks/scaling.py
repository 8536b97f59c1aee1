"""Measure the parallel efficiency of two Ray workers, and the cost of Ray and the driver.

It runs one worker of one thread, then two of them on one cluster. For comparison it runs one and
two plain processes of one thread without Ray, each with its share of the trials: the limit of the
machine. All alternate, and the median of the turns counts. The steady rate is in gradients per
second, from the time when all workers compute until one may run out of trials. The rate of the
whole run, from the start of the first process to the last row, is in trials per second.

    python benchmarks/scaling.py --out docs/scaling/workers.json    # half an hour on two cores
    python benchmarks/scaling.py --trials 100 --turns 1            # 4 minutes, to see it work
"""

import contextlib
import multiprocessing
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from side_by_side.tables import print_table, write_table_page

PROCESS_KINDS = ("worker", "process")  # of Ray, and without it
WARM_UP_SECONDS = 20.0  # from the first event until all workers compute
SPARE_BATCHES = 1.25  # batches left, at which a worker may run out of trials
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Event(NamedTuple):
    """A progress event of a worker or process."""

    clock: float  # seconds, by the machine's clock, the same in every process
    trials: int
    gradients: float  # so far, as in the following fields
    busy: float  # seconds in solvers
    driver: float  # CPU seconds of this process
    ray: float  # CPU seconds of Ray's own processes
    workers: float  # CPU seconds of the workers


@dataclass(frozen=True)
class Setup:
    """One configuration to measure."""

    kind: str
    number: int  # of workers, or of processes
    checkpoint: str
    trials: int  # for each of them
    rows: int  # batch size


class Measurement(NamedTuple):
    """The rates and CPU times of one configuration."""

    steady: float  # gradients per second
    whole: float  # trials per second
    window: float  # seconds that the steady state lasted
    busy: float  # share of it that a worker or process spent in solvers
    efficiency: float  # gradients per CPU second of all processes
    driver: float  # CPU seconds per second; of the process itself without Ray
    ray: float


@click.command()
@click.option("--checkpoint", default="portraits64", show_default=True)
@click.option("--trials", default=300, show_default=True, help="Number of trials per worker.")
@click.option("--rows", default=64, show_default=True, help="Batch size.")
@click.option("--turns", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(checkpoint: str, trials: int, rows: int, turns: int, out: Path | None) -> None:
    """Print the rates of one and two workers, and their ratios."""
    asked = [
        Setup(kind, number, checkpoint, trials, rows) for kind in PROCESS_KINDS for number in (1, 2)
    ]
    found: dict[Setup, list[Measurement]] = {each: [] for each in asked}
    for turn in range(turns):
        for each in asked if turn % 2 == 0 else reversed(asked):
            found[each].append(measure(each))
            click.echo(f"{turn + 1}: {each.number} × {each.kind} {found[each][-1]}", err=True)
    rows_ = [_make_row(each, found[each], found[replace(each, number=1)]) for each in asked]
    about = (
        f"`{' '.join(['python', *sys.argv])}`, {os.cpu_count()} cores, medians of {turns}; of each "
        "worker's or process's trials, and gradients, a second"
    )
    print_table("Two workers beside one", rows_, about, out)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    write_table_page(path)


def _make_row(
    asked: Setup, turns: list[Measurement], alone: list[Measurement]
) -> dict[str, object]:
    middle, one = (
        {of: statistics.median(getattr(turn, of) for turn in some) for of in Measurement._fields}
        for some in (turns, alone)
    )
    row: dict[str, object] = {"": f"{asked.number} × {asked.kind}"}
    for of, name in (("steady", "gradients/s, steady"), ("whole", "trials/s, whole run")):
        row[name] = round(middle[of], 2)
        row[f"{name}: parallel efficiency"] = round(middle[of] / (asked.number * one[of]), 3)
    row["busy"] = round(middle["busy"], 3)
    row["gradients per CPU second"] = round(middle["efficiency"], 1)
    row["CPU of the driver"] = round(middle["driver"], 3)
    row["CPU of Ray"] = round(middle["ray"], 3)
    row["steady for s"] = round(middle["window"], 1)
    return row


def measure(asked: Setup) -> Measurement:
    """Measure one turn, in separate processes."""
    processes = asked.number if asked.kind == "process" else 1
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        began = time.monotonic()
        parts = list(pool.map(_run_trials, [asked] * processes, range(processes)))
    ended = max(events[-1].clock for events in parts)
    trials = asked.number * asked.trials
    low = max(_first_gradient_time(events) for events in parts) + WARM_UP_SECONDS
    left = SPARE_BATCHES * asked.rows * (1 if asked.kind == "process" else asked.number)
    high = min(_last_full_time(events, left) for events in parts)
    if high <= low:
        raise click.UsageError("too few --trials for a steady state")

    def rate(of: str) -> float:
        return sum(_amount_between(events, of, low, high) for events in parts) / (high - low)

    cpu = rate("driver") + rate("ray") + rate("workers")
    return Measurement(
        steady=rate("gradients"),
        whole=trials / (ended - began),
        window=high - low,
        busy=rate("busy") / len(parts),
        efficiency=rate("gradients") / cpu,
        driver=rate("driver"),
        ray=rate("ray"),
    )


def _run_trials(asked: Setup, part: int) -> list[Event]:
    """Run the trials and return the events; a process runs only its part of the trials."""
    from ganinv_cli.engine.tensorflow_start import start_tensorflow

    if asked.kind == "process":
        os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    start_tensorflow()
    from ganinv_cli import formats
    from ganinv_cli.engine.engine import Counts
    from ganinv_cli.engine.loaded_generator import LoadedGenerator
    from ganinv_cli.experiments.recover import make_plan
    from ganinv_cli.experiments.run import open_engine
    from ganinv_cli.experiments.worker import Worker
    from ganinv_cli.jobs import Job
    from ganinv_cli.progress import SILENT
    from ganinv_cli.settings.config import RecoverConfig
    from ganinv_cli.settings.shipped import find

    ray = asked.kind == "worker"
    config = RecoverConfig(
        checkpoint=asked.checkpoint,
        clip=("stochastic",),
        batch_size=asked.rows,
        device="cpu",
        engine="ray" if ray else "local",
        workers=asked.number if ray else 0,
    )
    checkpoint = formats.read(find("checkpoint", asked.checkpoint))
    generator = LoadedGenerator(asked.checkpoint, checkpoint)
    with open_engine(config, generator, SILENT) as engine:
        mixed = engine.machine.precision == "mixed"
        task = Worker(make_plan(config, engine.generator), mixed)
        count = asked.trials * (asked.number if ray else 1)
        jobs = [Job(part * asked.trials + each, rules=("stochastic",)) for each in range(count)]
        events: list[Event] = []
        total = Counts()
        for done in engine.run(task, jobs, threading.Event()):
            total = total.add(done.counts)
            events.append(
                Event(
                    time.monotonic(),
                    total.finished,
                    total.gradients,
                    total.seconds,
                    *_read_cpu_seconds(),
                )
            )
        return events


def _first_gradient_time(events: list[Event]) -> float:
    """Return the time at which computing had begun."""
    return next(event.clock for event in events if event.gradients)


def _last_full_time(events: list[Event], left: float) -> float:
    """Return the time at which at most `left` trials were left."""
    done = [event.trials for event in events]
    return events[int(np.searchsorted(done, done[-1] - left))].clock


def _amount_between(events: list[Event], quantity: str, low: float, high: float) -> float:
    """Return the increase of a quantity between two times."""
    at = [event.clock for event in events]
    amounts = [getattr(event, quantity) for event in events]
    return float(np.diff(np.interp([low, high], at, amounts))[0])


def _read_cpu_seconds() -> tuple[float, float, float]:
    """Return CPU seconds of this process, of Ray's own child processes, and of workers."""
    parents, used, working = {}, {}, set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, _, rest = (folder / "stat").read_text().rpartition(")")
            values = rest.split()
            parents[int(folder.name)] = int(values[1])
            used[int(folder.name)] = (int(values[11]) + int(values[12])) / CLOCK_TICKS
            if "(ray::Worker" in name:
                working.add(int(folder.name))
    level, below = {os.getpid()}, set[int]()
    while level := {child for child, parent in parents.items() if parent in level}:
        below |= level
    ray, workers = (
        sum(used.get(each, 0.0) for each in some) for some in (below - working, below & working)
    )
    return time.process_time(), ray, workers


if __name__ == "__main__":
    main()
