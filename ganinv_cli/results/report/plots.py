"""Empty figures, sheets of images, and encoding as files; without display or global state.

Sheets are laid out in pixels, so that images can be enlarged by a whole factor.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from ganinv_cli.results.analysis.trial_sets import Pixels
from ganinv_cli.results.report.grid import DrawnFigure
from ganinv_cli.results.store import Figure as StoredFigure

DPI = 100  # of montages, which are laid out in pixels
PICTURE_SIDE = 128  # least drawn side of an image in pixels; drawn at a whole multiple of its side
GAP = 6  # pixels between images
PAGE_WIDTH = 768  # pixels of a figure on the page at most
LEFT, EDGE, LINE = 104, 10, 15  # pixels beside the pictures, around the sheet, of a line of text
GREY = "#555555"  # of lines and text that belong to no rule

# Files are reproducible: no dates, no random names. SVG draws letters as paths, so that they look
# the same everywhere; PDF embeds fonts as TrueType, as journals require.
_RC_PARAMS = {"svg.hashsalt": "ganinv", "svg.fonttype": "path", "pdf.fonttype": 42}
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}


class PlainLogFormatter(LogFormatter):
    """Write 0.06 and 10 at the ticks that Matplotlib would label as 6×10⁻² and 10¹."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


class EncodedFigure(NamedTuple):
    """A figure as files."""

    files: dict[str, bytes]  # by format; a page has the PNG
    width: int  # on the page in pixels, if it fits
    alt: str
    caption: str


def make_figure(width: float = 7.2, height: float = 4.6) -> Figure:
    """Return an empty figure of a size in inches."""
    return Figure((width, height), dpi=150, layout="constrained")


def enlarge_side(side: int) -> int:
    """Return the drawn length, in pixels, of an image's side of `side` pixels."""
    return -(-PICTURE_SIDE // side) * side


def add_pixel_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes; `left` and `top` are pixels from the figure's upper left corner."""
    whole_width, whole_height = figure.get_size_inches() * figure.dpi
    bottom = whole_height - top - height
    return figure.add_axes(
        (left / whole_width, bottom / whole_height, width / whole_width, height / whole_height)
    )


def draw_picture_rows(
    rows: Sequence[tuple[str, Sequence[Pixels]]],
    above: Sequence[str] = (),
    below: Sequence[str] = (),
    title: str = "",
    space: int = 0,
) -> Figure:
    """Draw rows of pictures, enlarged without interpolation, each with its text at the left.

    Each column has a text above or below it, of one or more lines. `space` pixels at the end stay
    empty. A page shrinks a wide sheet, so its text is larger.
    """
    side, columns = enlarge_side(rows[0][1][0].shape[0]), len(rows[0][1])
    width = columns * (side + GAP)
    scale = max(1, (LEFT + width + EDGE) / PAGE_WIDTH)
    left, edge, line = (round(scale * pixels) for pixels in (LEFT, EDGE, LINE))
    lines = max((text.count("\n") + 1 for text in above), default=0)
    lines += title.count("\n") + 2 if title else 0
    top = edge + lines * line
    end = top + len(rows) * (side + GAP)
    size = (
        max(left + width + edge, round(11 * scale) * max(map(len, title.split("\n")))),
        end + (line + edge if below else edge) + space,
    )
    figure = Figure((size[0] / DPI, size[1] / DPI), dpi=DPI)
    _write(figure, title, edge, edge, fontsize=11 * scale)
    for number, (label, pictures) in enumerate(rows):
        at = top + number * (side + GAP)
        _write(figure, label, left - edge, at + side / 2, "right", "center", fontsize=9 * scale)
        for column, picture in enumerate(pictures):
            axes = add_pixel_axes(figure, left + column * (side + GAP), at, side, side)
            colour = np.broadcast_to(picture, (*picture.shape[:2], 3))  # grey has one channel
            axes.imshow(colour, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
    for column in range(columns):
        centre = left + column * (side + GAP) + side / 2
        if above:
            _write(figure, above[column], centre, top - 4, "center", "bottom", fontsize=8 * scale)
        if below:
            _write(figure, below[column], centre, end, "center", fontsize=8 * scale)
    return figure


def _write(
    figure: Figure,
    text: str,
    left: float,
    top: float,
    ha: Literal["left", "center", "right"] = "left",
    va: Literal["top", "center", "bottom"] = "top",
    **style: Any,
) -> None:
    """Write text at a pixel; a $ is not read as mathematics."""
    width, height = figure.get_size_inches() * figure.dpi
    figure.text(left / width, 1 - top / height, text, ha=ha, va=va, parse_math=False, **style)


def draw_montage(stored: StoredFigure, title: str) -> Figure:
    """Draw a row of pictures for each panel, a column for each trial."""
    rows = [*zip(stored.panels, stored.pictures, strict=True)]
    return draw_picture_rows(rows, below=[f"trial {trial}" for trial in stored.trials], title=title)


@contextlib.contextmanager
def use_own_style() -> Iterator[None]:
    """Draw with Matplotlib's defaults: a user's matplotlibrc may ask for LaTeX, or other fonts."""
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def encode_drawn_figure(drawn: DrawnFigure, formats: Sequence[str] = ("png",)) -> EncodedFigure:
    """Return the figure's files in some formats and PNG; the same figure gives the same bytes."""
    figure = drawn.figure
    pixels = any(axes.images for axes in figure.axes)
    files = {}
    for form in dict.fromkeys(("png", *formats)):
        files[form] = encode_figure(figure, form)
        figure.set_layout_engine(None)  # the first format has laid it out for all
    width = round(figure.get_figwidth() * (figure.dpi if pixels else 96))
    return EncodedFigure(files, min(PAGE_WIDTH, width), drawn.alt, drawn.caption)


def encode_figure(figure: Figure, file_format: str) -> bytes:
    """Return the content of a file of a format; the same figure gives the same bytes."""
    file = io.BytesIO()
    with mpl.rc_context(_RC_PARAMS), warnings.catch_warnings():  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", "Glyph ")  # of a name, which the page has as text
        figure.savefig(file, format=file_format, metadata=_METADATA[file_format])
    return file.getvalue()
