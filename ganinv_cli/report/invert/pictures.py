"""Each image, its reconstruction and the difference, as the pixels of a file."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.report.consistency.images import Image
from ganinv_cli.report.shared.run import Group, Pixels

AMPLIFIED = (16, 8, 4, 2, 1)  # times; the first that keeps nearly all differences within grey
FOLDER = "images"
SHOWN = 60  # images in figures; nobody looks through a hundred figures, and files hold the others
LONGEST = 60  # letters of a file's name that the names of its pictures repeat


class Pair(NamedTuple):
    """An image and what one rule made of it."""

    image: Image
    technique: str
    original: Pixels
    reconstruction: Pixels

    @property
    def apart(self) -> NDArray[np.int64]:
        """Reconstruction less original, in grey levels."""
        return self.reconstruction.astype(np.int64) - self.original


def pairs(images: Iterable[Image]) -> Iterator[Pair]:
    """Of the images and rules whose best z has been drawn."""
    for image in images:
        for technique in image.rules:
            certificate = certified(image, technique)
            if image.target is not None and certificate is not None:
                made = certificate["reconstruction"][0]
                yield Pair(image, technique, image.target, made)


def certified(image: Image, technique: str) -> Group | None:
    """The certificate, if it is of the z that is the best by now."""
    certificate, found = image.certificates.get(technique), image.rules[technique]
    if certificate is None or certificate["best"][0] != found.group["trial"][found.best]:
        return None
    return certificate


def difference(pair: Pair, amplified: int) -> Pixels:
    """Reconstruction less original, amplified, around grey: brighter where it is brighter."""
    return np.asarray(np.clip(128 + amplified * pair.apart, 0, 255), np.uint8)


def amplification(of: list[Pair]) -> int:
    """How many times differences can be enlarged with 99 % of them shown in full."""
    large = float(np.quantile(np.concatenate([np.abs(pair.apart).ravel() for pair in of]), 0.99))
    return next((times for times in AMPLIFIED if times * large <= 127), 1)


def files(images: Iterable[Image], several: bool) -> Iterator[tuple[str, Pixels]]:
    """(name, pixels) of three PNGs an image, `images/0000-NAME-original.png` and so on.

    Where `several` rules were run, their names stand before `reconstruction` and `difference`.
    """
    before = None
    for pair in pairs(images):
        stem = f"{FOLDER}/{pair.image.number:04d}-{safe(pair.image.name)}"
        rule = f"{pair.technique}-" if several else ""
        if pair.image.number != before:
            yield f"{stem}-original.png", pair.original
        yield f"{stem}-{rule}reconstruction.png", pair.reconstruction
        yield f"{stem}-{rule}difference.png", difference(pair, amplification([pair]))
        before = pair.image.number


def safe(name: str) -> str:
    """The file's name without its ending, of letters that every system takes."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name).stem)[:LONGEST]
