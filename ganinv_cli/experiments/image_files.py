"""The image files of a run, all read before the first is inverted."""

from collections.abc import Sequence
from pathlib import Path

from ganinv_cli.errors import ConfigError, ImageError, UsageError, to_printable
from ganinv_cli.files.links import resolve_links
from ganinv_cli.images import Crop, TargetImage, list_images, load_image, suppress_pillow_warnings
from ganinv_cli.images.arrays import LatentsError, load_numpy_file
from ganinv_cli.images.files import is_array_name
from ganinv_cli.images.load import ImageShape, make_unread_image
from ganinv_cli.settings.names import tell_apart

MAX_DESCRIBED = 8  # images that are described one by one


def list_named_images(names: Sequence[str]) -> list[Path]:
    """Return the images that files and folders name, before any is read.

    Raises ConfigError if none is named or a name is empty, ImageError if one does not exist.
    """
    if not names:
        raise ConfigError("no image is named; give a file, or a folder of images")
    if "" in names:  # as from an unset variable of a shell; pathlib takes it for the current folder
        raise ConfigError('an image has the empty name ""; give a file, or . for this folder')
    return list_images([Path(name) for name in names])


def read_image_files(
    names: Sequence[str],
    shape: ImageShape,
    crop: Crop,
    output_folder: Path,
    latent: int = 0,
) -> list[TargetImage]:
    """Read every image of a command, in order; 12 kB each at 64 pixels.

    Skipped are files in `output_folder`, the run's own figures, and files of latent vectors, of
    size `latent`, in folders. Raises ImageError if none of the files can be read, UsageError if a
    source is that folder.
    """
    paths = [Path(name) for name in names]
    for path in paths:
        if path.is_dir() and resolve_links(path) == resolve_links(output_folder):
            raise UsageError(
                f"{to_printable(path)} holds the images and would get the results' figures as "
                "well; name another --out"
            )
    own_folder = resolve_links(output_folder)
    with suppress_pillow_warnings():
        files = [
            image
            for path in list_named_images(names)
            if not resolve_links(path).is_relative_to(own_folder)
            for image in _read_file(path, shape, crop, latent, is_named=path in paths)
        ]
    errors = [source.error for source in files if source.error]
    if len(errors) == len(files):
        first = (
            errors[0] if errors else f"{to_printable(paths[0])} holds the run's own figures alone"
        )
        others = f"; nor can the other {len(errors) - 1}" if len(errors) > 1 else ""
        raise ImageError(f"{first}{others}")
    return files


def name_pictures(pictures: Sequence[TargetImage]) -> list[TargetImage]:
    """Return the images; equal names get as many of their folders as tell the files apart."""
    paths: dict[str, dict[tuple[str, ...], None]] = {}  # different ones, in order, by name
    for picture in pictures:
        paths.setdefault(picture.name, {})[_split_path(picture)] = None
    names = {
        path: name
        for same in paths.values()
        for path, name in zip(same, tell_apart([*same], "/") or map("/".join, same), strict=True)
    }
    return [picture._replace(name=names[_split_path(picture)]) for picture in pictures]


def describe_changes(pictures: Sequence[TargetImage]) -> list[str]:
    """Return what was done to each image; of many, how many were changed."""
    changed = [picture for picture in pictures if picture.notes]
    if len(pictures) <= MAX_DESCRIBED or not changed:
        return [f"{picture.name}: {'; '.join(picture.notes)}" for picture in changed]
    counts = {
        word: sum(any(note.startswith(word) for note in picture.notes) for picture in changed)
        for word in ("cropped", "resized")
    }
    parts = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    return [
        f"{len(changed):,} of {len(pictures):,} images were changed to fit the generator"
        + (f" ({parts})" if parts else "")
    ]


def _read_file(
    path: Path, shape: ImageShape, crop: Crop, latent: int, *, is_named: bool
) -> list[TargetImage]:
    """Return the images of a file: one, of a NumPy file several, or one that says what is wrong."""
    try:
        if is_array_name(path):
            images = list(load_numpy_file(path, shape, crop, latent))
        else:
            images = [load_image(path, shape, crop)]
    except ImageError as error:
        if isinstance(error, LatentsError) and not is_named:
            return []
        images = [make_unread_image(to_printable(path.name), shape, error)]
    folder = to_printable(path.as_posix()).rpartition("/")[0]
    return [image._replace(folder=folder) for image in images]


def _split_path(picture: TargetImage) -> tuple[str, ...]:
    folders = picture.folder.split("/") if picture.folder else ()
    return (*folders, picture.name)
