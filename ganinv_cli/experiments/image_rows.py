"""The rows about images in a results file, and the images' numbers there."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import count

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.experiments.copy_losses import find_copy_losses
from ganinv_cli.images import TargetImage
from ganinv_cli.images.copies import QUALITIES
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.names import image_group, image_number
from ganinv_cli.store import NamedImage, Run

TEXT_BYTES = 255  # of a text in the results file
CONTENT_COLUMNS = ("name", "sha256", "error")

Content = tuple[bytes, ...]  # hash of an image; of an unreadable file no hash, its error


def number_images(run: Run, pictures: Sequence[TargetImage], shard: str) -> list[NamedImage]:
    """Return each picture's image in the results file, and record how many the file has.

    Content that the file holds keeps its number, new content gets the lowest free one. In a shard
    the number is the content's place in the command, so that all shards agree. Raises ResultsError
    if the file of a shard holds other images.
    """
    contents = [_get_content(make_image_row(picture)) for picture in pictures]
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
            number = places[content] if shard else next(free)
            images[content] = NamedImage(number, picture.name)
    run.record(_summarize(images))
    return [images[content] for content in contents]


def commit_new_images(
    run: Run,
    pictures: Mapping[int, TargetImage],
    generator: Generator,
    mask: np.ndarray | None,
) -> None:
    """Commit the rows of those of these pictures, by their numbers, that have none."""
    new = {
        number: picture
        for number, picture in pictures.items()
        if not len(run.list_committed(image_group(number)))
    }
    losses = (
        find_copy_losses(generator, mask)
        if any(not picture.error for picture in new.values())
        else None
    )
    run.commit(
        {
            image_group(number): make_image_row(picture, None if picture.error else losses)
            for number, picture in new.items()
        }
    )


def make_image_row(
    picture: TargetImage, copy_losses: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the picture's row in the results file; `copy_losses` are those of QUALITIES."""
    texts = {
        **{"name": picture.name, "sha256": picture.sha256},
        **{"said": "; ".join(picture.notes), "error": picture.error},
    }
    return {
        "trial": np.zeros(1, np.int64),
        **{name: np.array([_truncate(text)]) for name, text in texts.items()},
        "target": picture.pixels[None],
        **({} if copy_losses is None else _make_copy_columns(copy_losses)),
    }


def _make_copy_columns(losses: np.ndarray) -> dict[str, np.ndarray]:
    return {"copy_quality": np.array([QUALITIES]), "copy_loss": losses[None]}


def _read_images(run: Run) -> dict[Content, NamedImage]:
    """Return the committed images by their content."""
    images: dict[Content, NamedImage] = {}
    for group, row in sorted(run.read_images(CONTENT_COLUMNS).items()):
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


def _truncate(text: str) -> bytes:
    """Cut a text to TEXT_BYTES bytes, without cutting a character."""
    return text.encode()[:TEXT_BYTES].decode(errors="ignore").encode()
