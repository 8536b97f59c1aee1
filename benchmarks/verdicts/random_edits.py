"""Random edits of pictures: one of a group, or two or three of different groups, then a file.

A picture is of one of two classes: its pixels went through a lossy codec (JPEG, WebP) at some
step, or never. The groups of its edits are given; the kind of each, its strength and the quality
of the file are random.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from benchmarks.verdicts.colour_edits import FILTER, TONE, Picture, Random, RandomEdit
from benchmarks.verdicts.place_edits import GEOMETRY, REGION


class Edited(NamedTuple):
    """A picture, and what was done to it."""

    picture: Picture
    kinds: tuple[str, ...] = ()  # keys of EDITS[group]
    words: tuple[str, ...] = ()  # with strengths


def store_as_jpeg(picture: Picture, random: Random) -> tuple[Picture, str]:
    quality = int(random.integers(60, 96))
    return _store(picture, "JPEG", quality=quality), f"JPEG {quality}"


def store_as_jpeg_twice(picture: Picture, random: Random) -> tuple[Picture, str]:
    first, second = (int(quality) for quality in random.integers(60, 96, 2))
    once = _store(picture, "JPEG", quality=first)
    return _store(once, "JPEG", quality=second), f"JPEG {first}, then {second}"


def store_as_webp(picture: Picture, random: Random) -> tuple[Picture, str]:
    quality = int(random.integers(60, 96))
    return _store(picture, "WEBP", quality=quality), f"WebP {quality}"


def store_as_gif(picture: Picture, random: Random) -> tuple[Picture, str]:
    return _store(picture, "GIF"), "GIF"


def reduce_colours(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Give a picture a palette of its own, in half of the cases with dithering."""
    colours = int(random.choice((32, 64, 128, 256)))
    reduced = picture.quantize(colours)
    if random.integers(2):
        dithered = picture.quantize(palette=reduced, dither=Image.Dither.FLOYDSTEINBERG)
        return dithered.convert("RGB"), f"{colours} colours, dithered"
    return reduced.convert("RGB"), f"{colours} colours"


def store_in_16_bits(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Keep 5 bits of red and blue and 6 of green, as small displays do."""
    levels = [[round(round(x * n / 255) * 255 / n) for x in range(256)] for n in (31, 63, 31)]
    return picture.point(levels[0] + levels[1] + levels[2]), "16-bit colours"


def _store(picture: Picture, codec: str, **options: Any) -> Picture:
    file = io.BytesIO()
    picture.save(file, codec, **options)
    return Image.open(file).convert("RGB")


LOSSY: Mapping[str, RandomEdit] = {
    "JPEG": store_as_jpeg,
    "JPEG twice": store_as_jpeg_twice,
    "WebP": store_as_webp,
}
EDITS: Mapping[str, Mapping[str, RandomEdit]] = {
    "tone": TONE,
    "filter": FILTER,
    "geometry": GEOMETRY,
    "codec": {
        **LOSSY,
        "GIF": store_as_gif,
        "palette": reduce_colours,
        "16 bits": store_in_16_bits,
    },
    "region": REGION,
}
GROUPS = tuple(EDITS)


def draw_groups(random: Random) -> tuple[str, ...]:
    """Return two or three different groups, in the order of their edits."""
    count = int(random.integers(2, 4))
    return tuple(str(group) for group in random.choice(GROUPS, count, replace=False))


def edit(picture: Picture, groups: Sequence[str], lossy: bool, random: Random) -> Edited:
    """Edit a picture by a random kind of each group; by no lossy codec unless `lossy`."""
    kinds, words = [], []
    for group in groups:
        kind = str(random.choice([each for each in EDITS[group] if lossy or each not in LOSSY]))
        picture, done = EDITS[group][kind](picture.convert("RGB"), random)
        kinds.append(kind)
        words.append(done)
    return Edited(picture, tuple(kinds), tuple(words))


def save(edited: Edited, stem: Path, lossy: bool, random: Random) -> tuple[Path, Edited]:
    """Write a picture as PNG or JPEG; return its path, and it with the quality in words.

    A picture of the lossy class is a JPEG, or, if its edits were lossy already, one in half of the
    cases.
    """
    is_lossy = any(kind in LOSSY for kind in edited.kinds)
    if not lossy or (is_lossy and random.integers(2)):
        path = stem.with_suffix(".png")
        edited.picture.save(path)
        return path, edited
    quality = int(random.integers(70, 96))
    path = stem.with_suffix(".jpg")
    edited.picture.convert("RGB").save(path, quality=quality)
    return path, edited._replace(words=(*edited.words, f"saved as JPEG {quality}"))
