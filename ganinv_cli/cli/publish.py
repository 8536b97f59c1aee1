"""Print the tables of results files, and write their folders of tables and figures."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from ganinv_cli.errors import UsageError


def get_results_folder(file: Path) -> Path:
    """Return the folder for a results file's tables and figures, e.g. `recover/` for `recover.h5`.

    Raises UsageError if the name has no suffix, or consists of one.
    """
    if not file.suffix or not file.stem.strip("."):
        raise UsageError(
            f"{file}: tables and figures go into a folder named like the results file without its "
            "ending; give the file a name such as recover.h5"
        )
    return file.with_suffix("")


def publish(
    folders: Mapping[Path, Path], style: str, quiet: bool = False, page_folder: Path | None = None
) -> None:
    """Print the tables of results files, then write tables, figures and a page into each's folder.

    Tables are printed first, so that they are shown even if a folder cannot be written. `style` is
    one of names.STYLES; `page_folder`, if given, contains all other folders and gets one page for
    all files. Raises ResultsError, before anything is printed, if a file cannot be read or has no
    trial to count; GaninvError if a folder cannot be written.
    """
    from ganinv_cli.report import render, summarize
    from ganinv_cli.report.output.folder import write_report, write_reports
    from ganinv_cli.store import read_results

    results = [read_results(file) for file in folders]
    reports = [summarize(each, str(file)) for each, file in zip(results, folders, strict=True)]
    click.echo(render(reports, style, shutil.get_terminal_size().columns), nl=False)
    places = list(folders.values())
    lines: Iterable[str]
    if page_folder is None:
        lines = (write_report(*each) for each in zip(reports, results, places, strict=True))
    else:
        lines = write_reports(reports, results, page_folder, [place.name for place in places])
    for line in lines:
        if not quiet:
            click.echo(line, err=True)
