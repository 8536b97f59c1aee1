"""`ganinv report` and `merge`."""

from pathlib import Path

import click

from ganinv_cli.cli import options, publish
from ganinv_cli.cli.options import Command
from ganinv_cli.errors import UsageError, to_printable
from ganinv_cli.experiments.recover import RecoverConfig
from ganinv_cli.settings.declare import list_settings


@click.command(cls=Command)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.h5..."
)
@options.make_parameter(list_settings(RecoverConfig)["threshold"])
@options.style()
@options.out(
    type=click.Path(path_type=Path, file_okay=False),
    show_default="FILE without its ending",
    help="Folder for tables, figures and report.html. For several files it gets a folder for each, "
    "and one report.html for all.",
)
def report(files: tuple[Path, ...], style: str, out: Path | None, threshold: float | None) -> None:
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
    publish.publish(folders, style, page_folder=out if several else None, threshold=threshold)
    if several and out is None:
        click.echo("each file has its own page; --out DIR also writes one page for all", err=True)


def _choose_folders(files: tuple[Path, ...], out: Path | None) -> list[Path]:
    if out in files:
        raise UsageError(f"--out {out} is the results file as well; name a folder")
    if out is not None and len(files) == 1:
        return [out]
    folders = [out / file.stem if out else publish.get_results_folder(file) for file in files]
    for folder, file in zip(folders, files, strict=True):
        if folders.count(folder) > 1:
            raise UsageError(
                f"{file} and another file have the same folder, {folder}/; report each by itself"
            )
    return folders


@click.command(cls=Command)
@click.argument("out", type=options.file_path(), metavar="OUT.h5")
@click.argument(
    "parts", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PART.h5..."
)
@options.option("--partial", is_flag=True, help="Write the file even if trials are missing.")
@options.overwrite(help="Replace OUT.h5 if it exists.")
@options.style()
@options.verbose(help="Print all tables.")
@options.quiet(help="Do not print what was written.")
def merge(
    out: Path,
    parts: tuple[Path, ...],
    partial: bool,
    overwrite: bool,
    style: str,
    verbose: bool,
    quiet: bool,
) -> None:
    """Join the results files of a run that was divided by --shard.

    Takes the results files of a run's shards, finished or interrupted, and writes OUT.h5, its
    tables and its figures, as the run itself would have. If two files hold the same trial, the
    first counts, and a message says how many these are. Files of another run are refused. If trials
    are missing, nothing is written and the exit status is 1; --partial writes the others. The same
    command without --shard on OUT.h5 then runs the rest, and makes the reconstructions of
    `consistency`, which a shard cannot make. If OUT.h5 already holds just that, only the tables are
    printed again.

    \b
    Example:
        ganinv merge recover.h5 recover-1-of-2.h5 recover-2-of-2.h5
    """
    folder = publish.get_results_folder(out)
    from ganinv_cli.store.merge import merge_files

    combined = merge_files(out, parts, partial, overwrite)
    written = [] if quiet else [f"{out}: {combined.contents}"]
    for sentence in (*combined.notes, *written):
        click.echo(to_printable(sentence), err=True)
    publish.publish({out: folder}, style, quiet, brief=not verbose)
