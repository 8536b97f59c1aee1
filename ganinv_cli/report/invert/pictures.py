"""Image files: each image, its reconstruction and their difference."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.analysis.certificate import (
    choose_amplification,
    make_certificate,
    subtract_pictures,
)
from ganinv_cli.analysis.groups import Pixels
from ganinv_cli.analysis.image_results import (
    ImageResults,
    find_rules,
    get_reconstruction,
    read_images,
)
from ganinv_cli.report.table import Row, to_plain

if TYPE_CHECKING:
    from ganinv_cli.store import Results

FOLDER = "images"
MAX_SHOWN = 60  # images in figures; the files show all
MAX_NAME_LENGTH = 60  # characters of an image's file name in the names of its pictures


@dataclass(frozen=True, eq=False)
class Pair:
    """An image and its reconstruction under one rule."""

    image: ImageResults
    rule: str
    original: Pixels
    reconstruction: Pixels

    @cached_property
    def row(self) -> Row:
        """The certificate of the image under the rule."""
        row: Row = to_plain(make_certificate(self.image, self.rule))
        return row

    @property
    def difference(self) -> np.ndarray:
        """The reconstruction minus the original, in grey levels."""
        return subtract_pictures(self.reconstruction, self.original)


def iterate_pairs(images: Iterable[ImageResults]) -> Iterator[Pair]:
    """Yield a pair for each image and rule whose best z has been rendered."""
    for image in images:
        for technique in image.recoveries:
            certificate = image.find_certificate(technique)
            if certificate is not None:
                made = get_reconstruction(certificate)
                yield Pair(image, technique, image.target, made)


def draw_difference(pair: Pair, amplification: int) -> Pixels:
    """Return reconstruction less original, amplified, around grey."""
    return np.asarray(np.clip(128 + amplification * pair.difference, 0, 255), np.uint8)


def iterate_pictures(results: "Results") -> Iterator[tuple[str, Pixels]]:
    """Yield (name, pixels) of three PNGs per image, `images/0000-NAME-original.png` and so on.

    If several rules were run, their names precede `reconstruction` and `difference`.
    """
    has_several_rules = len(find_rules(results)) > 1
    before = None
    for pair in iterate_pairs(read_images(results)):
        stem = f"{FOLDER}/{pair.image.number:04d}-{make_file_stem(pair.image.name)}"
        rule = f"{pair.rule}-" if has_several_rules else ""
        if pair.image is not before:
            yield f"{stem}-original.png", pair.original
        yield f"{stem}-{rule}reconstruction.png", pair.reconstruction
        yield (
            f"{stem}-{rule}difference.png",
            draw_difference(pair, choose_amplification([pair.difference])),
        )
        before = pair.image


def make_file_stem(name: str) -> str:
    """Return a file's name without its suffix, in characters that every system accepts."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name).stem)[:MAX_NAME_LENGTH]
