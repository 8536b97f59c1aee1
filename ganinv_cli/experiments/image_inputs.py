"""The pictures of a run: read before the first is inverted, and numbered in the results file."""

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganinv_cli.errors import ImageError, ResultsError, UsageError, to_printable
from ganinv_cli.generators.formats import is_generator
from ganinv_cli.images import (
    Crop,
    TargetImage,
    load_image,
    make_target_image,
    suppress_pillow_warnings,
)
from ganinv_cli.images.arrays import (
    FLOATS_NOTE,
    LatentsError,
    convert_tensor,
    decode_mask,
    load_numpy_file,
)
from ganinv_cli.images.files import is_array_name, is_image_name, list_named_images
from ganinv_cli.images.load import ImageShape, make_unread_image
from ganinv_cli.results.store import NamedImage, Run
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import image_group, image_number, is_image_group, name_images

if TYPE_CHECKING:
    from ganinv_cli.experiments.plan import ImageInputs
    from ganinv_cli.generators.network.generator import Generator

MAX_DESCRIBED = 8  # images that are described one by one
TEXT_BYTES = 255  # of most texts in the results file

Content = tuple[bytes, ...]  # hash of an image; of an unreadable file no hash, its error


def check_images(config: ImagesConfig, figure_folder: Path) -> None:
    """Check, without a generator, that the mask and one of the images can be read.

    Raises ImageError, or UsageError as `list_named_images` does.
    """
    for name in config.image:
        if not is_image_name(name) and is_generator(name):
            raise UsageError(f"{name} is a generator, not an image; type --checkpoint {name}")
    paths = list_named_images(config.image, figure_folder)
    errors = []
    with suppress_pillow_warnings():
        if config.mask:
            decode_mask(Path(config.mask))
        for path in paths:
            for picture in _read_file(path, config, (1, 1, 3), 0, is_named=True):
                if not picture.error:
                    return
                errors.append(picture.error)
    if errors:
        raise ImageError(errors[0])


def read_pictures(
    inputs: "ImageInputs", config: ImagesConfig, generator: "Generator"
) -> list[TargetImage]:
    """Read all images, cropped and resized as the generator makes them, under distinct names.

    A file that cannot be read becomes a picture with an error. Raises ImageError if none can be
    read, or if an image of a Python program cannot.
    """
    is_config = inputs.images is None
    pictures: list[TargetImage] = []
    for item in [config.image] if is_config else _iterate_items(inputs.images):
        if isinstance(item, tuple | str | Path):
            names = item if isinstance(item, tuple) else (str(item),)
            pictures += _read_files(names, inputs, config, generator)
        else:
            name = f"image {len(pictures)}"
            crop = Crop(config.crop)
            pictures.append(make_target_image(item, name, generator.image_shape, crop))
    # with their folder, so that later images are told apart
    paths = [f"{each.folder}/{each.name}" if each.folder else each.name for each in pictures]
    named = zip(pictures, name_images(paths, depth=2), strict=True)
    pictures = [each._replace(name=name) for each, name in named]
    errors = [picture.error for picture in pictures if picture.error]
    if not pictures:
        raise ImageError("no image is given; give a path (not of a run's figures) or an array")
    if errors and (len(errors) == len(pictures) or not is_config):
        raise ImageError(errors[0])
    for picture in () if is_config else pictures:
        if FLOATS_NOTE in picture.notes:
            text = f"{picture.name}: {FLOATS_NOTE}; if 0 is black, give 2 * image - 1"
            warnings.warn(text, stacklevel=7)  # where `invert` or `consistency` is called
    return pictures


def describe_changes(pictures: Sequence[TargetImage]) -> list[str]:
    """Return what was done to each image; of many, how many were changed."""
    changed = [picture for picture in pictures if picture.notes]
    if len(pictures) <= MAX_DESCRIBED or not changed:
        return [f"{picture.name}: {'; '.join(picture.notes)}" for picture in changed]
    return [f"{len(changed):,} of {len(pictures):,} images were changed to fit the generator"]


