"""What users wait for: seconds of commands and calls, of this checkout and of another one.

Generators are known: what a run measures of them ships, or is kept from the first, uncounted turn.
Runs of both checkouts alternate, so that other work slows both; a ratio is the median over turns.
An image is given as a picture of portraits64 and as a portrait that it was trained on.

    git worktree add ../before 4e2c500
    python -m benchmarks.speed.waits --against ../before --out docs/solvers/waits.json
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = ROOT / "docs" / "portraits" / "64" / "A000370.png"
QUIET = ("--quiet", "--overwrite", "--out")
Figures = dict[str, float]  # what is measured -> seconds, or gradients


@click.command()
@click.option("--against", default=ROOT, type=click.Path(path_type=Path, exists=True))
@click.option("--turns", default=3, show_default=True)
@click.option("--out", default=ROOT / "build" / "waits.json", type=click.Path(path_type=Path))
def main(against: Path, turns: int, out: Path) -> None:
    """Print a Markdown table of both checkouts, and write it as JSON."""
    from benchmarks.records import describe_command, format_page, publish
    from ganinv_cli.settings.machine import describe_device

    trees = {"before": against.resolve(), "now": ROOT}
    with tempfile.TemporaryDirectory() as folder:
        words = ("sample", "portraits64", "--count", "1", "--seed", "7", "--out", folder)
        subprocess.run([sys.executable, "-m", "ganinv_cli", *words], check=True)
        own = next(Path(folder).glob("*.png"))
        measured = [
            {label: _run_all(tree, own) for label, tree in trees.items()} for _ in range(turns + 1)
        ][1:]
    rows = [
        {"figure": name}
        | {label: f"{median(turn[label][name] for turn in measured):.4g}" for label in trees}
        | {"ratio": f"{median(turn['now'][name] / turn['before'][name] for turn in measured):.2f}"}
        for name in measured[0]["now"]
    ]
    about = f"{describe_device('cpu', 0)}, {turns} turns; `{describe_command()}`"
    publish({"title": "What users wait for", "about": about, "rows": rows}, format_page, out)


def _run_all(tree: Path, own: Path) -> Figures:
    """Return the figures of a checkout, each part in its own process."""
    figures: Figures = {}
    environment = os.environ | {"PYTHONPATH": str(tree), "TF_CPP_MIN_LOG_LEVEL": "3"}
    for part in (["start"], ["invert", "own", own], ["invert", "portrait", PORTRAIT], ["calls"]):
        with tempfile.TemporaryDirectory() as folder:
            command = (sys.executable, __file__, str(time.time()), *map(str, part))
            output = subprocess.check_output(command, cwd=folder, env=environment)
        figures |= json.loads(output.splitlines()[-1])
    return figures


def measure_start(began: float) -> Figures:
    """A command that ends after its first steps, and its report."""
    from ganinv_cli.cli import main as command
    from ganinv_cli.cli import report
    from ganinv_cli.loop.batch import Batch

    ends: dict[str, float] = {}
    advance, write = Batch.advance, report.publish

    def timed_advance(*given: Any) -> Any:
        result = advance(*given)
        ends.setdefault("command to its first 5 gradients, s", time.time() - began)
        return result

    def timed_write(*given: Any, **options: Any) -> None:
        start = time.time()
        write(*given, **options)
        ends["tables, figures and page of recover, s"] = time.time() - start

    setattr(Batch, "advance", timed_advance)  # noqa: B010  # mypy knows no other function there
    report.publish = timed_write
    words = ("recover", "--trials", "2", "--clip", "none", "--budget", "5", *QUIET, "start.h5")
    command(words, standalone_mode=False)
    return ends


def measure_invert(began: float, picture: str, file: str) -> Figures:
    """A command that inverts one image from eight starts."""
    from ganinv_cli.cli import main as command
    from ganinv_cli.store import read_results

    words = ("invert", file, "--checkpoint", "portraits64", *QUIET, "invert.h5")
    command(words, standalone_mode=False)
    seconds = time.time() - began
    gradients = read_results(Path("invert.h5")).groups["image=0000/stochastic"]["gradients"]
    return {
        f"invert of {picture}, s": seconds,
        f"invert of {picture}, gradients per start": median(map(float, gradients)),
    }


def measure_second_call(began: float) -> Figures:
    """The second of two equal calls in one process, with its gradients."""
    import ganinv_cli as ganinv

    generator = ganinv.load("faces16")
    image = generator(generator.draw_z(1, seed=3))
    for _ in range(2):
        start = time.time()
        ganinv.invert(generator, image, starts=1)
    return {"second ganinv.invert in a process, s": time.time() - start}


PARTS: dict[str, Callable[..., Figures]] = {
    "start": measure_start,
    "invert": measure_invert,
    "calls": measure_second_call,
}

if __name__ == "__main__":
    if sys.argv[2:3] and sys.argv[2] in PARTS:
        click.echo(json.dumps(PARTS[sys.argv[2]](float(sys.argv[1]), *sys.argv[3:])))
    else:
        main()
