"""What a report writes: tables, figures, pictures and a page, each file whole or not at all."""

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganinv_cli.errors import GaninvError
from ganinv_cli.report.commands import reporting
from ganinv_cli.report.output.page import Part, page
from ganinv_cli.report.output.plots import FORMATS, encode
from ganinv_cli.report.output.render import render
from ganinv_cli.report.shared.failures import failures
from ganinv_cli.settings.names import STYLES

if TYPE_CHECKING:
    from ganinv_cli.report.report import Report
    from ganinv_cli.store import Results

PAGE = "report.html"
SAID = 16  # names in the line that says what was written

_Pictures = Iterator[tuple[str, NDArray[np.uint8]]]  # (name in the folder, pixels), one by one


def write(report: "Report", results: "Results", folder: Path) -> str:
    """Write the tables in every style, the figures and the page; give one line that says so.

    Raises GaninvError when the folder cannot be written.
    """
    return _write(_part(report, results), results, folder)


def write_together(
    reports: Sequence["Report"], results: Sequence["Results"], folder: Path, inside: Sequence[str]
) -> list[str]:
    """The same for each, in the folders `inside`, and one page of them all; a line for each."""
    parts = [_part(*each) for each in zip(reports, results, strict=True)]
    lines = [
        _write(part, of, folder / name)
        for part, of, name in zip(parts, results, inside, strict=True)
    ]
    _fill(folder, {PAGE: page(parts)}.items())
    return [*lines, _said([PAGE], {}, folder)]


def replace(path: Path, content: bytes) -> None:
    """Put a file there, as a whole or not at all; raises OSError."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _part(report: "Report", results: "Results") -> Part:
    command = reporting(results, report.name)
    failed = getattr(command, "failed", None)  # not every command knows better than the solver
    return Part(
        report,
        command.TABLE,
        {name: encode(drawn) for name, drawn in command.draw(results).items()},
        getattr(command, "ON_PAGE", None),
        failures(results, failed(results) if failed else {}),
        getattr(command, "NONE_FAILED", None),
        results.attributes,
    )


def _write(part: Part, results: "Results", folder: Path) -> str:
    files: dict[str, str | bytes] = {
        f"{part.stem}.{ending}": render([part.report], style) for style, ending in STYLES.items()
    }
    for name, picture in part.pictures.items():
        files |= {f"{name}.{form}": content for form, content in picture.files.items()}
    files[PAGE] = page([part])
    _fill(folder, files.items())
    pictures = getattr(reporting(results, part.report.name), "pictures", None)
    written = _fill(folder, _encoded(pictures(results)) if pictures else ())
    return _said(list(files), written, folder)


def _encoded(pictures: _Pictures) -> Iterator[tuple[str, bytes]]:
    for name, pixels in pictures:
        file = io.BytesIO()
        # A grey image has one channel, of which Pillow knows nothing.
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
        yield name, file.getvalue()


def _fill(folder: Path, files: Iterable[tuple[str, str | bytes]]) -> dict[str, int]:
    """How many files went into each folder inside; one file is held at a time."""
    inside: dict[str, int] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files:
            if isinstance(content, str):  # a path may hold bytes that are no text
                content = content.encode(errors="replace")
            path = folder / name
            if path.parent != folder:
                path.parent.mkdir(exist_ok=True)
                inside[path.parent.name] = inside.get(path.parent.name, 0) + 1
            replace(path, content)
    except OSError as error:
        raise GaninvError(
            f"{folder}: tables and figures cannot be written there ({error.strerror}); "
            "make room or give another folder, then run `ganinv report`"
        ) from error
    return inside


def _said(names: Sequence[str], inside: Mapping[str, int], folder: Path) -> str:
    """A figure's files together, as figure2a.{png,pdf,svg}; of many figures, the first."""
    stems = dict.fromkeys(
        f"{PurePath(name).stem}.{{{','.join(FORMATS)}}}"
        if PurePath(name).suffix.removeprefix(".") in FORMATS
        else name
        for name in names
    )
    said = list(stems)
    if (left_out := len(said) - SAID) > 1:
        said[SAID - 1 : -1] = [f"{left_out + 1:,} more figures"]
    more = "".join(f" and {count:,} pictures in {name}/" for name, count in inside.items())
    return f"wrote {', '.join(said)}{more} into {folder}/"
