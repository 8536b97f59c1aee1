"""`ganinv report` and `merge`; print the tables of results, and write their folders."""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganinv_cli.cli import options
from ganinv_cli.cli.command import GroupedCommand
from ganinv_cli.errors import UsageError, refuse_folder, to_printable
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.outcome import THRESHOLD
from ganinv_cli.progress.display import open_display
from ganinv_cli.settings.declare import list_settings

if TYPE_CHECKING:
    from ganinv_cli.results.report import Report
    from ganinv_cli.results.store import Image, Results


@click.command(cls=GroupedCommand)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.h5..."
)
@options.make_parameter(list_settings(RecoverConfig)["threshold"])
@options.style()
@options.figures()
@options.out(
    type=click.Path(path_type=Path, file_okay=False),
    show_default="FILE without its ending",
    help="Folder for tables, figures and report.html. For several files it gets a folder for each, "
    "and one report.html for all.",
)
def report(
    files: tuple[Path, ...],
    style: str,
    figures: tuple[str, ...],
    out: Path | None,
    threshold: float | None,
) -> None:
    """Print the tables of saved results; write figures and a page.

    Reads only the results files, also of a run in progress. The folder gets the tables as text,
    CSV and JSON and in the --format, the figures as PNG or in the formats of --figures, and a page.
    The page, report.html, needs no other file and no network; with --out it shows several results
    side by side. CSV has one line for each row of the main table;
    JSON is an object, or a list of objects for several files.

    If `ganinv invert` had the same image on several generators, their results are compared: it
    also prints which generator made the image.

    \b
    Examples:
        ganinv report recover.h5 --format latex --figures pdf
        ganinv report a.h5 b.h5 --out both
        ganinv report invert-portraits64.h5 invert-other.h5
    """
    several = len(files) > 1
    folders = dict(zip(files, _choose_folders(files, out), strict=True))
    page_folder = out if several else None
    publish(folders, style, page_folder=page_folder, threshold=threshold, figures=figures)
    if several and out is None:
        click.echo("each file has its own page; --out DIR also writes one page for all", err=True)


def _choose_folders(files: tuple[Path, ...], out: Path | None) -> list[Path]:
    if out in files:
        raise UsageError(f"--out {out} is the results file as well; name a folder")
    if out is not None and len(files) == 1:
        return [out]
    folders = [out / file.stem if out else get_results_folder(file) for file in files]
    for folder, file in zip(folders, files, strict=True):
        if folders.count(folder) > 1:
            raise UsageError(
                f"{file} and another file have the same folder, {folder}/; report each by itself"
            )
    return folders


@click.command(cls=GroupedCommand)
@click.argument("out", type=options.file_path(), metavar="OUT.h5")
@click.argument(
    "parts", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PART.h5..."
)
@options.overwrite(help="Replace OUT.h5 if it exists.")
@options.style()
@options.verbose(help="Print all tables.")
@options.quiet(help="Do not print what was written.")
def merge(
    out: Path,
    parts: tuple[Path, ...],
    overwrite: bool,
    style: str,
    verbose: bool,
    quiet: bool,
) -> None:
    """Join the results files of a run that was divided by --shard.

    Takes the results files of a run's shards, finished or interrupted, and writes OUT.h5, its
    tables and its figures, as the run itself would have. If two files hold the same trial, the
    first counts, and a message says how many these are. Files of another run are refused. If rows
    (trials under a rule) are missing, a message says how many. The same command without --shard on
    OUT.h5 then runs the rest, and makes the reconstructions of `consistency`, which a shard cannot
    make.

    \b
    Example:
        ganinv merge recover.h5 recover-1-of-2.h5 recover-2-of-2.h5
    """
    folder = get_results_folder(out)
    from ganinv_cli.results.store.merge import merge_files

    combined = merge_files(out, parts, overwrite)
    written = [] if quiet else [f"{out}: {combined.contents}"]
    for sentence in (*combined.notes, *written):
        click.echo(to_printable(sentence), err=True)
    publish({out: folder}, style, quiet, brief=not verbose)


