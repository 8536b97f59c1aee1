"""Pictures that a generator did not make, by their sources."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import ganinv_cli as ganinv
from benchmarks.downloads import download_photographs
from benchmarks.tiny import ROOT
from benchmarks.verdicts.generators import (
    draw_z,
    list_siblings,
    load_generator,
    load_sibling,
    render,
)
from benchmarks.verdicts.listed_edits import Picture, Random, make_image

DOWNLOADS = ROOT / "build" / "verdicts" / "downloads"
SHARES = (0.5, 0.8, 0.9, 0.95)  # of the first of two pictures in an average
GREYS = (0, 128, 255)  # grey levels of half of the flat pictures; others have any colour
# Generators whose pictures are strangers to others.
OTHERS = ("faces16", "faces32", "faces32-early", "portraits64")


class Stranger(NamedTuple):
    """A picture, of any size, and where it is from."""

    picture: Picture
    source: str
    origin: str = ""  # what pictures that depend on each other share; empty: nothing


def list_sources(generator: str) -> list[Callable[[str, Random], Stranger]]:
    """Return what draws strangers to a generator; those that are nearest to it are twice there."""
    near = [_draw_average, _draw_sibling] if list_siblings(generator) else [_draw_average]
    far = [_draw_photograph, _draw_other, _draw_halves, _draw_smooth, _draw_flat]
    return [*near, *near, *far]


def is_near(source: str) -> bool:
    """Return whether a source is nearly the generator: an average, or a near sibling."""
    return source.startswith("average") or source in ("noise, 3 %", "8 bits")


def _draw_average(name: str, random: Random) -> Stranger:
    share, generator = float(random.choice(SHARES)), load_generator(name)
    one, other = render(generator, draw_z(generator, random, 2)).astype(np.float64)
    return Stranger(make_image(share * one + (1 - share) * other), f"averages, {100 * share:.0f} %")


def _draw_halves(name: str, random: Random) -> Stranger:
    generator = load_generator(name)
    one, other = render(generator, draw_z(generator, random, 2))
    middle = one.shape[1] // 2
    return Stranger(make_image(np.hstack([one[:, :middle], other[:, middle:]])), "two halves")


def _draw_other(name: str, random: Random) -> Stranger:
    other = _load_other(str(random.choice([each for each in OTHERS if each != name])))
    return Stranger(make_image(render(other, draw_z(other, random))[0]), "other generators")


def _draw_sibling(name: str, random: Random) -> Stranger:
    source = str(random.choice(list_siblings(name)))
    sibling = load_sibling(name, source)
    return Stranger(make_image(render(sibling, draw_z(sibling, random))[0]), source)


def _draw_smooth(_: str, random: Random) -> Stranger:
    return Stranger(make_image(random.normal(128, 40, (4, 4, 3))), "smooth")


def _draw_flat(_: str, random: Random) -> Stranger:
    colour = random.choice(GREYS) if random.integers(2) else random.uniform(0, 255, 3)
    return Stranger(make_image(np.full((1, 1, 3), colour)), "flat")


def _draw_photograph(_: str, random: Random) -> Stranger:
    """Return a square of a photograph, with at least .7 of its shorter side."""
    paths = _fetch_photographs()
    path = paths[int(random.integers(len(paths)))]
    with Image.open(path) as file:
        side = int(random.uniform(0.7, 1) * min(file.size))
        left, top = (int(random.integers(size - side + 1)) for size in file.size)
        square = file.convert("RGB").crop((left, top, left + side, top + side))
    return Stranger(square, "photographs", path.name)


_load_other = cache(ganinv.load)


@cache
def _fetch_photographs() -> Sequence[Path]:
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    return download_photographs(DOWNLOADS)
