"""Print the tables of results files, and write their folders of tables and figures."""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganinv_cli.errors import UsageError, to_printable
from ganinv_cli.outcome import THRESHOLD
from ganinv_cli.progress.display import open_display

if TYPE_CHECKING:
    from ganinv_cli.report import Report
    from ganinv_cli.store import NamedImage


def get_results_folder(file: Path) -> Path:
    """Return the folder for a results file's tables and figures, e.g. `recover/` for `recover.h5`.

    Raises UsageError if the name has no suffix, or if the folder's name is that of a file.
    """
    if not file.suffix or not file.stem.strip("."):
        raise UsageError(
            f"{file}: tables and figures go into a folder named like the results file without its "
            "ending; give the file a name such as recover.h5"
        )
    folder = file.with_suffix("")
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{file}: its tables and figures would go into the folder {folder}/, but {folder} is "
            "a file; give the results file another name"
        )
    _check_page(folder)
    return folder


def _check_page(folder: Path) -> None:
    """Raise UsageError if a folder has a page that ganinv did not write."""
    page = folder / "report.html"
    if page.is_file() and b"<title>ganinv" not in page.read_bytes()[:4096]:
        raise UsageError(f"{page} exists, and ganinv did not write it; move it, or name another")


def publish(
    folders: Mapping[Path, Path],
    style: str,
    quiet: bool = False,
    *,
    page_folder: Path | None = None,
    brief: bool = False,
    images: "Mapping[Path, Sequence[NamedImage]] | None" = None,
    attribution: bool = False,
    threshold: float | None = None,
) -> None:
    """Write tables, figures and a page of results files into each's folder; then print the tables.

    They are printed even if a folder cannot be written. `style` is one of names.STYLES;
    `page_folder`, if given, contains all other folders and gets one page for all files. Results of
    one image on several generators are compared after their own tables.
    With `brief`, the style text prints the answer, a short table, and where the rest is.
    `images` selects those of some files to print; the folder has all of a file. With `attribution`
    only that comparison is printed. z is recovered below `threshold`, if one is given.
    Raises ResultsError, before anything is written, if a file cannot be read or has no trial to
    count; GaninvError if a folder cannot be written.
    """
    from ganinv_cli.experiments.summary import show_by, summarize
    from ganinv_cli.report import render, render_brief
    from ganinv_cli.report.attribution import compares_generators, summarize_attribution
    from ganinv_cli.report.folder import write_page, write_report
    from ganinv_cli.store import read_results, select_images

    for folder in (*folders.values(), *([page_folder] if page_folder else [])):
        _check_page(folder)
    whole = [show_by(read_results(file), threshold) for file in folders]
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
    shown = [*([] if attribution else reports), *([comparison] if comparison else [])]
    place = page_folder or places[0]
    is_brief = brief and style == "text"
    try:
        with open_display(quiet) as display:
            display.enter("writing tables and figures")
            written = [
                report if every.groups.keys() == some.groups.keys() else summarize(every, name)
                for report, every, some, name in zip(reports, whole, results, names, strict=True)
            ]
            contents = [write_report(*each) for each in zip(written, places, strict=True)]
            if page_folder:
                write_page(contents, page_folder, compare(written))
    finally:
        width = shutil.get_terminal_size().columns
        if is_brief:
            click.echo("".join(render_brief(each, f"{place}/", width) for each in shown), nl=False)
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
            click.echo(to_printable(f"Tables, figures and report.html are in {folder}/."), err=True)
