"""Make every table and figure of docs/ and the README again: `make reproduce`.

    python -m benchmarks.reproduction          # from the stored results, in a minute or two
    python -m benchmarks.reproduction --run    # runs the experiments (hours); continues if
                                               # it was stopped

With `--run` the results of each experiment go to build/reproduction, and a copy of each finished
one to docs/results, in place of the kept one; `--only TEXT` runs those with TEXT in their name.
"""

import shlex
import subprocess
import sys
from pathlib import Path

import click

from ganinv_cli.number_format import format_duration

from .manifest import Measurement, Run, read_facts, read_manifest, read_measurements
from .pages import list_generated, write_all

DOCS = Path("docs")
RESULTS = DOCS / "results"
BUILD = Path("build/reproduction")


@click.command()
@click.option("--run", is_flag=True, help="Run the experiments first.")
@click.option(
    "--only", default="", help="Run only experiments with this text in their file's name."
)
@click.option(
    "--list", "lists", is_flag=True, help="Print the names of the generated files, and stop."
)
def main(run: bool, only: str, lists: bool) -> None:
    """Make the tables and figures of docs/ and the README."""
    if not RESULTS.is_dir():
        raise click.ClickException("docs/results is not here; run this from the project's root")
    if lists:
        click.echo("\n".join(f"docs/{path}" for path in list_generated(DOCS)))
        return
    if run:
        run_experiments(only)
    missing = [each.file for each in read_manifest(RESULTS) if not (RESULTS / each.file).exists()]
    if missing:
        raise click.ClickException(
            f"{RESULTS} lacks {', '.join(missing)}; `git checkout {RESULTS}` brings kept results "
            "back, and `make reproduce RUN=1` runs them again"
        )
    write_all(DOCS, DOCS)
    subprocess.run([sys.executable, str(DOCS / "generate.py")], check=True)


def run_experiments(only: str) -> None:
    """Run the unfinished experiments of the manifest with `only` in their file's name."""
    runs = [each for each in read_manifest(RESULTS) if only in each.file]
    measurements = [each for each in read_measurements(RESULTS) if only in each.file]
    if not runs and not measurements:
        raise click.ClickException(f"{RESULTS}/runs.toml lists no file with {only!r} in its name")
    announce(runs, measurements)
    BUILD.mkdir(parents=True, exist_ok=True)
    for run in runs:
        run_experiment(run)
    for measurement in measurements:
        done = BUILD / f"{Path(measurement.file).stem}.done"
        if not done.exists():
            click.echo(f"{measurement.file}: {measurement.command}", err=True)
            _run_python(measurement.command)
            done.touch()


def announce(runs: list[Run], measurements: list[Measurement]) -> None:
    """Print how long each run took when its kept results were made."""
    kept = {run.file: RESULTS / run.file for run in runs}
    seconds = {name: read_facts(path).seconds for name, path in kept.items() if path.exists()}
    for run in runs:
        _announce(run, f"took {format_duration(seconds.get(run.file)) or 'a time not known'}")
    for measurement in measurements:
        _announce(measurement, "minutes; verdicts and scaling an hour or two each")
    total = format_duration(sum(seconds.values()))
    click.echo(f"the runs took {total} together, each on one or two cores", err=True)


def _announce(each: Run | Measurement, took: str) -> None:
    needs = f"; needs {each.needs}" if each.needs else ""
    click.echo(f"{each.file:38} {took}{needs}", err=True)


def run_experiment(run: Run) -> None:
    """Run one experiment, or the rest of it, and copy its results into docs/results."""
    click.echo(f"{run.file}: {run.command}", err=True)
    made, kept = BUILD / run.file, RESULTS / run.file
    _run_python(run.command, "--out", str(made))
    if made.suffix == ".npz":
        kept.write_bytes(made.read_bytes())
        return
    _run_python("python -m benchmarks.reproduction.keep", str(made), str(kept), *run.keep)


def _run_python(command: str, *more: str) -> None:
    """Run a command of ganinv or Python with this Python; its output goes to stderr."""
    program, *options = shlex.split(command)
    module = ["-m", "ganinv_cli"] if program == "ganinv" else []
    words = [sys.executable, *module, *options, *more]
    if subprocess.run(words, stdout=sys.stderr).returncode:
        raise click.ClickException(f"this failed: {command}; the same command continues it")


if __name__ == "__main__":
    main()
