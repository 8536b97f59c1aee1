"""From ten thousand trials to a million: memory, speed, and the time of a commit at the end.

Each size is a run of `ganinv recover` on a tiny generator, and of `ganinv report` on its results,
each in its own process, whose peak memory the system reports. With random weights of this size a
trial takes about 13 gradients, so nearly all of the cost is outside the generator.

    python -m benchmarks.speed.million --out docs/scaling/million.json
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from benchmarks.records import format_page, publish
from benchmarks.tiny import write_checkpoint
from ganinv_cli.cli.options import CommaList

SETTINGS = "[lbfgs]\nmemory = 8\nmetric = 10\n"

# `ganinv`, which also writes the seconds of each commit to the file in the first argument
TIMED_PROGRAM = """
import sys, time
from ganinv_cli.cli import main
from ganinv_cli.store import Run
real = Run.commit
def commit(self, *rows):
    began = time.monotonic()
    real(self, *rows)
    with open(sys.argv[1], "a") as file:
        print(time.monotonic() - began, file=file)
Run.commit = commit
main(sys.argv[2:])
"""


@click.command()
@click.option("--trials", default="10000,100000,1000000", type=CommaList(click.INT))
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(trials: tuple[int, ...], out: Path | None) -> None:
    """Run each size and print a row with its cost."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In another process, because a child's peak memory is never below its parent's.
        shape = {"latent": 6, "widths": (8, 4)}
        writer = get_context("spawn").Process(target=write_checkpoint, args=(folder,), kwargs=shape)
        writer.start()
        writer.join()
        (folder / "settings.toml").write_text(SETTINGS)
        for number in trials:
            rows.append(_measure_run(folder, number))
            click.echo(json.dumps(rows[-1]), err=True)
    about = f"CPU, {os.cpu_count()} cores; a DCGAN of 6 components and 16 × 16 pixels"
    title = "From ten thousand trials to a million"
    publish({"title": title, "about": about, "rows": rows}, format_page, out)


def _measure_run(folder: Path, trials: int) -> dict[str, object]:
    results, seconds = folder / f"{trials}.h5", folder / f"{trials}.txt"
    given = ["--checkpoint", "g", "--config", "settings.toml", "--clip", "stochastic"]
    given += ["--trials", str(trials), "--out", results.name, "-q"]
    took, memory = _run_python(folder, "-c", TIMED_PROGRAM, seconds.name, "recover", *given)
    report_took, report_memory = _run_python(folder, "-m", "ganinv_cli", "report", results.name)
    commits = np.array([float(line) for line in seconds.read_text().split()])
    tenth = max(1, len(commits) // 10)
    size = results.stat().st_size
    results.unlink()
    return {
        "trials": trials,
        "seconds": round(took, 1),
        "trials per second": round(trials / took, 1),
        "peak memory, MB": round(memory),
        "commits": len(commits),
        "a commit at first, ms": round(1e3 * float(np.median(commits[:tenth])), 1),
        "at last, ms": round(1e3 * float(np.median(commits[-tenth:])), 1),
        "file, MB": round(size / 1e6),
        "report, s": round(report_took, 1),
        "its peak memory, MB": round(report_memory),
    }


def _run_python(folder: Path, *arguments: str) -> tuple[float, float]:
    """Run Python to its end; return its seconds and its peak memory in MB, or fail as it does."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"{' '.join(arguments[1:])} failed with status {status}")
    return time.monotonic() - began, used.ru_maxrss / 1e3


if __name__ == "__main__":
    main()
