"""The images that a command names: listed, and numbered in the results file."""

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ImageError, ResultsError, UsageError, to_printable
from ganinv_cli.generators.formats import is_generator
from ganinv_cli.images import Crop, Picture, load_picture, make_picture, suppress_pillow_warnings
from ganinv_cli.images.arrays import (
    FLOATS_NOTE,
    LatentsError,
    convert_tensor,
    decode_mask,
    load_numpy_file,
)
from ganinv_cli.images.files import hash_image_file, is_array_name, is_image_name, list_named_images
from ganinv_cli.results.store import Image, Run
from ganinv_cli.results.store.columns import IMAGE
from ganinv_cli.results.store.rows import NO_ROWS
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import IMAGES, name_images

if TYPE_CHECKING:
    from ganinv_cli.generators.network.generator import Generator


class Inputs(NamedTuple):
    """The images of a run: files of its config, or images of a program."""

    images: Any = None  # paths, arrays or PIL images; None: the files of the config
    figure_folder: Path | None = None  # whose pictures are not images; None: the results' own


class ListedImage(NamedTuple):
    """An image that a command names, or that the results file has."""

    name: str  # of the file, in a run with its folder, printable
    sha256: str  # of the file's bytes, or of an array; empty if it could not be read
    error: str = ""  # why it could not be read; empty: not known yet
    path: Path | None = None  # of the file; None: `picture` is there
    picture: Picture | None = None

    @property
    def content(self) -> str:
        """What tells it from others: its hash, or its error, if that is all that is known."""
        return self.sha256 or self.error


def check_images(config: ImagesConfig, figure_folder: Path) -> None:
    """Check, without a generator, that the mask and one of the images can be read.

    Raises ImageError, or UsageError as `list_named_images` does.
    """
    for name in config.image:
        if not is_image_name(name) and is_generator(name):
            raise UsageError(f"{name} is a generator, not an image; type --checkpoint {name}")
    paths = list_named_images(config.image, figure_folder)
    errors: list[str] = []
    with suppress_pillow_warnings():
        if config.mask:
            decode_mask(Path(config.mask))
        for path in paths:
            errors += _find_errors(path, Crop(config.crop))
            if "" in errors:
                return
    raise ImageError(errors[0])


def _find_errors(path: Path, crop: Crop) -> list[str]:
    """Return what is wrong with each image of a file; empty if nothing is."""
    shape = (1, 1, 3)
    try:
        if not is_array_name(path):
            load_picture(path, shape, crop)
            return [""]
        pictures = load_numpy_file(path, shape, crop, reach=np.inf).values()
        return ["" if isinstance(each, Picture) else str(each) for each in pictures]
    except ImageError as error:
        return [str(error)]


def list_images(
    images: Any, config: ImagesConfig, generator: "Generator", figure_folder: Path
) -> list[ListedImage]:
    """Return the images of a run under distinct names.

    `images` are paths, arrays or images of Pillow of a Python program; None: the files of the
    config, of which one that cannot be read becomes an image with an error. Raises ImageError if
    none can be read, or if an image of a Python program cannot.
    """
    listed: list[ListedImage] = []
    for item in [config.image] if images is None else _iterate_items(images):
        if isinstance(item, tuple | str | Path):
            names = item if isinstance(item, tuple) else (str(item),)
            listed += _list_files(names, config, generator, figure_folder)
        else:
            name = f"image {len(listed)}"
            crop, shape = Crop(config.crop), generator.image_shape
            picture = make_picture(item, name, shape, crop, generator.reach)
            listed.append(ListedImage(name, picture.sha256, picture=picture))
    named = zip(listed, name_images([each.name for each in listed], depth=2), strict=True)
    listed = [image._replace(name=name) for image, name in named]
    if images is not None:
        listed = [_check_given(image, Crop(config.crop)) for image in listed]
    errors = [image.error for image in listed if image.error]
    if not listed:
        raise ImageError("no image is given; give a path (not of a run's figures) or an array")
    if errors and (len(errors) == len(listed) or images is not None):
        raise ImageError(errors[0])
    return listed


