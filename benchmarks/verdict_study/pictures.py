"""The pictures (generated in three formats, flat, noisy) and their selection per generator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from ganinv_cli.images import to_pixels
from ganinv_cli.prior import Prior, Uniform

SEED = 2019  # of the true z and of the noise; no threshold of ganinv was measured with it
SIDE = 64  # pixels of flat and noisy pictures
FORMATS = {"PNG": None, "JPEG 95": 95, "JPEG 75": 75}  # JPEG quality, with Pillow's other defaults
PHOTOGRAPH, FLAT = "photograph", "flat or noise"


@dataclass(frozen=True)
class Picture:
    """A picture of the study."""

    path: Path
    kind: str  # a key of FORMATS, PHOTOGRAPH or FLAT
    source: str | None  # name of the generator that made it; None: not generated


def make_generated(folder: Path, name: str, checkpoint: Path, count: int) -> list[Picture]:
    """Write `count` pictures of a generator in each format, if they are not there.

    z is drawn from the prior without bounds: a normal prior is not truncated.
    """
    pictures = [
        Picture(folder / f"{name}-{number:02d}-{_describe(kind)}", kind, name)
        for kind in FORMATS
        for number in range(count)
    ]
    if not all(picture.path.exists() for picture in pictures):
        from ganinv_cli import formats  # here: it loads TensorFlow, which the tables do not need
        from ganinv_cli.network.make_generator import make_generator

        folder.mkdir(parents=True, exist_ok=True)
        generator = make_generator(formats.read(checkpoint))
        z = draw_z(generator.prior, count, generator.latent)
        pixels = to_pixels(generator.render(z, count))
        for picture, image in zip(pictures, np.concatenate([pixels] * len(FORMATS)), strict=True):
            quality = FORMATS[picture.kind]
            file = Image.fromarray(image.squeeze())
            file.save(picture.path, quality=quality) if quality else file.save(picture.path)
    return pictures


def draw_z(prior: Prior, count: int, latent: int) -> np.ndarray:
    """Return draws from a prior without bounds (count, latent), float32."""
    random = np.random.default_rng(SEED)
    if isinstance(prior, Uniform):
        return random.uniform(prior.low, prior.high, (count, latent)).astype(np.float32)
    return random.normal(0, prior.sigma, (count, latent)).astype(np.float32)


def make_flat(folder: Path) -> list[Picture]:
    """Write the flat and noisy pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for name, draw in FLAT_PICTURES.items():
        path = folder / f"flat-{name}.png"
        pixels = draw(np.random.default_rng(SEED))
        pixels = np.broadcast_to(np.clip(pixels, 0, 255), (SIDE, SIDE, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        pictures.append(Picture(path, FLAT, None))
    return pictures


def select_shown(
    generated: Mapping[str, list[Picture]], others: list[Picture], name: str, count: int
) -> list[Picture]:
    """Return the pictures that are inverted on a generator.

    They are its own pictures, all pictures that were not generated, and `count` of each other
    generator: a third of them in each format, of different z. Kinds are mixed, so that a part of a
    run has all kinds.
    """
    foreign = [
        picture
        for source, pictures in generated.items()
        if source != name
        for picture in _take_turns(pictures, count)
    ]
    shown = [*generated[name], *foreign, *others]
    return [shown[at] for at in np.random.default_rng(SEED).permutation(len(shown))]


def _take_turns(pictures: list[Picture], count: int) -> list[Picture]:
    """Return `count` pictures of different z: PNGs first, then JPEGs of decreasing quality."""
    by_format = [[each for each in pictures if each.kind == kind] for kind in FORMATS]
    return [by_format[number * len(by_format) // count][number] for number in range(count)]


def _describe(kind: str) -> str:
    """Return the end of a file's name, such as png.png or jpeg75.jpg."""
    return f"{kind.lower().replace(' ', '')}{'.jpg' if FORMATS[kind] else '.png'}"


def _smooth_noise(random: np.random.Generator) -> np.ndarray:
    noise = Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    blurred = np.asarray(noise.filter(ImageFilter.GaussianBlur(4)), np.float64)
    return np.asarray(128 + (blurred - blurred.mean()) * 40 / blurred.std())


_RAMP = np.linspace(0, 255, SIDE)[:, None]  # (columns, channels)
_CHECKERS = np.add.outer(np.arange(SIDE) // 8, np.arange(SIDE) // 8)[..., None] % 2
FLAT_PICTURES: Mapping[str, Callable[[np.random.Generator], np.ndarray]] = {
    "black": lambda random: np.zeros(3),
    "grey": lambda random: np.full(3, 128),
    "white": lambda random: np.full(3, 255),
    "red": lambda random: np.array([255, 0, 0]),
    "gradient": lambda random: _RAMP,
    "checkerboard": lambda random: 255 * _CHECKERS,
    "uniform-noise": lambda random: random.integers(0, 256, (SIDE, SIDE, 3)),
    "normal-noise": lambda random: random.normal(128, 40, (SIDE, SIDE, 3)),
    "binary-noise": lambda random: random.choice([0, 255], (SIDE, SIDE, 1)),
    "smooth-noise": _smooth_noise,
}
