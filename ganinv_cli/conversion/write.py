"""Write a generator as a Keras model: aside, then read again, compared and moved into place."""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ganinv_cli.errors import CheckpointError, GaninvError, UsageError
from ganinv_cli.files import explain_write_errors, follow_link, write_output_file
from ganinv_cli.formats import generator_toml, read
from ganinv_cli.inspection.render import measure_difference
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.folding import fix_label
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.prior import parse_prior
from ganinv_cli.settings.conventions import Conventions

PRIOR, RANGE = "normal", "-1,1"  # of a written file, unless a file beside it says otherwise
LIMIT = 1e-4  # largest difference of a pixel in [-1, 1] that rounding explains
PICTURES = 64  # compared


class WrittenGenerator(NamedTuple):
    """A written generator, and its difference from the generator that was read."""

    convention_file: Path | None  # beside it; None: what the format implies is right
    sha256: str  # of the network read from it
    difference: float  # largest, over PICTURES pictures in [-1, 1]


def write_generator(checkpoint: Checkpoint, path: Path, label: int = -1) -> WrittenGenerator:
    """Write a generator as a Keras model, and check what was written.

    If `label` is 0 or more, only the generator of that label is written. Raises UsageError if Keras
    has no such layers or the place cannot be written to, GaninvError if the disk is full or the
    written generator makes other images.
    """
    if isinstance(checkpoint.network, TracedNetwork):
        raise UsageError(
            f"{checkpoint.path} was read as TensorFlow operations, not as layers, so it cannot be "
            "converted; use the file as it is"
        )
    if label >= 0:
        checkpoint = replace(checkpoint, network=fix_label(checkpoint.network, label))
    own_file = path.with_name(f"{path.name}.toml")
    overrides = _format_overrides(checkpoint, path, own_file)
    target = follow_link(path)
    with (
        explain_write_errors(path),
        tempfile.TemporaryDirectory(prefix=".ganinv-tmp-", dir=target.parent) as folder,
    ):
        written = Path(folder) / path.name
        for file in (own_file, path.with_name(generator_toml.FILE_NAME)):
            with suppress(FileNotFoundError):  # so it is read under the same conventions as later
                shutil.copy(file, folder)
        if overrides:
            (Path(folder) / own_file.name).write_text(overrides, "utf-8")
        _write_model(checkpoint, written)
        sha256, difference = _compare_with_checkpoint(checkpoint, written)
        if overrides:
            write_output_file(own_file, overrides.encode())
        written.replace(target)
    return WrittenGenerator(own_file if overrides else None, sha256, difference)


def _format_overrides(checkpoint: Checkpoint, path: Path, own_file: Path) -> str:
    """Return the content of the convention file of a generator to be written; "" if none is needed.

    It overrides the folder's own convention file, so no existing file is changed. Raises UsageError
    if it exists and contradicts what must be stated.
    """
    existing, _ = generator_toml.read_conventions(path, Conventions())
    lines = []
    if parse_prior(existing.prior or PRIOR, checkpoint.network.latent) != checkpoint.prior:
        lines.append(f'prior = "{checkpoint.prior}"')
    if existing.range not in ("", RANGE):
        lines.append(f'range = "{RANGE}"')
    if lines and own_file.exists():
        raise UsageError(
            f"{own_file} contradicts the generator written to {path}, which needs "
            f"{' and '.join(lines)}; change that file, or name another place"
        )
    return "".join(f"{line}\n" for line in lines)


def _write_model(checkpoint: Checkpoint, path: Path) -> None:
    from ganinv_cli.conversion.keras_model import UnwritableError, build_model  # slow to import

    assert not isinstance(checkpoint.network, TracedNetwork)
    try:
        build_model(checkpoint.network).save(path)
    except UnwritableError as error:
        raise UsageError(f"{checkpoint.path}: {error}") from None


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
