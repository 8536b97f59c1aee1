"""Pictures on which `ganinv invert` should be right: own ones that were edited, and strangers.

A picture depends on its kind and number alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

import ganinv_cli as ganinv
from benchmarks.downloads import download_photographs
from benchmarks.verdict_edits import EDITS, JPEG, LOSSLESS, Random, make_image
from ganinv_cli.generators.formats.tensorflow.checkpoint_files import (
    find_checkpoint,
    write_checkpoint,
)
from ganinv_cli.images import to_pixels
from ganinv_cli.prior import Uniform
from ganinv_cli.settings.shipped import find

SEED = 20_261_201  # of all pictures; nothing in ganinv was chosen on it
GENERATORS = {"faces32": 20, "portraits64": 10, "gan-face-generate": 10}  # -> of an edit
STRANGERS = 50  # pictures of a kind of stranger
FILES = {name: name for name in GENERATORS}
FILES["gan-face-generate"] = "build/zoo/gan_face_generate/weights.tar"
FLAT = {0: 0, 1: 255, 2: 128}  # grey levels of the first flat pictures; others have any colour
PORTRAITS = Path("docs/portraits/64")  # portraits64 was trained on them, faces32 was not
PICTURES = Path("build/verdicts/pictures")
OWN = "own"
Weights = Mapping[str, np.ndarray]  # of a checkpoint, by name


class Case(NamedTuple):
    """A kind of picture that a generator inverts."""

    generator: str
    source: str  # a key of SOURCES, or of the generator in SIBLINGS
    edit: str  # a key of EDITS

    @property
    def name(self) -> str:
        """Its name in build/verdicts, such as faces32-own-jpeg-75."""
        return "-".join(re.findall(r"\w+", " ".join(self).lower()))

    @property
    def most(self) -> int:
        """How many pictures of it are planned."""
        return GENERATORS[self.generator] if self.source == OWN else STRANGERS

    def seed(self, number: int) -> Random:
        """Return the random numbers of a picture."""
        return np.random.default_rng([SEED, number, *self.name.encode()])

    def find_file(self, number: int) -> Path:
        return PICTURES / f"{self.name}-{number:02d}.{EDITS[self.edit].suffix}"


class Drawn(NamedTuple):
    """A picture of a source, of any size."""

    picture: Image.Image
    origin: object = None  # what pictures that depend on each other share; None: its number


def list_cases() -> list[Case]:
    """Return all kinds of pictures."""
    return [
        Case(generator, source, edit)
        for generator in GENERATORS
        for source in (*SOURCES, *SIBLINGS.get(generator, ()))
        for edit in (EDITS if source == OWN else (LOSSLESS, JPEG))
    ]


def make_picture(case: Case, number: int) -> Path:
    """Return the file of a picture; it is written if it does not exist."""
    path = case.find_file(number)
    if not path.exists():
        edit, random = EDITS[case.edit], case.seed(number)
        height, width, _ = load_generator(case.generator).image_shape
        picture = _draw(case, random, number).picture
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        path.parent.mkdir(parents=True, exist_ok=True)
        edit.apply(picture, random).save(path, **edit.options)
    return path


def find_origin(case: Case, number: int) -> str:
    """Return the name of what a picture shares with others that depend on it."""
    drawn = _draw(case, case.seed(number), number)
    return f"{case.name}-{number}" if drawn.origin is None else f"{case.source}: {drawn.origin}"


@cache
def load_generator(name: str, variant: str = "") -> ganinv.LoadedGenerator:
    """Return a generator, or one of its siblings (SIBLINGS)."""
    if not variant:
        return ganinv.load(FILES[name])
    path = PICTURES.parent / "siblings" / "-".join(re.findall(r"\w+", f"{name} {variant}"))
    write_checkpoint(path / "sibling", SIBLINGS[name][variant](_read_weights(name)))
    return ganinv.load(path)


def draw_z(name: str, random: Random, count: int = 1) -> np.ndarray:
    """Return z (count, latent) of the whole prior; draws of a normal one are not truncated."""
    generator = load_generator(name)
    prior, shape = generator.definition.prior, (count, generator.latent_size)
    if isinstance(prior, Uniform):
        return random.uniform(prior.low, prior.high, shape)
    return random.normal(0, prior.deviation, shape)


def render(name: str, random: Random, count: int = 1, variant: str = "") -> np.ndarray:
    """Return pictures of a generator, uint8 (count, height, width, 3), of z of the whole prior."""
    return to_pixels(load_generator(name, variant)(draw_z(name, random, count)))


def _draw(case: Case, random: Random, number: int) -> Drawn:
    if case.source in SOURCES:
        return SOURCES[case.source](case.generator, random, number)
    return _draw_generated(case.generator, random, number, case.source)


def _read_weights(name: str) -> Weights:
    from ganinv_cli.generators.formats.tensorflow.tensors import CheckpointTensors  # slow to import

    tensors = CheckpointTensors(find_checkpoint(find("checkpoint", name)).prefix)
    return {key: tensors[key] for key in tensors.shapes}


def _move(share: float, weights: Weights) -> Weights:
    """Return weights on the way to those of an early stage of the training of faces32."""
    early = _read_weights("faces32-early")
    return {key: (1 - share) * late + share * early[key] for key, late in weights.items()}


def _add_noise(share: float, weights: Weights) -> Weights:
    """Return each weight times exp(share * n), n normal; so no variance becomes negative."""
    random = np.random.default_rng(SEED)
    return {
        key: array * np.exp(share * random.normal(size=array.shape)).astype(array.dtype)
        for key, array in sorted(weights.items())
    }


def _quantise(weights: Weights) -> Weights:
    """Return weights as 8-bit integers times one scale for each array."""
    steps = {key: float(np.abs(array).max()) / 127 or 1.0 for key, array in weights.items()}
    return {key: np.rint(array / steps[key]) * steps[key] for key, array in weights.items()}


# Of a generator -> its siblings -> their weights, from its own.
SIBLINGS: Mapping[str, Mapping[str, Callable[[Weights], Weights]]] = {
    name: {f"{word}, {percent} %": partial(change, percent / 100) for percent in (3, 10, 30, 100)}
    | {"sibling, quantised": _quantise}
    for name, word, change in (("faces32", "sibling", _move), ("portraits64", "noise", _add_noise))
}


def _draw_generated(name: str, random: Random, _: int, variant: str = "") -> Drawn:
    return Drawn(make_image(render(name, random, variant=variant)[0]))


def _draw_other(name: str, random: Random, number: int) -> Drawn:
    others = sorted(GENERATORS.keys() - {name})
    return _draw_generated(others[number % len(others)], random, number)


def _draw_average(share: float, name: str, random: Random, _: int) -> Drawn:
    one, other = render(name, random, 2).astype(np.float64)
    return Drawn(make_image(share * one + (1 - share) * other))


def _draw_halves(name: str, random: Random, _: int) -> Drawn:
    left, right = np.split(render(name, random, 2), 2, axis=2)
    return Drawn(make_image(np.hstack([left[0], right[1]])))


def _crop_square(paths: Sequence[Path], random: Random, number: int) -> Drawn:
    """Return a square of one of some pictures, with at least .7 of its shorter side."""
    path = paths[number % len(paths)]
    with Image.open(path) as file:
        side = int(random.uniform(0.7, 1) * min(file.size))
        left, top = (int(random.integers(size - side + 1)) for size in file.size)
        square = file.convert("RGB").crop((left, top, left + side, top + side))
    return Drawn(square, path.name)


def _draw_portrait(_: str, random: Random, number: int) -> Drawn:
    portrait, origin = _crop_square(sorted(PORTRAITS.glob("*.png")), random, number)
    return Drawn(portrait.filter(ImageFilter.GaussianBlur(random.uniform(1, 4))), origin)


_fetch_photographs = cache(download_photographs)
# Each draws a picture that is for a generator, from its number among its kind.
SOURCES: dict[str, Callable[[str, Random, int], Drawn]] = {
    OWN: _draw_generated,
    "photographs": lambda _, *draw: _crop_square(_fetch_photographs(PICTURES.parent), *draw),
    "averages of two": partial(_draw_average, 0.5),
    "blends, 90 %": partial(_draw_average, 0.9),
    "two halves": _draw_halves,
    "blurred portraits": _draw_portrait,
    "smooth": lambda _, random, __: Drawn(make_image(random.normal(128, 40, (4, 4, 3)))),
    "flat": lambda _, random, number: Drawn(
        make_image(np.full((1, 1, 3), FLAT.get(number, random.uniform(0, 255, 3))))
    ),
    "other generators": _draw_other,
}
