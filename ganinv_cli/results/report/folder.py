"""Write a report's folder: tables, figures, images and a page, each file whole or not at all.

report.html is one self-contained page, without scripts and network.
"""

import base64
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from ganinv_cli.errors import GaninvError, explain_failures
from ganinv_cli.files import PAGE as PAGE
from ganinv_cli.files import check_page, encode_png, replace_file
from ganinv_cli.results.report.image_figures import PICTURE_NAME, PICTURES, iterate_pictures
from ganinv_cli.results.report.plots import encode_drawn_figure, use_own_style
from ganinv_cli.results.report.render import render
from ganinv_cli.results.report.run_notes import make_run_notes
from ganinv_cli.results.report.table import holds_words, list_help
from ganinv_cli.settings.names import FIGURE_FORMATS, STYLES, USUAL_STYLES

if TYPE_CHECKING:
    from ganinv_cli.results.report.grid import Report
    from ganinv_cli.results.report.plots import EncodedFigure

_Pictures = Iterator[tuple[str, NDArray[np.uint8]]]  # (name in the folder, pixels), one by one


class PageContent(NamedTuple):
    """The contents of the page for one results file."""

    report: "Report"
    figures: "Mapping[str, EncodedFigure]"  # by stem, all that were drawn
    styles: Sequence[str]  # of the files of tables
    formats: Sequence[str]  # of the files of figures


def write_report(
    report: "Report",
    folder: Path,
    styles: Sequence[str] = (),
    formats: Sequence[str] = ("png",),
) -> PageContent:
    """Write the tables, the figures and the page, whose content is returned.

    Tables are in the usual styles and in those that are named, figures in the formats that are;
    files of an earlier report in others are removed. Each file is replaced as a whole or not at
    all. Raises GaninvError if the folder cannot be written, or has a page that ganinv did not
    write.
    """
    check_page(folder)
    with use_own_style():
        figures = {
            name: encode_drawn_figure(drawn, formats) for name, drawn in report.draw().items()
        }
    styles = [style for style in STYLES if style in (*USUAL_STYLES, *styles)]
    content = PageContent(report, figures, styles, formats)
    _write_files(folder, _render_styles(report, styles))
    files = {
        f"{stem}.{form}": figure.files[form] for stem, figure in figures.items() for form in formats
    }
    _write_files(folder, files.items())
    _write_files(folder, [(PAGE, render_page([content]))])
    for style in STYLES.keys() - set(styles):
        (folder / f"{report.stem}.{STYLES[style]}").unlink(missing_ok=True)
    if kind := report.kind:
        _write_pictures(folder, iterate_pictures(report))
        stems = "|".join(drawing.stems for drawing in kind.figures)
        _remove_earlier_figures(folder, stems, files)
    return content


def write_page(
    contents: Sequence[PageContent], folder: Path, comparison: "Report | None" = None
) -> None:
    """Write one page of several results.

    It begins with the tables of `comparison`, if given, which are written beside it as well. Raises
    GaninvError as `write_report` does.
    """
    check_page(folder)
    _write_files(folder, [(PAGE, render_page(contents, comparison))])
    if comparison:
        _write_files(folder, _render_styles(comparison, contents[0].styles))


def _remove_earlier_figures(folder: Path, pattern: str, written: Container[str]) -> None:
    """Remove the figures of an earlier report that has others or other formats."""
    named = rf"(?:{pattern})\.(?:{'|'.join(FIGURE_FORMATS)})"
    for path in folder.iterdir():
        if re.fullmatch(named, path.name) and path.name not in written:
            path.unlink()


def _render_styles(report: "Report", styles: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file of tables, one by one."""
    for style in styles:
        yield f"{report.stem}.{STYLES[style]}", render([report], style)


def _write_pictures(folder: Path, pictures: _Pictures) -> None:
    """Write the PNG files of images, and remove those of an earlier run that has others."""
    written: set[Path] = set()

    def encode() -> Iterator[tuple[str, bytes]]:
        for name, pixels in pictures:
            written.add(folder / name)
            # Pillow takes grey images without a channel axis.
            grey = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
            yield name, encode_png(Image.fromarray(grey))

    _write_files(folder, encode())
    for path in (folder / PICTURES).glob("*.png"):
        if PICTURE_NAME.fullmatch(path.name) and path not in written:
            path.unlink()


def _write_files(folder: Path, files: Iterable[tuple[str, str | bytes]]) -> None:
    what = f"{folder}: tables and figures cannot be written there"
    advice = "free some space or give another folder, then run `ganinv report`"
    with explain_failures(what, advice, GaninvError):
        for name, content in files:
            if isinstance(content, str):  # a path may contain bytes that are not text
                content = content.encode(errors="replace")
            replace_file(folder / name, content)


def render_page(parts: Sequence[PageContent], comparison: "Report | None" = None) -> str:
    """Return the page as HTML; several results files are shown side by side if they fit.

    `comparison` is a report on all of them, shown before them. All text from files and paths is
    escaped.
    """
    environment = Environment(
        loader=PackageLoader("ganinv_cli.results", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # an ISO date and time as text to the minute, in the file's time zone, UTC
    environment.filters["moment"] = lambda text: f"{datetime.fromisoformat(text):%-d %B %Y, %H:%M}"
    environment.globals["data_uri"] = _make_data_uri
    environment.globals["table_endings"] = [STYLES[style] for style in parts[0].styles]
    environment.globals["figure_endings"] = [form.upper() for form in parts[0].formats]
    return environment.get_template("page.html").render(
        results=[_make_template_values(part) for part in parts],
        comparison=comparison,
        compared=_make_tables(comparison) if comparison else [],
    )


def _make_template_values(content: PageContent) -> dict[str, Any]:
    about = make_run_notes(content.report.run)
    return {
        **content._asdict(),
        "attributes": content.report.results.attributes if content.report.results else {},
        "name": Path(content.report.name).name,
        "about": about,
        "sections": _make_tables(content.report),
        "notes": [note for note in content.report.notes if note not in about],
    }


def _make_tables(report: "Report") -> list[dict[str, Any]]:
    """Return the tables; `words` are the numbers of the columns that hold no numbers."""
    made = []
    for table, explanation in zip(report.sections, list_help(report.sections), strict=True):
        rows = table.make_cells()
        columns = enumerate(zip(*rows, strict=True))
        made.append(
            {
                "title": table.title,
                "header": table.header,
                "rows": rows,
                "words": [number for number, cells in columns if holds_words(cells)],
                "help": explanation,
            }
        )
    return made


def _make_data_uri(figure: "EncodedFigure") -> str:
    return f"data:image/png;base64,{base64.b64encode(figure.files['png']).decode()}"
