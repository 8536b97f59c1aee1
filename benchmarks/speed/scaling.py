"""Measure the parallel efficiency of two Ray workers.

It runs `ganinv recover` with one worker of one thread, then with two of them on one cluster. For
comparison it runs one and two processes of one thread without Ray, each with its shard of the
trials: the limit of the machine. All alternate, and the median of the turns counts. Gradients per
second are those of one worker or process while its solver runs, times their number. The rate of the
whole run, from the start of the first process to the end of the last, is in trials per second.

    python -m benchmarks.speed.scaling --out docs/scaling/workers.json   # an hour on two cores
    python -m benchmarks.speed.scaling --trials 64 --turns 1             # to see it work
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import click

from benchmarks.records import describe_command, format_page, publish
from ganinv_cli.report import summarize
from ganinv_cli.store import read_results

ONE_THREAD = {f"TF_NUM_{kind}_THREADS": "1" for kind in ("INTRAOP", "INTEROP")}


@dataclass(frozen=True)
class Setup:
    """One configuration to measure."""

    kind: str  # worker: of Ray; process: without it
    number: int  # of workers, or of processes
    options: tuple[str, ...]  # of `ganinv recover`
    trials: int  # for each of them


class Measurement(NamedTuple):
    """The rates of one configuration."""

    solving: float  # gradients per second
    whole: float  # trials per second


@click.command()
@click.option("--checkpoint", default="portraits64", show_default=True)
@click.option("--trials", default=300, show_default=True, help="Number of trials per worker.")
@click.option("--rows", default=64, show_default=True, help="Batch size.")
@click.option("--turns", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(checkpoint: str, trials: int, rows: int, turns: int, out: Path | None) -> None:
    """Print the rates of one and two workers, and their ratios."""
    options = ("--checkpoint", checkpoint, "--batch-size", str(rows))
    setups = [
        Setup(kind, number, options, trials) for kind in ("worker", "process") for number in (1, 2)
    ]
    measured: dict[Setup, list[Measurement]] = {setup: [] for setup in setups}
    for turn in range(turns):
        for setup in setups if turn % 2 == 0 else reversed(setups):
            measured[setup].append(_measure(setup))
            click.echo(f"{setup.number} × {setup.kind} {measured[setup][-1]}", err=True)
    table = [
        make_row(setup, measured[setup], measured[replace(setup, number=1)]) for setup in setups
    ]
    about = f"`{describe_command()}`, {os.cpu_count()} cores, medians of {turns}"
    publish({"title": "Two workers beside one", "about": about, "rows": table}, format_page, out)


def make_row(
    setup: Setup, turns: Sequence[Measurement], alone: Sequence[Measurement]
) -> dict[str, object]:
    """Return the medians of a configuration's turns, beside those of one worker or process."""
    row: dict[str, object] = {"": f"{setup.number} × {setup.kind}"}
    for name, field in (("gradients/s, solving", "solving"), ("trials/s, whole run", "whole")):
        rate, one = (
            statistics.median(getattr(turn, field) for turn in some) for some in (turns, alone)
        )
        row[name] = round(rate, 2)
        row[f"{name}: parallel efficiency"] = round(rate / (setup.number * one), 3)
    return row


def _measure(setup: Setup) -> Measurement:
    """Run the processes of one turn at once, and return the rates."""
    ray = ("--engine", "ray", "--workers", str(setup.number))
    parts = [(f"--shard={part}/{setup.number}",) for part in range(1, setup.number + 1)]
    calls = [ray] if setup.kind == "worker" else parts
    trials = setup.trials * setup.number
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.h5") for number in range(len(calls))]
        began = time.monotonic()
        running = [
            _start_recover(*setup.options, "--trials", str(trials), *call, "--out", str(file))
            for call, file in zip(calls, files, strict=True)
        ]
        statuses = [process.wait() for process in running]
        if any(statuses):
            raise click.ClickException("ganinv recover failed")
        whole = trials / (time.monotonic() - began)
        rows = [summarize(read_results(file), "").tables["table1"][0] for file in files]
    rate = statistics.mean(row["gradients"] / row["seconds"] for row in rows)
    return Measurement(setup.number * rate, whole)


def _start_recover(*options: str) -> "subprocess.Popen[bytes]":
    command = (sys.executable, "-m", "ganinv_cli", "recover", "--clip", "stochastic", "--quiet")
    return subprocess.Popen(
        [*command, "--device", "cpu", *options],
        env=os.environ | ONE_THREAD,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
