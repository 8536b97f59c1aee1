"""Write a report's folder: tables, figures, images and a page, each file whole or not at all."""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganinv_cli.errors import GaninvError
from ganinv_cli.files import encode_png, make_folder, replace_file
from ganinv_cli.report.page import PageContent, render_page
from ganinv_cli.report.plots import FORMATS, encode_drawn_figure, use_own_style
from ganinv_cli.report.render import render
from ganinv_cli.report.report import find_report_module
from ganinv_cli.settings.names import STYLES

if TYPE_CHECKING:
    from ganinv_cli.report.report import Report
    from ganinv_cli.store import Results

PAGE = "report.html"

_Pictures = Iterator[tuple[str, NDArray[np.uint8]]]  # (name in the folder, pixels), one by one


def write_report(report: "Report", results: "Results", folder: Path) -> PageContent:
    """Write the tables in every style, the figures and the page, whose content is returned.

    Each file is replaced as a whole or not at all. Raises GaninvError if the folder cannot be
    written.
    """
    module = find_report_module(results, report.name)
    with use_own_style():
        figures = {name: encode_drawn_figure(drawn) for name, drawn in module.draw(results).items()}
    content = PageContent(report, module, figures, results.attributes)
    files: dict[str, str | bytes] = {**_render_styles(report, module.table)}
    for name, figure in figures.items():
        files |= {f"{name}.{form}": encoded for form, encoded in figure.files.items()}
    files[PAGE] = render_page([content])
    _write_files(folder, files.items())
    _write_files(folder, _encode_pictures(module.iterate_pictures(results)))
    _remove_earlier_figures(folder, module.figures, figures)
    return content


def write_page(
    contents: Sequence[PageContent], folder: Path, comparison: "Report | None" = None
) -> None:
    """Write one page of several results.

    It begins with the tables of `comparison`, if given, which are written beside it as well. Raises
    GaninvError if the folder cannot be written.
    """
    files: dict[str, str | bytes] = {PAGE: render_page(contents, comparison)}
    if comparison:
        files |= _render_styles(comparison, comparison.name)
    _write_files(folder, files.items())


def _remove_earlier_figures(folder: Path, pattern: str, drawn: Container[str]) -> None:
    """Remove the figures of an earlier run that has others, but no file that is not of a figure."""
    for path in folder.glob(f"*.{FORMATS[0]}"):
        files = [path.with_name(f"{path.stem}.{form}") for form in FORMATS]
        is_figure = re.fullmatch(pattern, path.stem) and all(file.is_file() for file in files)
        if is_figure and path.stem not in drawn:
            for file in files:
                file.unlink(missing_ok=True)


def _render_styles(report: "Report", stem: str) -> dict[str, str]:
    """Return the tables in every style, by the name of their file."""
    return {f"{stem}.{ending}": render([report], style) for style, ending in STYLES.items()}


def _encode_pictures(pictures: _Pictures) -> Iterator[tuple[str, bytes]]:
    for name, pixels in pictures:
        # Pillow takes grey images without a channel axis.
        yield name, encode_png(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))


def _write_files(folder: Path, files: Iterable[tuple[str, str | bytes]]) -> None:
    """Write files one at a time."""
    try:
        for name, content in files:
            if isinstance(content, str):  # a path may contain bytes that are not text
                content = content.encode(errors="replace")
            path = folder / name
            make_folder(path.parent)
            replace_file(path, content)
    except OSError as error:
        raise GaninvError(
            f"{folder}: tables and figures cannot be written there ({error.strerror}); "
            "free some space or give another folder, then run `ganinv report`"
        ) from error
