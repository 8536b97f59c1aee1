"""From ten thousand trials to a million: memory, speed, and the time of a commit at the end.

Each size is a run of `ganinv recover` on a tiny generator, and of `ganinv report` on its results,
each in its own process, whose peak memory the system reports. With random weights of this size a
trial takes about 13 gradients, so nearly all of the cost is outside the generator.

    python benchmarks/million.py --out docs/scaling/million.json
"""

import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from side_by_side.tables import print_table, write_table_page

from ganinv_cli.cli.options import CommaList

SETTINGS = "[lbfgs]\nmemory = 8\nmetric = 10\n"
TITLE = "From ten thousand trials to a million"

# `ganinv`, which also writes the seconds of each commit to the file in the first argument
TIMED_PROGRAM = """
import sys
import time
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


class CommandCost(NamedTuple):
    """The cost of one command."""

    seconds: float
    peak_memory: float  # MB


@click.command()
@click.option("--trials", default="10000,100000,1000000", type=CommaList(click.INT))
@click.option("--batch-size", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(trials: tuple[int, ...], batch_size: str, out: Path | None) -> None:
    """Run each size and print a row with its cost."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spawn = multiprocessing.get_context("spawn")  # a child's peak is never below its parent's
        with ProcessPoolExecutor(1, spawn) as pool:
            device = pool.submit(_write_generator, folder / "tiny").result()
        (folder / "settings.toml").write_text(SETTINGS)
        for number in trials:
            rows.append(_measure_run(folder, number, batch_size))
            click.echo(json.dumps(rows[-1]), err=True)
    about = f"{device}; a DCGAN of 6 components and 16 × 16 pixels"
    print_table(TITLE, rows, about, out)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    write_table_page(path)


def _measure_run(folder: Path, trials: int, batch_size: str) -> dict[str, object]:
    results, seconds = folder / f"{trials}.h5", folder / f"{trials}.txt"
    given = ["--checkpoint", "tiny", "--config", "settings.toml", "--clip", "stochastic"]
    given += ["--trials", str(trials), "--batch-size", batch_size, "--out", results.name, "-q"]
    run = _run_command(
        folder, [sys.executable, "-c", TIMED_PROGRAM, seconds.name, "recover", *given]
    )
    report = _run_command(folder, [sys.executable, "-m", "ganinv_cli", "report", results.name])
    commits = np.array([float(line) for line in seconds.read_text().split()])
    tenth = max(1, len(commits) // 10)
    size = results.stat().st_size
    results.unlink()
    return {
        "trials": trials,
        "seconds": round(run.seconds, 1),
        "trials per second": round(trials / run.seconds, 1),
        "peak memory, MB": round(run.peak_memory),
        "commits": len(commits),
        "a commit at first, ms": round(1e3 * float(np.median(commits[:tenth])), 1),
        "at last, ms": round(1e3 * float(np.median(commits[-tenth:])), 1),
        "file, MB": round(size / 1e6),
        "report, s": round(report.seconds, 1),
        "its peak memory, MB": round(report.peak_memory),
    }


def _run_command(folder: Path, command: list[str]) -> CommandCost:
    """Run a command to its end and return its cost; fail if the command fails."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"{' '.join(command[2:])} failed with status {status}")
    return CommandCost(time.monotonic() - began, used.ru_maxrss / 1e3)


def _write_generator(folder: Path) -> str:
    """Write random weights in the layout of the shipped checkpoint; return the device's name."""
    from ganinv_cli.engine.devices import find_devices
    from ganinv_cli.formats.tensorflow.checkpoint_files import write_checkpoint

    random = np.random.default_rng(0)
    latent, side, widths = 6, 4, (8, 4, 3)
    arrays = {
        "g_h0_lin/Matrix": random.normal(0, 0.5, (latent, side * side * widths[0])),
        "g_h0_lin/bias": random.normal(0, 0.1, side * side * widths[0]),
    }
    for number, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        arrays |= {
            f"g_bn{number}/gamma": random.uniform(0.5, 1.5, inputs),
            f"g_bn{number}/beta": random.normal(0, 0.2, inputs),
            f"g_bn{number}/moving_mean": random.normal(0, 0.2, inputs),
            f"g_bn{number}/moving_variance": random.uniform(0.3, 2, inputs),
            f"g_h{number + 1}/w": random.normal(
                0, 1 / np.sqrt(inputs * 25 / 4), (5, 5, outputs, inputs)
            ),
            f"g_h{number + 1}/biases": random.normal(0, 0.1, outputs),
        }
    named = {f"generator/{name}": array.astype(np.float32) for name, array in arrays.items()}
    write_checkpoint(folder / "DCGAN.model-0", named)
    return find_devices("cpu")[0].description


if __name__ == "__main__":
    main()
