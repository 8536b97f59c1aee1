"""The sample: which pictures, and the files that are drawn of them.

A picture depends on its generator, part and number alone. Successive numbers are balanced: the
edits and the sources are dealt in turn. Half of the strangers are not edited.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from benchmarks.verdicts.generators import SEED, draw_z, load_generator, render
from benchmarks.verdicts.listed_edits import EDITS, LOSSLESS, Picture, Random
from benchmarks.verdicts.strangers import list_sources

OWN, STRANGER = "own", "stranger"
JPEG = "JPEG 90"  # of strangers that are compressed but not edited
T = TypeVar("T")


class Drawn(NamedTuple):
    """What is known of a picture that was drawn."""

    name: str  # of its file
    generator: str
    kind: str  # of its edit, a key of EDITS
    lossy: str  # "yes" if the pixels went through a lossy codec, else "no"
    source: str  # OWN, or of a stranger
    origin: str  # equal for strangers that depend on each other


class _Subject(NamedTuple):
    """A picture before it is edited, and the edit."""

    picture: Picture
    kind: str
    source: str
    origin: str
    z: np.ndarray  # (latent,) that made it; NaN of a stranger


def draw_sample(
    generator: str, numbers: Iterable[int], folder: Path
) -> tuple[list[Drawn], np.ndarray]:
    """Write an own picture and a stranger of each number; return what they are, and their z."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn, latents = [], []
    for number in numbers:
        for part, draw in ((OWN, _draw_own), (STRANGER, _draw_stranger)):
            random = np.random.default_rng([SEED, number, *f"{generator} {part}".encode()])
            subject = draw(generator, number, random)
            path = folder / f"{generator}-{part}-{number:04d}.{EDITS[subject.kind].suffix}"
            drawn.append(_write(generator, subject, random, path))
            latents.append(subject.z)
    return drawn, np.array(latents)


def _draw_own(generator: str, number: int, random: Random) -> _Subject:
    loaded = load_generator(generator)
    z = draw_z(loaded, random)
    picture, kind = Image.fromarray(render(loaded, z)[0]), _deal([*EDITS], number, generator)
    return _Subject(picture, kind, OWN, f"{OWN}: {number}", z[0])


def _draw_stranger(generator: str, number: int, random: Random) -> _Subject:
    turn, cell = divmod(number, 4)
    draw_source = _deal(list_sources(generator), turn, f"{generator} {cell}")
    stranger, loaded = draw_source(generator, random), load_generator(generator)
    height, width, _ = loaded.image_shape
    return _Subject(
        stranger.picture.resize((width, height), Image.Resampling.LANCZOS),
        (LOSSLESS, JPEG, *random.choice([*EDITS], 2))[cell],
        stranger.source,
        f"{stranger.source}: {stranger.origin or number}",
        np.full(loaded.latent_size, np.nan),
    )


def _write(generator: str, subject: _Subject, random: Random, path: Path) -> Drawn:
    """Edit a picture and save it."""
    kind, edit = str(subject.kind), EDITS[subject.kind]
    edit.apply(subject.picture, random).save(path, **edit.options)
    is_lossy = "JPEG" in kind or "WebP" in kind or edit.suffix != "png"
    lossy = "yes" if is_lossy else "no"
    return Drawn(path.name, generator, kind, lossy, subject.source, subject.origin)


def _deal(choices: Sequence[T], number: int, name: str) -> T:
    """Return one of some choices; each is dealt once, in random order, before one comes again."""
    block, place = divmod(number, len(choices))
    order = np.random.default_rng([SEED, block, *name.encode()]).permutation(len(choices))
    return choices[int(order[place])]
