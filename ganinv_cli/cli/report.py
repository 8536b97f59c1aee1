"""`ganinv report`."""

from pathlib import Path

import click

from ganinv_cli.cli import options, publish
from ganinv_cli.cli.parameters import Command
from ganinv_cli.errors import UsageError


@click.command(cls=Command)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.h5..."
)
@options.style()
@options.out(
    type=click.Path(path_type=Path, file_okay=False),
    show_default="FILE without its ending",
    help="Folder for tables, figures and report.html. For several files it gets a folder for each, "
    "and one report.html for all.",
)
@options.open_page()
def report(files: tuple[Path, ...], style: str, out: Path | None, open_page: bool) -> None:
    """Print the tables of saved results; write figures and a page.

    Reads only the results files, also of a run in progress. Tables are written in every format,
    figures as PNG, PDF and SVG. The page, report.html, needs no other file and no network; with
    --out it shows several results side by side. CSV has one line for each row of the main table;
    JSON is an object, or a list of objects for several files.

    If the files are results of `ganinv invert` for the same image on several generators, it also
    prints which of them made the image.

    \b
    Examples:
        ganinv report recover.h5 --format markdown
        ganinv report a.h5 b.h5 --out both
        ganinv report invert-portraits64.h5 invert-other.h5
    """
    several = len(files) > 1
    folders = dict(zip(files, _choose_folders(files, out), strict=True))
    publish.publish(folders, style, page_folder=out if several else None)
    if several and out is None:
        click.echo("each file has its own page; --out DIR also writes one page for all", err=True)
    if open_page:
        for folder in folders.values() if out is None else (out,):
            publish.open_page(folder)


def _choose_folders(files: tuple[Path, ...], out: Path | None) -> list[Path]:
    folders = [
        publish.get_results_folder(file) if out is None else out / file.stem for file in files
    ]
    if out is not None and len(files) == 1:
        folders = [out]
    for folder, file in zip(folders, files, strict=True):
        if folder == file:
            raise UsageError(f"{file} cannot be a results file and a folder; name another --out")
        if out is not None and folder == out / "report.html":
            raise UsageError(
                f"{file}: its folder would be called report.html, as the page is; rename the file"
            )
        if folders.count(folder) > 1:
            raise UsageError(
                f"{file} and another file have the same folder, {folder}/; report each by itself"
            )
    return folders
