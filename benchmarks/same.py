"""Run the same trials in different ways: one device, several, Ray, shards, killed and resumed.

Each way is compared with one device: the outcomes, and z of every trial that converged in both.

    python benchmarks/same.py --trials 200 --out docs/scaling/same.json
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from side_by_side.tables import print_table, write_table_page

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import Results, read_results

TITLE = "The same trials, run in different ways"
RULES = ("none", "standard", "stochastic")
SHARDS = 4
Z_TOLERANCE = 1e-3  # of any component of z

# `ganinv` with three logical devices on one CPU
THREE_DEVICES_PROGRAM = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
from ganinv_cli.cli import main
main(sys.argv[1:])
"""

Way = Callable[[list[str], Path], None]  # runs a command that writes a results file


@click.command()
@click.option("--trials", default=200, show_default=True)
@click.option("--checkpoint", default="checkpoints/portraits64", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(trials: int, checkpoint: str, out: Path | None) -> None:
    """Print the differences of each way's results from one device."""
    from ganinv_cli.engine.devices import find_devices  # loads TensorFlow

    found = Path(checkpoint).absolute()
    given = ["recover", "--trials", str(trials), "--clip", ",".join(RULES), "--quiet"]
    given += ["--checkpoint", str(found) if found.exists() else checkpoint]
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run_on_one_device(given, folder / "alone.h5")
        reference = read_results(folder / "alone.h5")
        for words, way in WAYS.items():
            file = folder / f"{len(rows)}.h5"
            began = time.monotonic()
            way(given, file)
            rows.append(_compare_results(words, reference, read_results(file), trials))
            click.echo(f"{rows[-1]}, {time.monotonic() - began:.0f} s", err=True)
    about = (
        f"{find_devices('cpu')[0].description}; checkpoint {checkpoint}, {trials} trials per "
        "clipping rule"
    )
    print_table(TITLE, rows, about, out)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    write_table_page(path)


def _compare_results(words: str, one: Results, other: Results, trials: int) -> dict[str, object]:
    """Return a row of the table, over all rules; fail if a trial is missing."""
    equal = both = within = count = 0
    farthest = 0.0
    for rule in RULES:
        rows, others = one.groups[rule], other.groups[rule]
        if others["trial"].tolist() != list(range(trials)):
            raise click.ClickException(f"{words}: {rule} has not every trial once")
        count += trials
        equal += int((rows["outcome"] == others["outcome"]).sum())
        done = (rows["outcome"] == Outcome.converged) & (others["outcome"] == Outcome.converged)
        away = np.abs(rows["z_found"][done] - others["z_found"][done]).max(1)
        both, within = both + int(done.sum()), within + int((away < Z_TOLERANCE).sum())
        farthest = max(farthest, float(away.max(initial=0)))
    return {
        "beside one device": words,
        "each trial once": True,
        "same outcome": f"{equal:,} of {count:,}",
        f"z within {Z_TOLERANCE:g}, of those that converged": f"{within:,} of {both:,}",
        "largest difference": f"{farthest:.1e}",
    }


def _run_ganinv(*given: object, program: str = "from ganinv_cli.cli import main; main()") -> None:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, given)], capture_output=True, text=True
    )
    if done.returncode:
        raise click.ClickException(f"{' '.join(map(str, given))}: {done.stderr.strip()}")


def _run_on_one_device(given: list[str], file: Path) -> None:
    _run_ganinv(*given, "--out", file)


def _run_on_three_devices(given: list[str], file: Path) -> None:
    _run_ganinv(*given, "--device", "cpu", "--out", file, program=THREE_DEVICES_PROGRAM)


def _run_with_two_workers(given: list[str], file: Path) -> None:
    _run_ganinv(*given, "--engine", "ray", "--workers", 2, "--out", file)


def _run_shards(given: list[str], file: Path) -> None:
    """Run the shards, and merge them in another order."""
    parts = [file.with_stem(f"{file.stem}-{number}") for number in range(SHARDS)]
    for number in reversed(range(SHARDS)):
        _run_ganinv(*given, "--shard", f"{number + 1}/{SHARDS}", "--out", parts[number])
    _run_ganinv("merge", file, *random.Random(0).sample(parts, SHARDS), "--quiet")


def _run_killed(given: list[str], file: Path) -> None:
    """Kill the run by SIGKILL after the second commit, and resume it with another batch size."""
    command = [sys.executable, "-m", "ganinv_cli", *given, "--out", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(Path(f"{file}.parts").glob("part-*.h5"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    if process.wait() == 0:
        raise click.ClickException("the run ended before it could be killed; give more trials")
    _run_ganinv(*given, "--batch-size", 48, "--out", file)


WAYS: dict[str, Way] = {
    "one device again, killed and resumed": _run_killed,
    "three logical devices": _run_on_three_devices,
    "Ray, two workers": _run_with_two_workers,
    f"{SHARDS} shards, merged": _run_shards,
}


if __name__ == "__main__":
    main()
