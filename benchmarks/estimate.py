"""Estimate time and cost of 10⁹ trials, from stored results alone.

    python benchmarks/estimate.py docs/results docs/scaling      # writes docs/scaling/estimate.md

RESULTS holds recover.h5 (random starts) and encoder.h5 (--start encoder): gradients per trial.
Computations that a run does once are left out, because their share per trial is negligible. SCALING
holds workers.json: gradients per second and core of two Ray workers of one thread each.
"""

import json
from pathlib import Path

import click
from goals import RULE, count_encoder_gradients
from tabulate import tabulate

from ganinv_cli.store import Results, read_results

TITLE = "Estimate for 10⁹ trials"
TRIALS = 1e9
CORES = 1000
DOLLARS_PER_HOUR = 0.04  # of a core
BYTES_PER_TRIAL = 2400  # of a results file, without curves
WORKERS = 2  # of one core each: the row of workers.json
ENCODER = "`--start encoder`"
STARTS = {"random starts": "recover.h5", ENCODER: "encoder.h5"}


@click.command()
@click.argument("results", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("scaling", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(results: Path, scaling: Path) -> None:
    """Write SCALING/estimate.md and print it."""
    write_page(results, scaling)
    click.echo((scaling / "estimate.md").read_text("utf-8"), nl=False)


def write_page(results: Path, scaling: Path) -> None:
    """Write estimate.md in the folder `scaling`, from its workers.json and files of `results`."""
    speed = read_speed(scaling / "workers.json")
    files = {start: read_results(results / name) for start, name in STARTS.items()}
    columns = {
        start: make_column(float(file.groups[RULE]["gradients"].mean()), speed)
        for start, file in files.items()
    }
    names = next(iter(columns.values()))
    rows = [[name, *(column[name] for column in columns.values())] for name in names]
    table = tabulate(rows, ["", *columns], "pipe", disable_numparse=True)
    checkpoint = files[ENCODER].attributes["config"]["checkpoint"]
    once = count_encoder_gradients(Path(checkpoint).name)
    about = (
        f"Assumed are {speed:.0f} gradients per second and core, as of two Ray workers above, "
        f"{DOLLARS_PER_HOUR * 100:g} cents per hour and core, and {BYTES_PER_TRIAL / 1e3:g} kB of "
        f"results per trial. The encoder takes {once:,} gradients once, the preconditioner "
        f"{_count_shared_gradients(files[ENCODER]):,}."
    )
    text = f"### {TITLE}\n\n{table}\n\n{about}\n"
    (scaling / "estimate.md").write_text(text, "utf-8")


def read_speed(path: Path) -> float:
    """Return the gradients per second and core of the Ray workers of a file of scaling.py."""
    rows = json.loads(path.read_text("utf-8"))["rows"]
    row = next(row for row in rows if row[""] == f"{WORKERS} × worker")
    return float(row["gradients/s, steady"]) / WORKERS


def make_column(gradients: float, speed: float) -> dict[str, str]:
    """Return time and cost of TRIALS trials, from gradients per trial and per second and core."""
    hours = TRIALS * gradients / speed / 3600  # of one core
    return {
        "gradients per trial": f"{gradients:.0f}",
        "trials per second and core": f"{speed / gradients:.1f}",
        "hours of one core": _round_to_two_digits(hours),
        f"days on {CORES:,} cores": f"{hours / CORES / 24:.1f}",
        "cost": f"${_round_to_two_digits(hours * DOLLARS_PER_HOUR)}",
        "size of the results": f"{TRIALS * BYTES_PER_TRIAL / 1e12:.1f} TB",
    }


def _count_shared_gradients(results: Results) -> int:
    return round(float(results.constants.get("shared_gradients", 0)))


def _round_to_two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"


if __name__ == "__main__":
    main()
