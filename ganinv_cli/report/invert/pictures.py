"""Each image, its reconstruction and the difference, as the pixels of a file."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.report.shared.image_results import ImageResults
from ganinv_cli.report.shared.run import Group, Pixels

AMPLIFICATIONS = (16, 8, 4, 2, 1)  # times; the first that keeps nearly all differences within grey
FOLDER = "images"
MAX_SHOWN = (
    60  # images in figures; nobody looks through a hundred figures, and files hold the others
)
MAX_NAME_LENGTH = 60  # letters of a file's name that the names of its pictures repeat


class Pair(NamedTuple):
    """An image and what one rule made of it."""

    image: ImageResults
    rule: str
    original: Pixels
    reconstruction: Pixels

    @property
    def signed_difference(self) -> NDArray[np.int64]:
        """Reconstruction less original, in grey levels."""
        return self.reconstruction.astype(np.int64) - self.original


def iterate_pairs(images: Iterable[ImageResults]) -> Iterator[Pair]:
    """Of the images and rules whose best z has been drawn."""
    for image in images:
        for technique in image.recoveries:
            certificate = find_certificate(image, technique)
            if image.target is not None and certificate is not None:
                made = certificate["reconstruction"][0]
                yield Pair(image, technique, image.target, made)


def find_certificate(image: ImageResults, rule: str) -> Group | None:
    """The certificate, if it is of the z that is the best by now."""
    certificate, recoveries = image.certificates.get(rule), image.recoveries[rule]
    if (
        certificate is None
        or certificate["best"][0] != recoveries.group["trial"][recoveries.best_row]
    ):
        return None
    return certificate


def draw_difference(pair: Pair, amplification: int) -> Pixels:
    """Reconstruction less original, amplified, around grey: brighter where it is brighter."""
    return np.asarray(np.clip(128 + amplification * pair.signed_difference, 0, 255), np.uint8)


def choose_amplification(pairs: list[Pair]) -> int:
    """How many times differences can be enlarged with 99 % of them shown in full."""
    large = float(
        np.quantile(
            np.concatenate([np.abs(pair.signed_difference).ravel() for pair in pairs]), 0.99
        )
    )
    return next((times for times in AMPLIFICATIONS if times * large <= 127), 1)


def iterate_files(
    images: Iterable[ImageResults], has_several_rules: bool
) -> Iterator[tuple[str, Pixels]]:
    """(name, pixels) of three PNGs an image, `images/0000-NAME-original.png` and so on.

    Where `several` rules were run, their names stand before `reconstruction` and `difference`.
    """
    before = None
    for pair in iterate_pairs(images):
        stem = f"{FOLDER}/{pair.image.number:04d}-{make_file_stem(pair.image.name)}"
        rule = f"{pair.rule}-" if has_several_rules else ""
        if pair.image.number != before:
            yield f"{stem}-original.png", pair.original
        yield f"{stem}-{rule}reconstruction.png", pair.reconstruction
        yield f"{stem}-{rule}difference.png", draw_difference(pair, choose_amplification([pair]))
        before = pair.image.number


def make_file_stem(name: str) -> str:
    """The file's name without its ending, of letters that every system takes."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name).stem)[:MAX_NAME_LENGTH]