def number_images(run: Run, pictures: Sequence[TargetImage], shard: str | None) -> list[NamedImage]:
    """Return each picture's image in the results file, and record how many the file has.

    Content that the file holds keeps its number, new content gets the lowest free one. The file of
    a shard holds no other images, and so numbers are places in the command, as in all shards.
    Raises ResultsError if it does.
    """
    contents = [_get_content(_make_image_row(picture)) for picture in pictures]
    images = _read_images(run)
    used = {image.number for image in images.values()}
    places = {content: place for place, content in enumerate(dict.fromkeys(contents))}
    if shard and any(places.get(content) != image.number for content, image in images.items()):
        raise ResultsError(
            f"{run.path} holds other images; with --shard name the same images in the same order "
            "each time, or name another file with --out"
        )
    free = (number for number in count() if number not in used)
    for content, picture in zip(contents, pictures, strict=True):
        if content not in images:
            images[content] = NamedImage(next(free), picture.name)
    run.record(_summarize(images))
    return [images[content] for content in contents]


def commit_new_images(run: Run, pictures: Mapping[int, TargetImage]) -> None:
    """Commit the rows of those of these pictures, by their numbers, that have none."""
    new = {
        number: picture
        for number, picture in pictures.items()
        if not len(run.read_group(image_group(number))["trial"])
    }
    run.commit({image_group(number): _make_image_row(each) for number, each in new.items()})


def _read_files(
    names: Sequence[str], inputs: "ImageInputs", config: ImagesConfig, generator: "Generator"
) -> list[TargetImage]:
    """Read image files and folders, in order; 12 kB each at 64 pixels.

    Skipped are files of latent vectors in folders.
    """
    paths = [Path(name) for name in names]
    shape, latent = generator.image_shape, generator.latent
    with suppress_pillow_warnings():
        return [
            picture
            for path in list_named_images(names, inputs.figure_folder)
            for picture in _read_file(path, config, shape, latent, is_named=path in paths)
        ]


def _read_file(
    path: Path, config: ImagesConfig, shape: ImageShape, latent: int, *, is_named: bool
) -> list[TargetImage]:
    """Return the images of a file: one, of a NumPy file several, or one that says what is wrong."""
    crop = Crop(config.crop)
    try:
        if is_array_name(path):
            pictures = list(load_numpy_file(path, shape, crop, latent))
        else:
            pictures = [load_image(path, shape, crop)]
    except ImageError as error:
        if isinstance(error, LatentsError) and not is_named:
            return []
        pictures = [make_unread_image(to_printable(path.name), shape, error)]
    folder = to_printable(path.as_posix()).rpartition("/")[0]
    return [picture._replace(folder=folder) for picture in pictures]


def _iterate_items(images: Any) -> Iterator[Any]:
    """Yield paths, PIL images and arrays of one image."""
    images = convert_tensor(images)
    if isinstance(images, np.ndarray) and images.ndim == 4:
        yield from images
    elif isinstance(images, Iterable) and not isinstance(images, str | Path | np.ndarray):
        for each in images:
            yield from _iterate_items(each)
    else:
        yield images


def _make_image_row(picture: TargetImage) -> dict[str, np.ndarray]:
    return {
        "trial": np.array([0]),
        "name": encode_text(picture.name),
        "sha256": encode_text(picture.sha256),
        "changes": encode_text("; ".join(picture.notes)),
        "error": encode_text(picture.error),
        "target": picture.pixels[None],
        "pixels_counted": np.array([picture.counted_pixels.sum() * picture.pixels.shape[2]]),
    }


def _read_images(run: Run) -> dict[Content, NamedImage]:
    images: dict[Content, NamedImage] = {}
    rows = run.read().groups
    for group, row in sorted((name, rows[name]) for name in filter(is_image_group, rows)):
        name = bytes(row["name"][0]).decode(errors="replace")
        images.setdefault(_get_content(row), NamedImage(image_number(group), name))
    return images


def _get_content(row: Mapping[str, np.ndarray]) -> Content:
    sha256, error = (bytes(row[column][0]) for column in ("sha256", "error"))
    return (b"", error) if error else (sha256,)


def _summarize(images: Mapping[Content, NamedImage]) -> dict[str, int | str]:
    """Return the number of images, and a hash of their hashes in order, which `merge` compares."""
    hashes = {image.number: content[0].decode() for content, image in images.items()}
    total = max(hashes) + 1
    joined = "\n".join(hashes.get(number, "") for number in range(total))
    return {"images": total, "images_sha256": hashlib.sha256(joined.encode()).hexdigest()}


def encode_text(text: str, most: int = TEXT_BYTES) -> np.ndarray:
    """Return a column (1,) of a text of at most so many bytes, without a cut character."""
    return np.array([text.encode()[:most].decode(errors="ignore").encode()])
