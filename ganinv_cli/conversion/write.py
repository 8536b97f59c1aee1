"""Write a generator to a temporary folder, read it again, compare, then move it into place."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.conversion import UnwritableError, layout_c
from ganinv_cli.conversion.destination import Destination, format_overrides
from ganinv_cli.errors import CheckpointError, GaninvError, UsageError
from ganinv_cli.files import explain_write_errors, open_replacement, write_error
from ganinv_cli.formats import generator_toml, read
from ganinv_cli.formats.tensorflow.checkpoint_files import STATE_FILE, write_checkpoint
from ganinv_cli.inspection.render import measure_difference
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.folding import fix_label
from ganinv_cli.network.graph import Network
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.network.traced_network import TracedNetwork

LIMIT = 1e-4  # largest difference of a pixel in [-1, 1] that rounding explains
PICTURES = 64  # compared


class WrittenGenerator(NamedTuple):
    """A written generator, and its difference from the generator that was read."""

    path: Path  # to read it from
    files: tuple[str, ...]
    sha256: str  # of the network read from it
    difference: float  # largest, over PICTURES pictures in [-1, 1]


def write_generator(
    checkpoint: Checkpoint, destination: Destination, label: int = -1
) -> WrittenGenerator:
    """Write a generator in the destination's format, and check what was written.

    If `label` is 0 or more, only the generator of that label is written.
    Raises UsageError if the format cannot hold the generator or the place cannot be written to,
    GaninvError if the disk is full or the written generator makes other images.
    """
    network = checkpoint.network
    if isinstance(network, TracedNetwork):
        raise UsageError(
            f"{checkpoint.path} was read as TensorFlow operations, not as layers, so it cannot be "
            "converted; use the file as it is"
        )
    if label >= 0:
        network = fix_label(network, label)
        checkpoint = replace(checkpoint, network=network)
    overrides = format_overrides(checkpoint, destination)
    parent = destination.folder.parent if destination.owns_folder else destination.folder
    write = _write_keras if destination.is_keras else _write_layout_c
    with (
        _explain_write_errors(destination.path),
        tempfile.TemporaryDirectory(prefix=".ganinv-tmp-", dir=parent) as temporary,
    ):
        folder = Path(temporary) / "generator"
        folder.mkdir()
        copied = _copy_conventions(destination, folder)
        try:
            write(network, folder / destination.name)
        except UnwritableError as error:
            raise UsageError(f"{checkpoint.path}: {error}") from None
        if overrides:
            (folder / destination.convention_file).write_text(overrides, "utf-8")
        sha256, difference = _compare_with_checkpoint(checkpoint, folder / destination.name)
        files = [file for file in folder.iterdir() if file.name not in copied]
        files.sort(key=_get_placement_order)
        _move_into_place(files, destination)
    names = tuple(file.name for file in files)
    return WrittenGenerator(destination.path, names, sha256, difference)


def _copy_conventions(destination: Destination, folder: Path) -> list[str]:
    """Copy the convention files that hold for the destination; return their names.

    So the temporary folder is read under the same conventions as the final place.
    """
    copied = []
    for name in (f"{destination.name}.toml", generator_toml.FILE_NAME):
        with suppress(FileNotFoundError):
            (folder / name).write_bytes((destination.folder / name).read_bytes())
            copied.append(name)
    return copied


def _write_layout_c(network: Network, prefix: Path) -> None:
    write_checkpoint(prefix, layout_c.make_arrays(network))


def _write_keras(network: Network, path: Path) -> None:
    from ganinv_cli.conversion.keras_model import build_model  # Keras is slow to import

    build_model(network).save(path)


def _compare_with_checkpoint(checkpoint: Checkpoint, written: Path) -> tuple[str, float]:
    """Return the hash of the written network, and the largest difference of its images."""
    try:
        reread = read(written)
    except CheckpointError as error:
        raise GaninvError(
            f"the written generator cannot be read, so it was removed: {error}"
        ) from None
    first, second = make_generator(checkpoint), make_generator(reread)
    if (reread.prior, second.labels, second.latent, second.image_shape) != (
        *(checkpoint.prior, first.labels, first.latent, first.image_shape),
    ):
        raise GaninvError("the written generator is not the one that was read; it was removed")
    difference = measure_difference(first, second, PICTURES)
    if not difference <= LIMIT:  # nor NaN
        raise GaninvError(
            f"pictures of the written generator differ by up to {difference:.2g}, more than the "
            f"{LIMIT:g} that rounding explains; it was removed"
        )
    return reread.sha256, difference


def _get_placement_order(file: Path) -> tuple[bool, bool, str]:
    """Sort key: convention files first, the file that makes the folder a checkpoint last."""
    return file.name == STATE_FILE, file.suffix != ".toml", file.name


def _move_into_place(files: list[Path], destination: Destination) -> None:
    """Move a new folder, or each file, in one operation; keep the STATE_FILE of a shared folder.

    A link stays, and what it leads to is replaced.
    """
    if destination.owns_folder and not destination.folder.exists():
        files[0].parent.rename(destination.folder)
        return
    for file in files:
        target = destination.folder / file.name
        if destination.owns_folder or file.name != STATE_FILE or not target.exists():
            if target.is_symlink():  # maybe to another disk
                with open_replacement(target) as written:
                    shutil.copyfile(file, written)
            else:
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
