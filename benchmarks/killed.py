"""kill -9 at random instants of a real run: what was committed stays, and nothing else is lost.

Runs `ganinv recover` uninterrupted, then the same under a killer that strikes a number of times at
random instants. After every kill each committed trial is read back and compared, bit for bit, with
what it was; at the end the table is compared with the uninterrupted one.

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
from ganinv_cli.store import Results, read

Committed = dict[tuple[str, int], tuple[bytes, ...]]  # (rule, trial) -> its row, column by column


@click.command()
@click.option("--trials", default=120, show_default=True)
@click.option("--kills", default=10, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the instants.")
@click.option("--checkpoint", default="checkpoints/portraits64", show_default=True)
def main(trials: int, kills: int, seed: int, checkpoint: str) -> None:
    """Print what was lost at each kill, and how the two tables compare."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "ganinv_cli", "recover", "--trials", str(trials)]
        command += ["--checkpoint", checkpoint, "--out"]
        began = time.monotonic()
        subprocess.run([*command, str(folder / "whole.h5"), "-q"], check=True, capture_output=True)
        length = time.monotonic() - began
        click.echo(f"uninterrupted: {trials} trials a rule in {length:.0f} s")
        out = folder / "killed.h5"
        instants = random.Random(seed)
        known: Committed = {}
        for number in range(1, kills + 1):
            known = _struck([*command, str(out)], out, instants.uniform(5, 0.35 * length), known)
            click.echo(f"kill {number}: {len(known)} trials committed, all as they were")
        subprocess.run([*command, str(out), "-q"], check=True, capture_output=True)
        _compare(read(folder / "whole.h5"), read(out), known)


def _struck(command: list[str], out: Path, after: float, known: Committed) -> Committed:
    """Start the run, kill it after so many seconds, and read what it has committed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if after > 20:
        time.sleep(20)
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        if second.returncode != 2:
            sys.exit(f"a second process on the same file was not refused: {second.stderr}")
        click.echo(f"  a second process: {second.stderr.strip()}")
        after -= 20
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    try:
        now = _rows(read(out))
    except ResultsError:
        now = {}  # killed before anything had finished
    changed = [key for key, row in known.items() if now.get(key) != row]
    if changed:
        sys.exit(f"{len(changed)} committed trials changed or vanished, such as {changed[0]}")
    return now


def _rows(results: Results) -> Committed:
    return {
        (rule, int(trial)): tuple(
            group[column][row].tobytes() for column in sorted(group) if column != "trial"
        )
        for rule, group in results.groups.items()
        if rule
        for row, trial in enumerate(group["trial"])
    }


def _compare(whole: Results, killed: Results, known: Committed) -> None:
    final = _rows(killed)
    kept = sum(final[key] == row for key, row in known.items())
    click.echo(f"{kept} of {len(known)} trials committed before the last kill are bit for bit so")
    for rule, one in whole.groups.items():
        if not rule:
            continue
        other = killed.groups[rule]
        alike = one["outcome"] == other["outcome"]
        both = alike & (one["outcome"] == 1)
        far = np.abs(one["z_found"][both] - other["z_found"][both]).max()
        counts = [int((group["z_error"] < 1e-4).sum()) for group in (one, other)]
        click.echo(
            f"{rule}: {counts[0]} and {counts[1]} recovered, {int(alike.sum())} of {len(alike)} "
            f"outcomes equal, converged z at most {far:.1e} apart"
        )


if __name__ == "__main__":
    main()
