"""Figures laid out in pixels, so that images can be enlarged by a whole factor."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ganinv_cli.report.output.plots import DPI, PICTURE_SIDE
from ganinv_cli.report.shared.run import Pixels


def make_sheet(width: int, height: int) -> Figure:
    """Return an empty figure of `width` by `height` pixels."""
    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


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
