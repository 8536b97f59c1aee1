"""The shapes of layer outputs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganinv_cli.network.layers import Layer

MAX_SQUARE_LATENT = 1024  # components of z up to which each trial has a (latent, latent) matrix

Shape = tuple[int, ...]  # of one row, without the batch


class ShapeError(ValueError):
    """Raised if a layer cannot take its inputs; the message names the shapes."""


def infer_shape(layer: "Layer", inputs: Sequence[Shape]) -> Shape:
    """Return the shape of a layer's output from the shapes of its inputs. Raises ShapeError."""
    try:
        shape = layer.output_shape(*inputs)
        require(min(shape, default=1) > 0)
    except (ValueError, IndexError):
        takes = " and ".join(map(format_shape, inputs))
        raise ShapeError(f"{type(layer).__name__} cannot take {takes}") from None
    return shape


def require(fits: bool) -> None:
    """Raise ShapeError if a layer does not fit its inputs."""
    if not fits:
        raise ShapeError


def format_shape(shape: Shape) -> str:
    """Return a shape as text, e.g. `4 x 4 x 512`."""
    return " x ".join(map(str, shape)) or "one number"
