"""Make every table and figure of docs/ and the README again: `make reproduce`.

    python -m benchmarks.reproduction          # from the stored results, in a minute or two
    python -m benchmarks.reproduction --run    # the experiments themselves, hours; goes on where
                                               # it stopped

With `--run` the results of each experiment go to build/reproduction, and a copy of each finished
one to docs/results, in place of the kept one; `--only TEXT` runs those with TEXT in their name.
"""

import shlex
import subprocess
import sys
from pathlib import Path

import click

from ganinv_cli.report.output.number_format import format_duration

from .manifest import Run, read_facts, read_manifest
from .pages import list_generated, write_all

DOCS = Path("docs")
BUILD = Path("build/reproduction")


@click.command()
@click.option("--run", is_flag=True, help="Run the experiments first.")
@click.option("--only", default="", help="Run those alone that have this in their file's name.")
@click.option("--list", "lists", is_flag=True, help="Print the files that are made, and stop.")
def main(run: bool, only: str, lists: bool) -> None:
    """Make the tables and figures of docs/ and the README."""
    if not (DOCS / "results").is_dir():
        raise click.ClickException("docs/results is not here; run this from the project's root")
    if lists:
        click.echo("\n".join(f"docs/{path}" for path in list_generated(DOCS)))
        return
    if run:
        run_experiments([each for each in read_manifest(DOCS / "results") if only in each.file])
    write_all(DOCS, DOCS)
    subprocess.run([sys.executable, str(DOCS / "generate.py")], check=True)


def run_experiments(runs: list[Run]) -> None:
    """Run each experiment, or the rest of it, and keep its results."""
    facts = {each.file: read_facts(DOCS / "results" / each.file) for each in runs}
    for each in runs:
        needs = f"  needs {each.needs}" if each.needs else ""
        took = format_duration(facts[each.file].seconds)
        click.echo(f"{each.file:40} took {took}{needs}", err=True)
    total = format_duration(sum(each.seconds for each in facts.values()))
    click.echo(f"all of them took {total}, one after the other on one or two cores", err=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    for each in runs:
        run_experiment(each)


def run_experiment(run: Run) -> None:
    """Run one experiment and copy its results into docs/results."""
    click.echo(f"{run.file}: {run.command}", err=True)
    made, kept = BUILD / run.file, DOCS / "results" / run.file
    program, *options = shlex.split(run.command)
    module = ["-m", "ganinv_cli"] if program == "ganinv" else []
    where = ["--out", str(made)]
    subprocess.run([sys.executable, *module, *options, *where], check=True, stdout=sys.stderr)
    if made.suffix == ".npz":
        kept.write_bytes(made.read_bytes())
        return
    keep = [sys.executable, "-m", "benchmarks.reproduction.keep", str(made), str(kept), *run.keep]
    subprocess.run(keep, check=True)


if __name__ == "__main__":
    main()
