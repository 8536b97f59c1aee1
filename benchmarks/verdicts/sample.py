"""The random sample: which pictures, in which order, and the files that are drawn of them.

A picture depends on its generator, part and number alone. Successive numbers are balanced, so any
first so many of them are a stratified sample: a quarter each of own pictures with one edit, and
with two or three, of either class; of strangers as they are, and edited, of either class.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from benchmarks.verdicts.colour_edits import Picture, Random
from benchmarks.verdicts.generators import SEED, draw_z, load_generator, render
from benchmarks.verdicts.listed_edits import EDITS
from benchmarks.verdicts.random_edits import GROUPS, draw_groups, edit, save
from benchmarks.verdicts.strangers import list_sources

OWN, STRANGER = "own", "stranger"
LISTED = "listed"  # the part, and the group, of own pictures under EDITS
CELLS = 4  # one edit or more, by class, of own pictures; none or one, of strangers
_CLASS = {True: "yes", False: "no"}
T = TypeVar("T")


class Drawn(NamedTuple):
    """What is known of a picture that was drawn."""

    name: str  # of its file
    generator: str
    kind: str  # names of its edits, such as "contrast, JPEG"; for listed ones a key of EDITS
    strengths: str  # these edits, in words
    groups: str  # of each edit, such as "tone, codec"
    lossy: str  # "yes" if the pixels went through a lossy codec, else "no"
    source: str  # OWN, or of a stranger
    origin: str  # equal for strangers that depend on each other


class _Subject(NamedTuple):
    """A picture before it is edited, and what is to be done to it."""

    picture: Picture
    source: str
    origin: str
    z: np.ndarray  # (latent,), NaN of a stranger
    groups: tuple[str, ...] = ()  # of its edits
    lossy: bool = False


def draw_sample(generator: str, numbers: Iterable[int], folder: Path) -> list[Drawn]:
    """Write an own picture and a stranger of each number; see `draw`."""
    parts = [(part, number) for number in numbers for part in (OWN, STRANGER)]
    return draw(generator, parts, folder)


def draw(generator: str, parts: Iterable[tuple[str, int]], folder: Path) -> list[Drawn]:
    """Write pictures into a folder, with pictures.csv and z.npy; return what they are.

    z.npy has a row (latent,) for each line of pictures.csv, the z that made it; NaN of strangers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn, latents = [], []
    for part, number in parts:
        stem, random = folder / f"{generator}-{part}-{number:04d}", _seed(generator, part, number)
        one, z = _DRAW[part](generator, number, random, stem)
        drawn.append(one)
        latents.append(z)
    np.save(folder / "z.npy", np.array(latents))
    with (folder / "pictures.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Drawn._fields)
        writer.writerows(drawn)
    return drawn


_Result = tuple[Drawn, np.ndarray]  # with z (latent,)


def _draw_own(generator: str, number: int, random: Random, stem: Path) -> _Result:
    """Draw an own picture with one edit, or with two or three."""
    turn, cell = divmod(number, CELLS)
    groups = draw_groups(random)
    if cell < CELLS // 2:
        groups = (_deal(GROUPS, turn, f"{generator} {OWN} {cell}"),)
    subject = _render_own(generator, number, random)
    return _store(generator, subject._replace(groups=groups, lossy=cell % 2 == 1), random, stem)


def _draw_stranger(generator: str, number: int, random: Random, stem: Path) -> _Result:
    """Draw a stranger as it is, or with one edit."""
    turn, cell = divmod(number, CELLS)
    draw_source = _deal(list_sources(generator), turn, f"{generator} {STRANGER} {cell}")
    stranger, loaded = draw_source(generator, random), load_generator(generator)
    height, width, _ = loaded.image_shape
    subject = _Subject(
        stranger.picture.resize((width, height), Image.Resampling.LANCZOS),
        stranger.source,
        f"{stranger.source}: {stranger.origin or number}",
        np.full(loaded.latent_size, np.nan),
        (str(random.choice(GROUPS)),) if cell >= CELLS // 2 else (),
        cell % 2 == 1,
    )
    return _store(generator, subject, random, stem)


def _draw_listed(generator: str, number: int, random: Random, stem: Path) -> _Result:
    """Draw an own picture under one of EDITS, in their order."""
    subject = _render_own(generator, number, random)
    kind = [*EDITS][number % len(EDITS)]
    chosen = EDITS[kind]
    path = stem.with_suffix(f".{chosen.suffix}")
    chosen.apply(subject.picture, random).save(path, **chosen.options)
    is_lossy = "JPEG" in kind or "WebP" in kind or chosen.suffix != "png"
    words = _CLASS[is_lossy]
    return Drawn(path.name, generator, kind, kind, LISTED, words, OWN, subject.origin), subject.z


_DRAW = {OWN: _draw_own, STRANGER: _draw_stranger, LISTED: _draw_listed}


def _store(generator: str, subject: _Subject, random: Random, stem: Path) -> _Result:
    """Edit a picture and write it."""
    edited = edit(subject.picture, subject.groups, subject.lossy, random)
    path, edited = save(edited, stem, subject.lossy, random)
    drawn = Drawn(
        path.name,
        generator,
        kind=", ".join(edited.kinds),
        strengths="; ".join(edited.words),
        groups=", ".join(subject.groups),
        lossy=_CLASS[subject.lossy],
        source=subject.source,
        origin=subject.origin,
    )
    return drawn, subject.z


def _render_own(generator: str, number: int, random: Random) -> _Subject:
    loaded = load_generator(generator)
    z = draw_z(loaded, random)
    return _Subject(Image.fromarray(render(loaded, z)[0]), OWN, f"{OWN}: {number}", z[0])


def _seed(generator: str, part: str, number: int) -> Random:
    """Return the random numbers of a picture."""
    return np.random.default_rng([SEED, number, *f"{generator} {part}".encode()])


def _deal(choices: Sequence[T], number: int, name: str) -> T:
    """Return one of some choices; each is dealt once, in random order, before one comes again."""
    block, place = divmod(number, len(choices))
    order = np.random.default_rng([SEED, block, *name.encode()]).permutation(len(choices))
    return choices[int(order[place])]
