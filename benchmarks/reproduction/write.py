"""Write tables as Markdown for docs/ and as JSON, and format their cells."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
from tabulate import tabulate

from ganinv_cli.number_format import format_interval, format_share
from ganinv_cli.statistics import clopper_pearson


def make_command(write_tables: Callable[[Path, Path], None]) -> click.Command:
    """Return a command that writes tables of a folder of results into another folder."""

    @click.command()
    @click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
    @click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to fill.")
    def main(folder: Path, out: Path) -> None:
        """Write the tables of the results in FOLDER, and their figure if they have one."""
        write_tables(folder, out)

    return main


def write_sections(sections: Mapping[str, Sequence[Mapping[str, str]]], path: Path) -> None:
    """Write titled tables as Markdown to `path` and as JSON beside it; empty ones are left out."""
    shown = {title: rows for title, rows in sections.items() if rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(shown, indent=1) + "\n", "utf-8")
    write_page(path.with_suffix(".json"))


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of titled tables."""
    page = "\n\n".join(
        f"### {title}\n\n{tabulate(rows, 'keys', 'pipe', disable_numparse=True)}"
        for title, rows in json.loads(path.read_text("utf-8")).items()
    )
    path.with_suffix(".md").write_text(page + "\n", "utf-8")


def format_counted_share(count: int, trials: int) -> str:
    """Return a share of trials with its exact 95 % interval."""
    return f"{format_share(count / trials)} {format_exact_interval(count, trials)}"


def format_exact_interval(count: int, trials: int) -> str:
    """Return the exact 95 % interval of a share of trials (Clopper and Pearson)."""
    return format_interval(clopper_pearson(count, trials), format_share)
