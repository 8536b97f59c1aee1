"""Print the tables of results files, and write their folders of tables and figures."""

import os
import shlex
import shutil
import sys
import webbrowser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganinv_cli.errors import GaninvError, UsageError, to_printable
from ganinv_cli.streams import OutputError

if TYPE_CHECKING:
    from ganinv_cli.report import Report
    from ganinv_cli.store import NamedImage, Results


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


def check_results_folder(file: Path) -> None:
    """Raise UsageError if there is a file in the place of `get_results_folder`, or as it does."""
    folder = get_results_folder(file)
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{file}: its tables and figures would go into the folder {folder}/, but {folder} is "
            "a file; give the results file another name"
        )


Images = Mapping[Path, "Sequence[NamedImage]"]  # results file -> images to report
ALL_IMAGES: Images = {}  # a file that is left out is reported whole


def publish(
    folders: Mapping[Path, Path],
    style: str,
    quiet: bool = False,
    page_folder: Path | None = None,
    brief: bool = False,
    images: Images = ALL_IMAGES,
    attribution: bool = False,
) -> None:
    """Write tables, figures and a page of results files into each's folder; then print the tables.

    They are printed even if a folder cannot be written. `style` is one of names.STYLES;
    `page_folder`, if given, contains all other folders and gets one page for all files. Results of
    one image on several generators are compared after their own tables.
    With `brief`, the style text prints the answer, a short table, and where the rest is.
    `images` selects those of some files. With `attribution` only that comparison is printed.
    Raises ResultsError, before anything is written, if a file cannot be read or has no trial to
    count; GaninvError if a folder cannot be written; OutputError if the tables cannot be printed.
    """
    from ganinv_cli.report.attribution import compares_generators

    results, reports = _read_reports(folders, images)
    compares = attribution or compares_generators(results)
    comparison = _compare(results, folders) if compares else None
    compared = [comparison] if comparison else []
    shown = compared if attribution else [*reports, *compared]
    place = page_folder or next(iter(folders.values()))
    is_brief = brief and style == "text"
    try:
        with _show_writing(quiet):
            lines = _write_folders(results, reports, folders, page_folder, comparison)
    except GaninvError:
        _print_reports(shown, style, place if is_brief else None)
        raise
    try:
        _print_reports(shown, style, place if is_brief else None)
        if is_brief and not quiet:
            _print_places(folders, place)
    except OutputError as error:
        places = [page_folder] if page_folder else folders.values()
        names = ", ".join(f"{folder}/" for folder in places)
        raise OutputError(f"{error}: the tables and figures are in {names}") from error
    if not is_brief and not quiet:
        click.echo("\n".join(lines), err=True)


def open_page(folder: Path) -> None:
    """Show the page of a folder in the browser; print where it is if there is no browser."""
    from ganinv_cli.report.output.folder import PAGE

    page = folder / PAGE
    if not (_has_display() and webbrowser.open(page.resolve().as_uri())):
        click.echo(f"no browser could be started here; open {page} in one", err=True)


def _has_display() -> bool:
    """Return whether a browser would have a window; else Python may start one in the terminal."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in names)


def _read_reports(files: Iterable[Path], images: Images) -> "tuple[list[Results], list[Report]]":
    from ganinv_cli.report import summarize
    from ganinv_cli.store import read_results, select_images

    results = [
        select_images(read_results(file), images[file]) if file in images else read_results(file)
        for file in files
    ]
    return results, [summarize(each, str(file)) for each, file in zip(results, files, strict=True)]


def _compare(results: "Sequence[Results]", files: Iterable[Path]) -> "Report":
    from ganinv_cli.report.attribution import summarize_attribution

    return summarize_attribution(results, [str(file) for file in files])


def _print_reports(reports: "Sequence[Report]", style: str, brief_place: Path | None) -> None:
    """Print the reports; with `brief_place`, the folder of all rows, only the answer of each."""
    from ganinv_cli.report import render, render_brief

    width = shutil.get_terminal_size().columns
    if brief_place is None:
        click.echo(render(reports, style, width), nl=False)
        return
    for report in reports:
        click.echo(render_brief(report, f"{brief_place}/", width), nl=False)


def _print_places(files: Iterable[Path], folder: Path) -> None:
    names = [str(file) for file in files]
    z = f", z in {names[0]}" if len(names) == 1 else ""
    click.echo(to_printable(f"Tables, figures and report.html are in {folder}/{z}."))
    click.echo(f"Print all tables: -v, or ganinv report {' '.join(map(_quote_argument, names))}")


def _quote_argument(name: str) -> str:
    """Return a file's name as Bash and Zsh take it, though it begins with - or is not printable."""
    name = f"./{name}" if name.startswith("-") else name
    if name.isprintable():
        return shlex.quote(name)
    characters = (
        c if c.isprintable() and c not in "\\'" else "".join(f"\\x{b:02x}" for b in os.fsencode(c))
        for c in name
    )
    return f"$'{''.join(characters)}'"


def _write_folders(
    results: "Sequence[Results]",
    reports: "Sequence[Report]",
    folders: Mapping[Path, Path],
    page_folder: Path | None,
    comparison: "Report | None",
) -> list[str]:
    """Write each file's folder, and `page_folder` if it is given; return a line for each."""
    from ganinv_cli.report.output.folder import write_report, write_reports

    places = list(folders.values())
    if page_folder is None:
        return [write_report(*each) for each in zip(reports, results, places, strict=True)]
    names = [place.name for place in places]
    return write_reports(reports, results, page_folder, names, comparison)


@contextmanager
def _show_writing(quiet: bool) -> Iterator[None]:
    """Show that figures are drawn, which takes seconds."""
    from ganinv_cli.progress.display import open_display

    with open_display(quiet) as display:
        display.enter("writing tables and figures")
        yield
