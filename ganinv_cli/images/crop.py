"""The part of an image that is resized to the generator's images."""

import re
from dataclasses import dataclass

from ganinv_cli.errors import ConfigError, ImageError

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright image

_SQUARE_PATTERN = re.compile(r"([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9})")


@dataclass(frozen=True)
class Crop:
    """`center`, the largest centred square; `none`, the whole image; or `X,Y,SIZE` in pixels.

    X and Y count from the left and the top of the upright image, SIZE is the square's side. With
    `none`, the image is distorted to the network's shape. Raises ConfigError for any other text.
    """

    text: str = "center"

    def __post_init__(self) -> None:
        square = _SQUARE_PATTERN.fullmatch(self.text)
        if self.text not in _NAMED_BOXES and (square is None or int(square[3]) == 0):
            raise ConfigError(
                f"a crop is center, none or X,Y,SIZE in whole pixels, such as 40,0,256, "
                f"not {self.text!r}"
            )

    @property
    def is_square(self) -> bool:
        """Whether it is a square that the user chose."""
        return self.text not in _NAMED_BOXES

    def compute_box(self, width: int, height: int, name: str) -> Box:
        """Return the part in pixels. Raises ImageError, with the name, if it reaches outside."""
        if not self.is_square:
            return _NAMED_BOXES[self.text](width, height)
        left, top, side = (int(number) for number in self.text.split(","))
        if left + side > width or top + side > height:
            raise ImageError(
                f"{name} has {width} x {height} pixels, and the square {self.text} reaches outside "
                "them; choose another --crop"
            )
        return left, top, left + side, top + side


def compute_whole_box(width: int, height: int) -> Box:
    """Return the box of the whole image."""
    return 0, 0, width, height


def _compute_center_box(width: int, height: int) -> Box:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


_NAMED_BOXES = {"center": _compute_center_box, "none": compute_whole_box}
