"""Test kill -9 at random times of a real run: committed trials stay, and the table is the same.

Runs `ganinv recover` once without interruption, and once with several kills at random times. After
every kill, each committed trial is read and compared bit for bit with its earlier value. At the
end, the table is compared with the uninterrupted one.

    python benchmarks/killed.py --trials 120 --kills 10
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.outcome import Outcome
from ganinv_cli.store import Results, read_results

RowBytes = dict[tuple[str, int], tuple[bytes, ...]]  # (rule, trial) -> its row, column by column


@click.command()
@click.option("--trials", default=120, show_default=True)
@click.option("--kills", default=10, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed for the times of the kills.")
@click.option(
    "--latest", default=50.0, show_default=True, help="Latest time of a kill, in seconds."
)
@click.option("--checkpoint", default="checkpoints/portraits64", show_default=True)
@click.option(
    "--batch-size",
    default=16,
    show_default=True,
    help="A small batch finishes its first trials sooner.",
)
@click.option("--whole", type=click.Path(path_type=Path), help="Uninterrupted results to use.")
def main(
    trials: int,
    kills: int,
    seed: int,
    latest: float,
    checkpoint: str,
    batch_size: int,
    whole: Path | None,
) -> None:
    """Print the state after each kill, and compare the two tables; fail if anything was lost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "ganinv_cli", "recover", "--trials", str(trials)]
        command += ["--checkpoint", checkpoint, "--batch-size", str(batch_size), "-q", "--out"]
        if whole is None:
            whole = folder / "whole.h5"
            began = time.monotonic()
            subprocess.run([*command, str(whole)], check=True, capture_output=True)
            click.echo(f"uninterrupted: {trials} trials in {time.monotonic() - began:.0f} s")
        out = folder / "killed.h5"
        instants = random.Random(seed)
        known: RowBytes = {}
        for number in range(1, kills + 1):
            after = instants.uniform(8, latest)
            known, age = _run_and_kill([*command, str(out)], out, after, known)
            waited = "nothing had finished" if age is None else f"last commit {age:.1f} s before"
            click.echo(f"kill {number} after {after:.0f} s: {len(known)} rows unchanged; {waited}")
        second = _run_second_process([*command, str(out)])
        click.echo(f"a second process: exit {second.returncode}, {second.stderr.strip()}")
        subprocess.run([*command, str(out)], check=True, capture_output=True)
        _compare_results(read_results(whole), read_results(out), known)


def _run_and_kill(
    command: list[str], out: Path, after: float, known: RowBytes
) -> tuple[RowBytes, float | None]:
    """Start the run and kill it; return the committed rows, and seconds since the last commit."""
    started = time.time()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    if process.poll() is not None:
        sys.exit(f"the run ended before it could be killed; use more than {len(known)} trials")
    process.send_signal(signal.SIGKILL)
    struck = time.time()
    process.wait()
    parts = out.with_name(f"{out.name}.parts")
    commits = [part.stat().st_mtime for part in parts.glob("*.h5")]
    mine = [when for when in commits if when > started]
    try:
        now = _read_row_bytes(read_results(out))
    except ResultsError:
        now = {}  # killed before anything had finished
    changed = [key for key, row in known.items() if now.get(key) != row]
    if changed:
        sys.exit(f"{len(changed)} committed rows changed or vanished, such as {changed[0]}")
    return now, struck - max(mine) if mine else None


def _run_second_process(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Return the output of a second process on the file of a running one; kill the first."""
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(15)
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    first.kill()
    first.wait()
    if second.returncode != 2:
        sys.exit(f"a second process was not refused: exit {second.returncode} {second.stderr}")
    return second


def _read_row_bytes(results: Results) -> RowBytes:
    return {
        (rule, int(trial)): tuple(
            group[column][row].tobytes() for column in sorted(group) if column != "trial"
        )
        for rule, group in results.groups.items()
        if rule
        for row, trial in enumerate(group["trial"])
    }


def _compare_results(whole: Results, killed: Results, known: RowBytes) -> None:
    final = _read_row_bytes(killed)
    if any(final[key] != row for key, row in known.items()):
        sys.exit("rows that were committed before the last kill have changed")
    for rule, one in whole.groups.items():
        if not rule:
            continue
        other = killed.groups[rule]
        one = {column: values[: len(other["trial"])] for column, values in one.items()}
        alike = one["outcome"] == other["outcome"]
        both = alike & (one["outcome"] == Outcome.converged)
        far = np.abs(one["z_found"][both] - other["z_found"][both]).max(initial=0)
        counts = [int((group["z_error"] < 1e-4).sum()) for group in (one, other)]
        click.echo(
            f"{rule}: {counts[0]} and {counts[1]} recovered, {int(alike.sum())} of {len(alike)} "
            f"outcomes equal, converged z at most {far:.1e} apart"
        )
        if counts[0] != counts[1] or far > 1e-3:
            sys.exit("the resumed table differs from the uninterrupted one")


if __name__ == "__main__":
    main()
