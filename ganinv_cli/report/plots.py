"""Empty figures, sheets of images, and encoding as files; without display or global state.

Sheets are laid out in pixels, so that images can be enlarged by a whole factor.
"""

import contextlib
import io
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter
from numpy.typing import NDArray

from ganinv_cli.analysis.cells import Pixels
from ganinv_cli.report.report import DrawnFigure
from ganinv_cli.store import Figure as StoredFigure

DPI = 100  # of montages, which are laid out in pixels
PICTURE_SIDE = 128  # least drawn side of an image in pixels; drawn at a whole multiple of its side
GAP = 6  # pixels between images
PAGE_WIDTH = 768  # pixels of a figure on the page at most
GREY = "#555555"  # of lines and text that belong to no rule

# Files are reproducible: no dates, no random names. SVG draws letters as paths, so that they look
# the same everywhere; PDF embeds fonts as TrueType, as journals require.
_RC_PARAMS = {"svg.hashsalt": "ganinv", "svg.fonttype": "path", "pdf.fonttype": 42}
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}
FORMATS = tuple(_METADATA)


class PlainLogFormatter(LogFormatter):
    """Write 0.06 and 10 at the ticks that Matplotlib would label as 6×10⁻² and 10¹."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


class EncodedFigure(NamedTuple):
    """A figure as files."""

    files: dict[str, bytes]  # by format
    inline_format: str  # the format for a page: SVG for lines, PNG for pixels
    width: int  # on the page in pixels, if it fits
    alt: str
    caption: str


def make_figure(width: float = 7.2, height: float = 4.6) -> Figure:
    """Return an empty figure of a size in inches."""
    return Figure((width, height), dpi=150, layout="constrained")


def make_sheet(width: int, height: int) -> Figure:
    """Return an empty figure of `width` by `height` pixels."""
    return Figure((width / DPI, height / DPI), dpi=DPI)


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


def draw_picture(figure: Figure, picture: Pixels, left: float, top: float) -> None:
    """Draw a square picture, enlarged."""
    side = enlarge_side(picture.shape[0])
    axes = add_pixel_axes(figure, left, top, side, side)
    colour = np.broadcast_to(picture, (*picture.shape[:2], 3))  # grey has one channel
    axes.imshow(colour, interpolation="nearest", aspect="auto")
    axes.set_axis_off()


def write_text(figure: Figure, text: str, left: float, top: float, **style: Any) -> None:
    """Write text with its upper left corner at (left, top); a $ is not read as mathematics."""
    width, height = figure.get_size_inches() * figure.dpi
    defaults: dict[str, Any] = {"va": "top", "fontsize": 9, "parse_math": False}
    figure.text(left / width, 1 - top / height, text, **(defaults | style))


def draw_montage(stored: StoredFigure, title: str) -> Figure:
    """Draw a row of images for each panel, enlarged without interpolation."""
    montage = _join_pictures(stored.pictures)
    height, width = montage.shape[:2]
    scale = max(1, (width + 130) / PAGE_WIDTH)  # of the text, which the page shrinks as well
    left, top, bottom, edge = (round(scale * pixels) for pixels in (120, 40, 26, 10))
    title_width = round(11 * scale) * len(title)  # at most
    figure = make_sheet(max(left + width + edge, title_width), top + height + bottom)
    axes = add_pixel_axes(figure, left, top, width, height)
    axes.imshow(montage, interpolation="nearest", aspect="auto")
    axes.set_yticks(_centres(len(stored.panels), height), list(stored.panels))
    columns = [f"trial {trial}" for trial in stored.trials]
    axes.set_xticks(_centres(len(columns), width), columns)
    axes.tick_params(length=0, labelsize=9 * scale)
    axes.spines[:].set_visible(False)
    write_text(figure, title, edge, 14 * scale, fontsize=11 * scale)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a $ in a file's name is a $
    return figure


@contextlib.contextmanager
def use_own_style() -> Iterator[None]:
    """Draw with Matplotlib's defaults: a user's matplotlibrc may ask for LaTeX, or other fonts."""
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def encode_drawn_figure(drawn: DrawnFigure) -> EncodedFigure:
    """Return the figure's files in all FORMATS; the same figure gives the same bytes."""
    figure = drawn.figure
    pixels = any(axes.images for axes in figure.axes)
    files = {}
    for form in FORMATS:
        files[form] = encode_figure(figure, form)
        figure.set_layout_engine(None)  # the first format has laid it out for all
    width = round(figure.get_figwidth() * (figure.dpi if pixels else 96))
    return EncodedFigure(
        files, "png" if pixels else "svg", min(PAGE_WIDTH, width), drawn.alt, drawn.caption
    )


def encode_figure(figure: Figure, file_format: str) -> bytes:
    """Return the content of a file in one of FORMATS; the same figure gives the same bytes."""
    file = io.BytesIO()
    with mpl.rc_context(_RC_PARAMS):  # type: ignore[arg-type]  # its keys are literals
        figure.savefig(file, format=file_format, metadata=_METADATA[file_format])
    return file.getvalue()


def _join_pictures(rows: Iterable[NDArray[np.uint8]]) -> NDArray[Any]:
    """Return enlarged images on white with a gap around each: (height, width, 3)."""
    lines = []
    for row in rows:
        scale = enlarge_side(row.shape[1]) // row.shape[1]
        large = row.repeat(scale, axis=1).repeat(scale, axis=2)
        colour = np.broadcast_to(large, (*large.shape[:3], 3))  # grey has one channel
        padding = ((0, 0), (GAP // 2, GAP // 2), (GAP // 2, GAP // 2), (0, 0))
        lines.append(np.concatenate(list(np.pad(colour, padding, constant_values=255)), axis=1))
    return np.concatenate(lines, axis=0)


def _centres(count: int, pixels: int) -> NDArray[np.floating]:
    return (np.arange(count) + 0.5) * pixels / count - 0.5
