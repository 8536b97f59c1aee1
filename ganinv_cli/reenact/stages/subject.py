"""The picture that candidates are made for."""

from collections.abc import Iterator
from typing import NamedTuple

from ganinv_cli.images import Picture
from ganinv_cli.reenact.chain import Stage
from ganinv_cli.reenact.stages.jpeg import Jpeg

Changes = tuple[Stage, ...]
Options = Iterator[Changes]  # of which the most promising is fitted


class Subject(NamedTuple):
    """What is known of a picture before anything is fitted to it."""

    picture: Picture
    jpeg: Jpeg | None  # how JPEG stored it; None: it did not
    aligns: bool  # whether it may have been moved and recoloured

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.picture.pixels.shape
        return height, width, channels
