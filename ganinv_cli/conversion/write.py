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
from ganinv_cli.conversion.overrides import format_overrides
from ganinv_cli.conversion.unwritable import UnwritableError
from ganinv_cli.errors import CheckpointError, GaninvError, UsageError
from ganinv_cli.files import explain_write_errors, write_error
from ganinv_cli.formats import generator_toml, read
from ganinv_cli.formats.tensorflow import write as tf_write
from ganinv_cli.formats.tensorflow.checkpoint_files import STATE_FILE
from ganinv_cli.ground_truth import draw_true_z
from ganinv_cli.inspection.render import render_batch_size
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import Generator

LIMIT = 1e-4  # of a pixel in [-1, 1]
PICTURES = 64


class WrittenGenerator(NamedTuple):
    """What is there now."""

    path: Path  # by which it is read
    files: tuple[str, ...]
    sha256: str  # of the generator that is read from it
    difference: float  # largest, of PICTURES pictures in [-1, 1]


def write_generator(checkpoint: Checkpoint, destination: Destination) -> WrittenGenerator:
    """Raises UsageError where the format cannot hold it or the place refuses, GaninvError where the
    disk is full."""
    overrides = format_overrides(checkpoint, destination)
    parent = destination.folder.parent if destination.owns_folder else destination.folder
    with (
        _explain_write_errors(destination.path),
        tempfile.TemporaryDirectory(dir=parent, prefix=".ganinv-") as temporary,
    ):
        folder = Path(temporary) / "generator"
        folder.mkdir()
        known = _copy_conventions(destination, folder)
        try:
            (_write_keras if destination.is_keras else _write_layout_c)(
                checkpoint, folder / destination.name
            )
        except UnwritableError as error:
            raise UsageError(f"{checkpoint.path}: {error}") from None
        if overrides:
            (folder / destination.convention_file).write_text(overrides, "utf-8")
        sha256, difference = _compare_with_checkpoint(checkpoint, folder / destination.name)
        new = (file for file in folder.iterdir() if file.name not in known)
        files = sorted(new, key=_placement_order)
        _move_into_place(files, destination)
    return WrittenGenerator(
        destination.path, tuple(file.name for file in files), sha256, difference
    )


def _copy_conventions(destination: Destination, folder: Path) -> list[str]:
    """Copy what is said there already of what is written, so that it is read as it will be."""
    known = []
    for name in (f"{destination.name}.toml", generator_toml.FILE_NAME):
        with suppress(FileNotFoundError):
            (folder / name).write_bytes((destination.folder / name).read_bytes())
            known.append(name)
    return known


def _write_layout_c(checkpoint: Checkpoint, prefix: Path) -> None:
    tf_write.write_checkpoint(prefix, layout_c.make_arrays(checkpoint.network))


def _write_keras(checkpoint: Checkpoint, path: Path) -> None:
    from ganinv_cli.conversion.keras_model import (
        build_model,  # in the body: Keras is slow to import
    )

    build_model(checkpoint.network).save(path)


def _compare_with_checkpoint(checkpoint: Checkpoint, written: Path) -> tuple[str, float]:
    """The hash of what was written, and how far its pictures are from those that it should make."""
    try:
        reread = read(written)
    except CheckpointError as error:
        raise GaninvError(
            f"what was written cannot be read again, so it was removed: {error}"
        ) from None
    first, second = Generator(checkpoint), Generator(reread)
    if (reread.prior, second.labels, second.latent, second.image_shape) != (
        *(checkpoint.prior, first.labels, first.latent, first.image_shape),
    ):
        raise GaninvError("what was written is another generator when read again; it was removed")
    difference = _largest_difference(first, second)
    if not difference <= LIMIT:  # nor NaN
        raise GaninvError(
            f"pictures of what was written are up to {difference:.2g} apart, where {LIMIT:g} is "
            "rounding; it was removed"
        )
    return reread.sha256, difference


def _largest_difference(first: Generator, second: Generator) -> float:
    numbers = np.arange(PICTURES)
    z = draw_true_z(first, 0, numbers)
    labels = numbers % first.labels if first.labels else None
    rows = min(render_batch_size(first), render_batch_size(second))
    some = [slice(at, at + rows) for at in range(0, PICTURES, rows)]
    with np.errstate(invalid="ignore"):  # NaN is refused
        differences = [
            np.abs(
                first.render(z[part], rows, labels=None if labels is None else labels[part])
                - second.render(z[part], rows, labels=None if labels is None else labels[part])
            ).max()
            for part in some
        ]
    return float(np.max(differences))


def _placement_order(file: Path) -> tuple[bool, bool, str]:
    """What is said of a generator is there before it, and what its folder means comes last."""
    return file.name == STATE_FILE, file.suffix != ".toml", file.name


def _move_into_place(files: list[Path], destination: Destination) -> None:
    """Each file whole; a new folder as a whole. What a shared folder itself means stays."""
    if destination.owns_folder and not destination.folder.exists():
        files[0].parent.rename(destination.folder)
        return
    for file in files:
        target = destination.folder / file.name
        if destination.owns_folder or file.name != STATE_FILE or not target.exists():
            file.replace(target)


@contextmanager
def _explain_write_errors(path: Path) -> Iterator[None]:
    try:
        with explain_write_errors(path):
            yield
    except tf.errors.ResourceExhaustedError as error:
        raise write_error(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from error
    except tf.errors.OpError as error:
        raise write_error(path, OSError(error.message.splitlines()[0])) from error
