"""Make every table and figure of docs/ and the README again: `make reproduce`.

    python -m benchmarks.reproduction          # from the stored results, in a minute or two
    python -m benchmarks.reproduction --run    # runs the experiments (hours); continues if
                                               # it was stopped

With `--run` the results of each experiment go to build/reproduction, and a copy of each finished
one to docs/results, in place of the kept one; `--only TEXT` runs those with TEXT in their name.
`docs/results/runs.toml` lists them.
"""

import shlex
import subprocess
import sys
from pathlib import Path

import click

from benchmarks.reproduction.manifest import Entry, read_manifest
from benchmarks.reproduction.pages import list_generated, write_all

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
    if lists:
        click.echo("\n".join(f"docs/{path}" for path in list_generated()))
        return
    if run:
        entries = read_manifest(RESULTS)
        run_experiments([entry for entry in entries if only in entry.file and not entry.commit])
    write_all(DOCS, DOCS)
    subprocess.run([sys.executable, str(DOCS / "generate.py")], check=True)


def run_experiments(entries: list[Entry]) -> None:
    """Run each experiment, or the rest of it, and keep its results."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        needs = f", which needs {entry.needs}" if entry.needs else ""
        click.echo(f"{entry.file}: {entry.command}{needs}", err=True)
        made, place = str(BUILD / entry.file), str(RESULTS / entry.file)
        _run_python(entry.command, "--out", made)
        _run_python("python -m benchmarks.reproduction.keep", made, place, *entry.keep)


def _run_python(command: str, *more: str) -> None:
    """Run a command of ganinv or Python with this Python; its output goes to stderr."""
    program, *options = shlex.split(command)
    module = ["-m", "ganinv_cli"] if program == "ganinv" else []
    words = [sys.executable, *module, *options, *more]
    if subprocess.run(words, stdout=sys.stderr).returncode:
        raise click.ClickException(f"this failed: {command}; the same command continues it")


if __name__ == "__main__":
    main()
