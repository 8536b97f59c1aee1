"""Image files: each image, its reconstruction and their difference."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.report.shared.image_results import ImageResults
from ganinv_cli.report.shared.run import Group, Pixels

AMPLIFICATIONS = (16, 8, 4, 2, 1)  # the first that clips hardly any difference is used
FOLDER = "images"
MAX_SHOWN = 60  # images in figures; the files show all
MAX_NAME_LENGTH = 60  # characters of an image's file name in the names of its pictures


class Pair(NamedTuple):
    """An image and its reconstruction under one rule."""

    image: ImageResults
    rule: str
    original: Pixels
    reconstruction: Pixels

    @property
    def signed_difference(self) -> NDArray[np.int64]:
        """The reconstruction minus the original, in grey levels."""
        return self.reconstruction.astype(np.int64) - self.original


def iterate_pairs(images: Iterable[ImageResults]) -> Iterator[Pair]:
    """Yield a pair for each image and rule whose best z has been rendered."""
    for image in images:
        for technique in image.recoveries:
            certificate = find_certificate(image, technique)
            if image.target is not None and certificate is not None:
                made = certificate["reconstruction"][0]
                yield Pair(image, technique, image.target, made)


def find_certificate(image: ImageResults, rule: str) -> Group | None:
    """Return the certificate of a rule, if it is of the current best z."""
    certificate, recoveries = image.certificates.get(rule), image.recoveries[rule]
    if (
        certificate is None
        or certificate["best"][0] != recoveries.group["trial"][recoveries.best_row]
    ):
        return None
    return certificate


def draw_difference(pair: Pair, amplification: int) -> Pixels:
    """Return reconstruction less original, amplified, around grey."""
    return np.asarray(np.clip(128 + amplification * pair.signed_difference, 0, 255), np.uint8)


def choose_amplification(pairs: list[Pair]) -> int:
    """Return the largest amplification that shows 99 % of the differences in full."""
    large = float(
        np.quantile(
            np.concatenate([np.abs(pair.signed_difference).ravel() for pair in pairs]), 0.99
        )
    )
    return next((times for times in AMPLIFICATIONS if times * large <= 127), 1)


def iterate_files(
    images: Iterable[ImageResults], has_several_rules: bool
) -> Iterator[tuple[str, Pixels]]:
    """Yield (name, pixels) of three PNGs per image, `images/0000-NAME-original.png` and so on.

    If several rules were run, their names precede `reconstruction` and `difference`.
    """
    before = None
    for pair in iterate_pairs(images):
        stem = f"{FOLDER}/{pair.image.number:04d}-{make_file_stem(pair.image.name)}"
        rule = f"{pair.rule}-" if has_several_rules else ""
        if pair.image is not before:
            yield f"{stem}-original.png", pair.original
        yield f"{stem}-{rule}reconstruction.png", pair.reconstruction
        yield f"{stem}-{rule}difference.png", draw_difference(pair, choose_amplification([pair]))
        before = pair.image


def make_file_stem(name: str) -> str:
    """Return a file's name without its suffix, in characters that every system accepts."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name).stem)[:MAX_NAME_LENGTH]