def get_results_folder(file: Path) -> Path:
    """Return the folder for a results file's tables and figures, e.g. `recover/` for `recover.h5`.

    Raises GaninvError if it is a folder, its name has no suffix, the folder's name is that of a
    file, or the folder has a page that ganinv did not write.
    """
    refuse_folder(file)
    if not file.suffix or not file.stem.strip("."):
        raise UsageError(
            f"{file}: name a results file with an ending, such as recover.h5; its tables and "
            "figures go into the folder of that name without it"
        )
    folder = file.with_suffix("")
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{file}: its tables and figures would go into the folder {folder}/, but {folder} is "
            "a file; give the results file another name"
        )
    from ganinv_cli.files import check_page

    check_page(folder)
    return folder


def load_report() -> None:
    """Import what `publish` needs, Matplotlib above all."""
    from ganinv_cli.results.report import folder  # noqa: F401


def publish(
    folders: Mapping[Path, Path],
    style: str,
    quiet: bool = False,
    *,
    page_folder: Path | None = None,
    brief: bool = False,
    images: "Mapping[Path, Sequence[Image]] | None" = None,
    attribution: bool = False,
    threshold: float | None = None,
    figures: Sequence[str] = ("png",),
) -> None:
    """Write tables, figures and a page of results files into each's folder; then print the tables.

    They are printed even if a folder cannot be written. `style` is one of names.STYLES,
    `figures` some of names.FIGURE_FORMATS;
    `page_folder`, if given, contains all other folders and gets one page for all files. Results of
    one image on several generators are compared after their own tables.
    With `brief`, the style text prints the answer, a short table, and where the rest is.
    `images` selects those of some files to print; the folder has all of a file. With `attribution`
    only that comparison is printed. z is recovered below `threshold`, if one is given.
    Raises ResultsError, before anything is written, if a file cannot be read or has no trial to
    count; GaninvError if a folder cannot be written.
    """
    from ganinv_cli.results.store import read_results, select_images

    stored = [read_results(file) for file in folders]  # first: a file may be refused
    from ganinv_cli.experiments.summary import show_by, summarize
    from ganinv_cli.results.report import render, render_brief
    from ganinv_cli.results.report.attribution import compares_generators, summarize_attribution
    from ganinv_cli.results.report.folder import write_page, write_report

    whole = [show_by(results, threshold) for results in stored]
    for note in dict.fromkeys(note for each in whole for note in each.notes):
        click.echo(to_printable(note), err=True)
    results = [
        select_images(each, images[file]) if images and file in images else each
        for file, each in zip(folders, whole, strict=True)
    ]
    places = list(folders.values())
    names = [str(file) for file in folders]
    reports = [summarize(each, name) for each, name in zip(results, names, strict=True)]

    def compare(reports: "Sequence[Report]") -> "Report | None":
        if attribution or compares_generators(reports):
            return summarize_attribution(reports)
        return None

    comparison = compare(reports)
    shown = [] if attribution else list(reports)
    if comparison:
        shown.append(comparison)
    place = page_folder or places[0]
    is_brief = brief and style == "text"
    try:
        with open_display(quiet) as display:
            display.enter("writing tables and figures")
            written = [
                report if _count_rows(every) == _count_rows(some) else summarize(every, name)
                for report, every, some, name in zip(reports, whole, results, names, strict=True)
            ]
            contents = [
                write_report(*each, (style,), figures) for each in zip(written, places, strict=True)
            ]
            if page_folder:
                write_page(contents, page_folder, compare(written))
    finally:
        width = shutil.get_terminal_size().columns
        if is_brief:
            answers = (render_brief(each, f"{place}/", width) for each in shown)
            click.echo("".join(answers), nl=False)
        else:
            click.echo(render(shown, style, width), nl=False)
    if is_brief and not quiet:
        z = f", z in {names[0]}" if len(names) == 1 else ""
        words = [shlex.quote(f"./{name}" if name.startswith("-") else name) for name in names]
        if threshold not in (None, THRESHOLD):
            words.append(f"--threshold {threshold:g}")
        click.echo(to_printable(f"Tables, figures and report.html are in {place}/{z}."))
        click.echo(to_printable(f"Print all tables: -v, or ganinv report {' '.join(words)}"))
    elif not quiet:
        for folder in [page_folder] if page_folder else places:
            text = f"Tables, figures and report.html, which has notes on them, are in {folder}/."
            click.echo(to_printable(text), err=True)


def _count_rows(results: "Results") -> dict[str, int]:
    """Return the number of rows by group: fewer if images were selected."""
    from ganinv_cli.results.store.rows import count_rows

    return {name: count_rows(rows) for name, rows in results.groups.items()}