def _check_given(image: ListedImage, crop: Crop) -> ListedImage:
    """Decode an image of a Python program, which hears of an error or odd floats at once."""
    if image.picture and FLOATS_NOTE in image.picture.notes:
        text = f"{image.name}: {FLOATS_NOTE}; if 0 is black, give 2 * image - 1"
        warnings.warn(text, stacklevel=8)  # where `invert` or `consistency` is called
    if image.path:
        with suppress_pillow_warnings():
            return image._replace(error=_find_errors(image.path, crop)[0])
    return image


def number_images(run: Run, listed: Sequence[ListedImage], shard: str | None) -> list[Image]:
    """Return each image's number and name in the results file, and record how many the file has.

    Content that the file holds keeps its number, new content gets the lowest free one. The file of
    a shard holds no other images, and so numbers are places in the command, as in all shards.
    Raises ResultsError if it does.
    """
    images = {image.content: (number, image) for number, image in read_images(run)}
    used = {number for number, _ in images.values()}
    distinct = dict.fromkeys(image.content for image in listed)
    places = {content: place for place, content in enumerate(distinct)}
    if shard and any(places.get(content) != number for content, (number, _) in images.items()):
        raise ResultsError(
            f"{run.path} holds other images; with --shard name the same images in the same order "
            "each time, or name another file with --out"
        )
    free = (number for number in count() if number not in used)
    for image in listed:
        if image.content not in images:
            images[image.content] = next(free), image
    run.record(_summarize({number: image.sha256 for number, image in images.values()}))
    numbered = [images[image.content] for image in listed]
    return [Image(number, image.name) for number, image in numbered]


def read_images(run: Run) -> Iterator[tuple[int, ListedImage]]:
    """Yield the images of the results file with their numbers."""
    rows = run.read_group(IMAGES)
    if rows is not NO_ROWS:
        columns = (rows[name].tolist() for name in (IMAGE, "name", "sha256", "error"))
        for number, *texts in zip(*columns, strict=True):
            yield number, ListedImage(*(text.decode(errors="replace") for text in texts))


def _list_files(
    names: Sequence[str], config: ImagesConfig, generator: "Generator", figure_folder: Path
) -> list[ListedImage]:
    """Return the images of files and folders, under their whole paths."""
    named = {Path(name) for name in names}
    listed: list[ListedImage] = []
    with suppress_pillow_warnings():
        for path in list_named_images(names, figure_folder):
            images = _list_file(path, config, generator, is_named=path in named)
            folder = to_printable(path.as_posix()).rpartition("/")[0]
            listed += (
                image._replace(name=f"{folder}/{image.name}" if folder else image.name)
                for image in images
            )
    return listed


def _list_file(
    path: Path, config: ImagesConfig, generator: "Generator", *, is_named: bool
) -> list[ListedImage]:
    """Return the images of a file: one, of a NumPy file several, or one with its error."""
    name = to_printable(path.name)
    try:
        if not is_array_name(path):
            return [ListedImage(name, hash_image_file(path), path=path)]
        crop = Crop(config.crop)
        shape, latent, reach = generator.image_shape, generator.latent, generator.reach
        pictures = load_numpy_file(path, shape, crop, latent, reach)
    except ImageError as error:
        is_skipped = isinstance(error, LatentsError) and not is_named
        return [] if is_skipped else [ListedImage(name, "", str(error))]
    return [
        ListedImage(name, picture.sha256, picture=picture)
        if isinstance(picture, Picture)
        else ListedImage(name, "", str(picture))
        for name, picture in pictures.items()
    ]


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


def _summarize(hashes: Mapping[int, str]) -> dict[str, int | str]:
    """Return the number of images, and a hash of their hashes in order, which `merge` compares."""
    total = max(hashes) + 1
    joined = "\n".join(hashes.get(number, "") for number in range(total))
    return {"images": total, "images_sha256": hashlib.sha256(joined.encode()).hexdigest()}
