"""`ganinv report`."""

from pathlib import Path

import click

from ganinv_cli.cli import options, publishing
from ganinv_cli.errors import UsageError


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.h5..."
)
@options.style
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for tables and figures, with one folder a file in it for several files "
    "[default: FILE without its ending].",
)
def report(files: tuple[Path, ...], style: str, out: Path | None) -> None:
    """Print the tables of saved results, and write them again with the figures.

    Reads nothing but the results, also of a run in progress. CSV is one line a technique; JSON is
    an object, or a list of them for several files.

    \b
    Example:
        ganinv report recover.h5 --format markdown
    """
    publishing.publish(dict(zip(files, _folders(files, out), strict=True)), style)


def _folders(files: tuple[Path, ...], out: Path | None) -> list[Path]:
    folders = [publishing.folder(file) if out is None else out / file.stem for file in files]
    if out is not None and len(files) == 1:
        folders = [out]
    for folder, file in zip(folders, files, strict=True):
        if folder == file:
            raise UsageError(f"{file} cannot be a results file and a folder; name another --out")
        if folders.count(folder) > 1:
            raise UsageError(
                f"{file} and another file would both fill {folder}/; report them apart"
            )
    return folders
