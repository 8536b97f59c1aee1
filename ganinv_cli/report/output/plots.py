"""Empty figures, montages of images, and encoding as files; without display or global state."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from ganinv_cli.report.report import DrawnFigure

DPI = 100  # of montages, which are laid out in pixels
PICTURE_SIDE = 128  # least drawn side of an image in pixels; drawn at a whole multiple of its side
GAP = 6  # pixels between images
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


class EncodedFigure(NamedTuple):
    """A figure as files."""

    files: dict[str, bytes]  # by format
    inline_format: str  # the format for a page: SVG for lines, PNG for pixels
    width: int  # on the page in pixels, if it fits
    alt: str
    caption: str


def make_figure(width: float = 7.2, height: float = 4.6) -> Figure:
    """Return an empty figure of a size in inches."""
    figure = Figure((width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_montage(
    panels: Mapping[str, NDArray[np.uint8]], columns: Sequence[str], title: str
) -> Figure:
    """Draw a row of images for each panel (columns, height, width, channels).

    Images are enlarged by a whole factor, without interpolation.
    """
    montage = _join_pictures(list(panels.values()))
    height, width = montage.shape[:2]
    left, top, bottom, edge = 120, 40, 26, 10
    total_width, total_height = max(left + width + edge, 9 * len(title)), top + height + bottom
    figure = Figure((total_width / DPI, total_height / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    box = (left / total_width, bottom / total_height, width / total_width, height / total_height)
    axes = figure.add_axes(box)
    axes.imshow(montage, interpolation="nearest", aspect="auto")
    axes.set_yticks(_centres(len(panels), height), list(panels))
    axes.set_xticks(_centres(len(columns), width), list(columns))
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    figure.text(edge / total_width, 1 - 14 / total_height, title, va="top", fontsize=11)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a $ in a file's name is a $
    return figure


def encode_drawn_figure(drawn: DrawnFigure) -> EncodedFigure:
    """Return the figure's files in all FORMATS; the same figure gives the same bytes."""
    figure = drawn.figure
    pixels = any(axes.images for axes in figure.axes)
    return EncodedFigure(
        {form: encode_figure(figure, form) for form in FORMATS},
        "png" if pixels else "svg",
        round(figure.get_figwidth() * (figure.dpi if pixels else 96)),
        drawn.alt,
        drawn.caption,
    )


def encode_figure(figure: Figure, file_format: str) -> bytes:
    """Return the content of a file in one of FORMATS; the same figure gives the same bytes."""
    file = io.BytesIO()
    with mpl.rc_context(_RC_PARAMS):  # type: ignore[arg-type]  # its keys are literals
        figure.savefig(file, format=file_format, metadata=_METADATA[file_format])
    return file.getvalue()


def _join_pictures(rows: Sequence[NDArray[np.uint8]]) -> NDArray[Any]:
    """Return enlarged images on white with a gap around each: (height, width, 3)."""
    side = rows[0].shape[1]
    scale = -(-PICTURE_SIDE // side)
    lines = []
    for row in rows:
        large = row.repeat(scale, axis=1).repeat(scale, axis=2)
        colour = np.broadcast_to(large, (*large.shape[:3], 3))  # grey has one channel
        padding = ((0, 0), (GAP // 2, GAP // 2), (GAP // 2, GAP // 2), (0, 0))
        lines.append(np.concatenate(list(np.pad(colour, padding, constant_values=255)), axis=1))
    return np.concatenate(lines, axis=0)


def _centres(count: int, pixels: int) -> NDArray[np.floating]:
    return (np.arange(count) + 0.5) * pixels / count - 0.5
