"""Write a generator as a Keras model: aside, then read again, compared and moved into place."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.files import explain_write_errors, follow_link, write_output_file
from ganinv_cli.formats import generator_toml, read
from ganinv_cli.inspection.render import measure_difference
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.folding import fix_label
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.prior import parse_prior

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
    from ganinv_cli.conversion.keras_model import build_model  # slow to import

    if isinstance(checkpoint.network, TracedNetwork):
        raise UsageError(
            f"{checkpoint.path} was read as TensorFlow operations, not as layers, so it cannot be "
            "converted; use the file as it is"
        )
    network = fix_label(checkpoint.network, label) if label >= 0 else checkpoint.network
    checkpoint = replace(checkpoint, network=network)
    own_file = path.with_name(f"{path.name}.toml")
    conventions = _format_conventions(checkpoint, path, own_file)
    target = follow_link(path)
    with (
        explain_write_errors(path),
        tempfile.TemporaryDirectory(prefix=".ganinv-tmp-", dir=target.parent) as folder,
    ):
        written = Path(folder) / path.name
        if conventions:
            (Path(folder) / own_file.name).write_text(conventions, "utf-8")
        build_model(network).save(written)
        sha256, difference = _compare_with_checkpoint(checkpoint, written)
        if conventions:
            write_output_file(own_file, conventions.encode())
        written.replace(target)
    return WrittenGenerator(own_file if conventions else None, sha256, difference)


def _format_conventions(checkpoint: Checkpoint, path: Path, own_file: Path) -> str:
    """Return the content of the convention file of a written generator; "" if none is needed.

    It overrides that of the folder. Raises UsageError if there is another one.
    """
    content = f'prior = "{checkpoint.prior}"\nrange = "-1,1"\n'
    if own_file.exists() and own_file.read_text("utf-8") != content:
        raise UsageError(
            f"{own_file} contradicts the generator written to {path}, which needs "
            f"{' and '.join(content.splitlines())}; change that file, or name another place"
        )
    is_usual = checkpoint.prior == parse_prior("normal", checkpoint.network.latent)
    return "" if is_usual and not path.with_name(generator_toml.FILE_NAME).exists() else content


def _compare_with_checkpoint(checkpoint: Checkpoint, written: Path) -> tuple[str, float]:
    """Return the hash of the written network, and the largest difference of its images."""
    reread = read(written)
    first, second = make_generator(checkpoint), make_generator(reread)
    difference = measure_difference(first, second, PICTURES)
    if not difference <= LIMIT:  # nor NaN
        raise GaninvError(
            f"pictures of the written generator differ by up to {difference:.2g}, more than the "
            f"{LIMIT:g} that rounding explains; it was removed"
        )
    return reread.sha256, difference
