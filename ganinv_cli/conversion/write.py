"""A generator written aside, read again, compared, and only then put in its place."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.conversion import layout_c
from ganinv_cli.conversion.destination import Destination
from ganinv_cli.conversion.overrides import own
from ganinv_cli.conversion.unwritable import UnwritableError
from ganinv_cli.errors import CheckpointError, GaninvError, UsageError
from ganinv_cli.files import refused
from ganinv_cli.formats import conventions, read
from ganinv_cli.formats.tensorflow import write as tf_write
from ganinv_cli.formats.tensorflow.files import STATE
from ganinv_cli.ground_truth import true_z
from ganinv_cli.inspection.pictures import block
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import Generator

LIMIT = 1e-4  # of a pixel in [-1, 1]
PICTURES = 64


class Written(NamedTuple):
    """What is there now."""

    path: Path  # by which it is read
    files: tuple[str, ...]
    sha256: str  # of the generator that is read from it
    difference: float  # largest, of PICTURES pictures in [-1, 1]


def write(checkpoint: Checkpoint, place: Destination) -> Written:
    """Raises UsageError where the format cannot hold it or the place refuses, GaninvError where the
    disk is full."""
    told = own(checkpoint, place)
    around = place.folder.parent if place.whole else place.folder
    with _writing(place.path), tempfile.TemporaryDirectory(dir=around, prefix=".ganinv-") as aside:
        folder = Path(aside) / "generator"
        folder.mkdir()
        known = _mirrored(place, folder)
        try:
            (_keras if place.keras else _layout_c)(checkpoint, folder / place.name)
        except UnwritableError as error:
            raise UsageError(f"{checkpoint.path}: {error}") from None
        if told:
            (folder / place.told).write_text(told, "utf-8")
        sha256, difference = _compared(checkpoint, folder / place.name)
        new = (file for file in folder.iterdir() if file.name not in known)
        files = sorted(new, key=_turn)
        _put(files, place)
    return Written(place.path, tuple(file.name for file in files), sha256, difference)


def _mirrored(place: Destination, folder: Path) -> list[str]:
    """Copy what is said there already of what is written, so that it is read as it will be."""
    known = []
    for name in (f"{place.name}.toml", conventions.NAME):
        with suppress(FileNotFoundError):
            (folder / name).write_bytes((place.folder / name).read_bytes())
            known.append(name)
    return known


def _layout_c(checkpoint: Checkpoint, prefix: Path) -> None:
    tf_write.write(prefix, layout_c.arrays(checkpoint.network))


def _keras(checkpoint: Checkpoint, path: Path) -> None:
    from ganinv_cli.conversion.keras_model import model  # in the body: Keras is slow to import

    model(checkpoint.network).save(path)


def _compared(checkpoint: Checkpoint, written: Path) -> tuple[str, float]:
    """The hash of what was written, and how far its pictures are from those that it should make."""
    try:
        again = read(written)
    except CheckpointError as error:
        raise GaninvError(
            f"what was written cannot be read again, so it was removed: {error}"
        ) from None
    first, second = Generator(checkpoint), Generator(again)
    if (again.prior, second.labels, second.latent, second.image_shape) != (
        *(checkpoint.prior, first.labels, first.latent, first.image_shape),
    ):
        raise GaninvError("what was written is another generator when read again; it was removed")
    difference = _apart(first, second)
    if not difference <= LIMIT:  # nor NaN
        raise GaninvError(
            f"pictures of what was written are up to {difference:.2g} apart, where {LIMIT:g} is "
            "rounding; it was removed"
        )
    return again.sha256, difference


def _apart(first: Generator, second: Generator) -> float:
    numbers = np.arange(PICTURES)
    z = true_z(first, 0, numbers)
    labels = numbers % first.labels if first.labels else None
    rows = min(block(first), block(second))
    some = [slice(at, at + rows) for at in range(0, PICTURES, rows)]
    with np.errstate(invalid="ignore"):  # NaN is refused
        apart = [
            np.abs(
                first.render(z[part], rows, labels=None if labels is None else labels[part])
                - second.render(z[part], rows, labels=None if labels is None else labels[part])
            ).max()
            for part in some
        ]
    return float(np.max(apart))


def _turn(file: Path) -> tuple[bool, bool, str]:
    """What is said of a generator is there before it, and what its folder means comes last."""
    return file.name == STATE, file.suffix != ".toml", file.name


def _put(files: list[Path], place: Destination) -> None:
    """Each file whole; a new folder as a whole. What a shared folder itself means stays."""
    if place.whole and not place.folder.exists():
        files[0].parent.rename(place.folder)
        return
    for file in files:
        to = place.folder / file.name
        if place.whole or file.name != STATE or not to.exists():
            file.replace(to)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refused(path, error) from error
    except tf.errors.ResourceExhaustedError as error:
        raise refused(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from error
    except tf.errors.OpError as error:
        raise refused(path, OSError(error.message.splitlines()[0])) from error
