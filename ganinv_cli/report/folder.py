"""Write a report's folder: tables, figures, images and a page, each file whole or not at all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
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
MAX_NAMES = 16  # in the line that lists what was written

_Pictures = Iterator[tuple[str, NDArray[np.uint8]]]  # (name in the folder, pixels), one by one


def write_report(report: "Report", results: "Results", folder: Path) -> str:
    """Write the tables in every style, the figures and the page; return a line that says so.

    Each file is replaced as a whole or not at all. Raises GaninvError if the folder cannot be
    written.
    """
    return _write_one(_make_page_content(report, results), results, folder)


def write_reports(
    reports: Sequence["Report"],
    results: Sequence["Results"],
    folder: Path,
    folder_names: Sequence[str],
    comparison: "Report | None" = None,
) -> list[str]:
    """Write each report into its folder in `folder`, and one page of all; return a line for each.

    The page begins with the tables of `comparison`, if given, which are written beside it as well.
    Raises GaninvError if a folder cannot be written.
    """
    contents = [_make_page_content(*each) for each in zip(reports, results, strict=True)]
    lines = [
        _write_one(content, of, folder / name)
        for content, of, name in zip(contents, results, folder_names, strict=True)
    ]
    files: dict[str, str | bytes] = {PAGE: render_page(contents, comparison)}
    if comparison:
        files |= _render_styles(comparison, comparison.name)
    _write_files(folder, files.items())
    return [*lines, _describe_written(list(files), {}, folder)]


def _make_page_content(report: "Report", results: "Results") -> PageContent:
    module = find_report_module(results, report.name)
    with use_own_style():
        figures = {name: encode_drawn_figure(drawn) for name, drawn in module.draw(results).items()}
    return PageContent(report, module, figures, results.attributes)


def _write_one(content: PageContent, results: "Results", folder: Path) -> str:
    files: dict[str, str | bytes] = {**_render_styles(content.report, content.module.table)}
    for name, figure in content.figures.items():
        files |= {f"{name}.{form}": encoded for form, encoded in figure.files.items()}
    files[PAGE] = render_page([content])
    _write_files(folder, files.items())
    written = _write_files(folder, _encode_pictures(content.module.iterate_pictures(results)))
    return _describe_written(list(files), written, folder)


def _render_styles(report: "Report", stem: str) -> dict[str, str]:
    """Return the tables in every style, by the name of their file."""
    return {f"{stem}.{ending}": render([report], style) for style, ending in STYLES.items()}


def _encode_pictures(pictures: _Pictures) -> Iterator[tuple[str, bytes]]:
    for name, pixels in pictures:
        # Pillow takes grey images without a channel axis.
        yield name, encode_png(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))


def _write_files(folder: Path, files: Iterable[tuple[str, str | bytes]]) -> dict[str, int]:
    """Write files one at a time; return the number of files in each subfolder."""
    counts: dict[str, int] = {}
    try:
        make_folder(folder)
        for name, content in files:
            if isinstance(content, str):  # a path may contain bytes that are not text
                content = content.encode(errors="replace")
            path = folder / name
            if path.parent != folder:
                make_folder(path.parent)
                counts[path.parent.name] = counts.get(path.parent.name, 0) + 1
            replace_file(path, content)
    except OSError as error:
        raise GaninvError(
            f"{folder}: tables and figures cannot be written there ({error.strerror}); "
            "free some space or give another folder, then run `ganinv report`"
        ) from error
    return counts


def _describe_written(names: Sequence[str], counts: Mapping[str, int], folder: Path) -> str:
    """Return a line that lists the files, figures as figure2a.{png,pdf,svg}, at most MAX_NAMES."""
    stems = dict.fromkeys(
        f"{PurePath(name).stem}.{{{','.join(FORMATS)}}}"
        if PurePath(name).suffix.removeprefix(".") in FORMATS
        else name
        for name in names
    )
    shown = list(stems)
    if (left_out := len(shown) - MAX_NAMES) > 1:
        shown[MAX_NAMES - 1 : -1] = [f"{left_out + 1:,} more figures"]
    more = "".join(f" and {count:,} pictures in {name}/" for name, count in counts.items())
    return f"wrote {', '.join(shown)}{more} into {folder}/"
