"""Pictures on which `ganinv invert` should be right: own ones that were changed, and strangers.

A picture depends on its kind and number alone.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

import ganinv_cli as ganinv
from benchmarks.downloads import download_photographs
from ganinv_cli.formats.tensorflow.checkpoint_files import find_checkpoint, write_checkpoint
from ganinv_cli.images import to_pixels
from ganinv_cli.prior import Uniform
from ganinv_cli.settings.shipped import find

SEED = 20_311  # of all pictures; nothing in ganinv was chosen on it
FOLDER = Path("build/verdicts")
GENERATORS = {"faces32": 60, "portraits64": 20, "gan-face-generate": 10}  # -> pictures of a kind
FILES = {name: name for name in GENERATORS}
FILES["gan-face-generate"] = "build/zoo/gan_face_generate/weights.tar"
FLAT = {0: 0, 1: 255, 2: 128}  # grey levels of the first flat pictures; others have any colour
PORTRAITS = Path("docs/portraits/64")  # portraits64 was trained on them, faces32 was not
OWN, LOSSLESS, JPEG = "own", "PNG", "JPEG 75"
SIBLINGS = {f"sibling, {percent} %": percent / 100 for percent in (3, 10, 30, 100)}
Random = np.random.Generator


class Case(NamedTuple):
    """A kind of picture that a generator inverts."""

    generator: str
    source: str  # a key of SOURCES
    change: str  # a key of CHANGES

    @property
    def name(self) -> str:
        """Its name in build/verdicts, such as faces32-own-jpeg-75."""
        return "-".join(re.findall(r"\w+", " ".join(self).lower()))


class Change(NamedTuple):
    """What is done to a picture, and which words a right verdict has for it."""

    chain: str = "^$"  # pattern of the right chain of changes
    apply: Callable[[Image.Image, Random], Image.Image] = lambda picture, _: picture
    quality: int = 0  # of JPEG; 0: stored without loss

    def is_named(self, chain: str) -> bool:
        """Return whether a chain in words is the right one."""
        return re.search(self.chain, chain) is not None


def list_cases() -> list[Case]:
    """Return all kinds of pictures; one generator has no sibling."""
    return [
        Case(generator, source, change)
        for generator in GENERATORS
        for source in SOURCES
        for change in (CHANGES if source == OWN else (LOSSLESS, JPEG))
        if not (source in SIBLINGS and generator == "gan-face-generate")
    ]


def make_pictures(case: Case, count: int) -> list[Path]:
    """Return the files of the first pictures of a kind; those that do not exist are written."""
    change, paths = CHANGES[case.change], []
    height, width, _ = load_generator(case.generator).image_shape
    for number in range(count):
        suffix = "jpg" if change.quality else "png"
        path = FOLDER / "pictures" / case.name / f"{number:02d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.append(path)
        if not path.exists():
            random = np.random.default_rng([SEED, number, *case.name.encode()])
            picture = SOURCES[case.source](case.generator, random, number)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
            change.apply(picture, random).save(path, quality=change.quality)  # PNG has none
    return paths


@cache
def load_generator(name: str, moved: float = 0) -> ganinv.LoadedGenerator:
    """Return a generator, its weights `moved` by this share of the way to its early stage."""
    if not moved:
        return ganinv.load(FILES[name])
    from ganinv_cli.formats.tensorflow.tensors import CheckpointTensors  # slow to import

    files = (find_checkpoint(find("checkpoint", each)) for each in (name, f"{name}-early"))
    late, early = (CheckpointTensors(file.prefix) for file in files)
    arrays = {key: (1 - moved) * late[key] + moved * early[key] for key in late.shapes}
    path = FOLDER / "siblings" / f"{name}-{moved}"
    write_checkpoint(path / "sibling", arrays)
    return ganinv.load(path)


def render(name: str, random: Random, count: int = 1, moved: float = 0) -> np.ndarray:
    """Return pictures of a generator, uint8 (count, height, width, 3), of z of the whole prior.

    The draws of a normal prior are not truncated.
    """
    generator = load_generator(name, moved)
    prior, shape = generator.checkpoint.prior, (count, generator.latent_size)
    if isinstance(prior, Uniform):
        z = random.uniform(prior.low, prior.high, shape)
    else:
        z = random.normal(0, prior.deviation, shape)
    return to_pixels(generator(z))


def make_image(pixels: np.ndarray) -> Image.Image:
    """Return grey levels, rounded and clipped to 0 to 255, as a picture."""
    return Image.fromarray(np.rint(np.clip(pixels, 0, 255)).astype(np.uint8))


def _draw_generated(name: str, random: Random, _: int, moved: float = 0) -> Image.Image:
    return make_image(render(name, random, moved=moved)[0])


def _draw_other(name: str, random: Random, number: int) -> Image.Image:
    others = sorted(GENERATORS.keys() - {name})
    return _draw_generated(others[number % len(others)], random, number)


def _draw_halves(name: str, random: Random, _: int) -> Image.Image:
    left, right = np.split(render(name, random, 2), 2, axis=2)
    return make_image(np.hstack([left[0], right[1]]))


def _crop_square(paths: Sequence[Path], random: Random, number: int) -> Image.Image:
    """Return a square of one of some pictures, with at least .7 of its shorter side."""
    with Image.open(paths[number % len(paths)]) as file:
        side = int(random.uniform(0.7, 1) * min(file.size))
        left, top = (int(random.integers(size - side + 1)) for size in file.size)
        return file.convert("RGB").crop((left, top, left + side, top + side))


def _draw_portrait(_: str, random: Random, number: int) -> Image.Image:
    portrait = _crop_square(sorted(PORTRAITS.glob("*.png")), random, number)
    return portrait.filter(ImageFilter.GaussianBlur(random.uniform(1, 4)))


_fetch_photographs = cache(download_photographs)
# Each draws a picture of any size that is for a generator, from its number among its kind.
SOURCES: dict[str, Callable[[str, Random, int], Image.Image]] = {
    OWN: _draw_generated,
    "photographs": lambda _, *draw: _crop_square(_fetch_photographs(FOLDER), *draw),
    **{source: partial(_draw_generated, moved=share) for source, share in SIBLINGS.items()},
    "averages of two": lambda name, random, _: make_image(render(name, random, 2).mean(axis=0)),
    "two halves": _draw_halves,
    "blurred portraits": _draw_portrait,
    "smooth": lambda _, random, __: make_image(random.normal(128, 40, (4, 4, 3))),
    "flat": lambda _, random, number: make_image(
        np.full((1, 1, 3), FLAT.get(number, random.uniform(0, 255, 3)))
    ),
    "other generators": _draw_other,
}


def _resize_and_back(kernel: str, picture: Image.Image, _: Random) -> Image.Image:
    method = Image.Resampling[kernel.upper()]
    return picture.resize((2 * picture.width, 2 * picture.height), method).resize(
        picture.size, method
    )


CHANGES = {
    LOSSLESS: Change(),
    **{
        f"JPEG {quality}": Change(  # named within 5
            rf"^saved as JPEG \D*({'|'.join(map(str, range(quality - 5, quality + 6)))})\)?$",
            quality=quality,
        )
        for quality in (95, 90, 75, 50)
    },
    **{
        f"resized, {kernel}": Change(
            f"2 times and back.*{kernel}", partial(_resize_and_back, kernel)
        )
        for kernel in ("bilinear", "bicubic")
    },
    "noise": Change(
        r"^noise of (4\.[5-9]|5\.[0-4])\d* grey levels$",
        lambda picture, random: make_image(random.normal(np.asarray(picture), 5)),
    ),
    "brightness": Change(
        r"brightness × 1\.(0[89]|1[0-2])",
        lambda picture, _: ImageEnhance.Brightness(picture).enhance(1.10),
    ),
    "colours": Change("colours", lambda picture, _: ImageEnhance.Color(picture).enhance(1.3)),
    "grey": Change("made grey", lambda picture, _: picture.convert("L")),
    "shifted": Change(
        r"shifted by \(1(\.0+)?, 0(\.0+)?\) pixels",
        lambda picture, _: ImageChops.offset(picture, 1, 0),
    ),
    "cropped, enlarged": Change(  # 1.07 times 64 pixels, 1.14 times 32
        r"enlarged 1\.(0[67]|1[45])",
        lambda picture, _: ImageOps.crop(picture, 2).resize(picture.size, Image.Resampling.BICUBIC),
    ),
    "cropped, padded": Change(
        "^without its border$",
        lambda picture, _: ImageOps.expand(ImageOps.crop(picture, 4), 4),
    ),
}
