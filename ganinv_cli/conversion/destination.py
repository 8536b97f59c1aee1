"""Path and format of a generator to be written, and its convention file.

Does not import TensorFlow.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ganinv_cli.errors import UsageError
from ganinv_cli.files import check_parent_folder, check_writable, follow_link, has_content
from ganinv_cli.formats import generator_toml
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.prior import parse_prior
from ganinv_cli.settings.conventions import WEIGHTS_ONLY, Conventions

CHECKPOINT_NAME = "DCGAN.model-0"  # prefix of the files in a folder
KERAS_SUFFIX = ".keras"
WRITTEN_RANGES = {True: "-1,1", False: "tanh"}  # `range` of a written Keras model, checkpoint

_PREFIX_PATTERN = re.compile(r".+\.(?:model|ckpt)-[0-9]+")
_UNSUPPORTED_SUFFIXES = (
    *(".h5", ".hdf5", ".pt", ".pth", ".onnx", ".pb", ".safetensors", ".npz", ".zip", ".tar"),
)
_PATTERN_CHARACTERS = set("*?[\\")  # TensorFlow expands a path with these and finds no file


@dataclass(frozen=True)
class Destination:
    """The path that a generator is written to; the name decides the format."""

    folder: Path
    name: str  # of the Keras file, or the prefix of the checkpoint files
    owns_folder: bool  # whether the folder holds this checkpoint alone

    @property
    def is_keras(self) -> bool:
        """Whether a Keras model is written; else a TensorFlow checkpoint in layout C."""
        return self.name.endswith(KERAS_SUFFIX)

    @property
    def convention_file(self) -> str:
        """Name of the file in the folder that states the conventions of this generator."""
        return generator_toml.FILE_NAME if self.owns_folder else f"{self.name}.toml"

    @property
    def default_prior(self) -> str:
        """The prior that the format implies without a convention file."""
        return "normal" if self.is_keras else "uniform"

    @property
    def path(self) -> Path:
        """The path to read the generator from."""
        return self.folder if self.owns_folder else self.folder / self.name


def parse_destination(typed: Path, overwrite: bool) -> Destination:
    """Return the destination that a path stands for.

    Raises UsageError if ganinv does not write the format or cannot write to the place.
    """
    check_parent_folder(typed)
    ending = typed.suffix.lower()
    if ending == KERAS_SUFFIX:
        destination = Destination(typed.parent, typed.name, owns_folder=False)
    elif ending in _UNSUPPORTED_SUFFIXES:
        raise UsageError(
            f"{typed}: ganinv does not write {ending} files; name a folder for a TensorFlow "
            f"checkpoint of a DCGAN, or a file that ends in {KERAS_SUFFIX} for a Keras model"
        )
    elif _PREFIX_PATTERN.fullmatch(typed.name):
        destination = Destination(typed.parent, typed.name, owns_folder=False)
    else:
        destination = Destination(follow_link(typed), CHECKPOINT_NAME, owns_folder=True)
    _check_writable(typed, destination, overwrite)
    return destination


def format_overrides(checkpoint: Checkpoint, destination: Destination) -> str:
    """Return the content of the convention file of a generator to be written; "" if none is needed.

    The file overrides the folder's own convention file, so no existing file is changed. Raises
    UsageError if an existing convention file contradicts what must be stated.
    """
    existing, files = _read_existing(destination)
    misplaced = [name for name in WEIGHTS_ONLY if existing.is_given(name)]
    if misplaced and not destination.is_keras:
        raise UsageError(
            f"{' and '.join(files)} states {' and '.join(misplaced)}, which would be wrong for the "
            f"generator written to {destination.path}; name another folder"
        )
    lines = []
    prior = parse_prior(existing.prior or destination.default_prior, checkpoint.network.latent)
    if prior != checkpoint.prior:
        lines.append(f'prior = "{checkpoint.prior}"')
    written_range = WRITTEN_RANGES[destination.is_keras]
    if existing.range not in ("", written_range):
        lines.append(f'range = "{written_range}"')
    own_file = destination.folder / destination.convention_file
    if lines and (own_file.exists() or (destination.owns_folder and files)):
        conflicting_file = own_file if own_file.exists() else files[0]
        raise UsageError(
            f"{conflicting_file} contradicts the generator written to {destination.path}, which "
            f"needs {' and '.join(lines)}; change that file, or name another place"
        )
    return "".join(f"{line}\n" for line in lines)


def _check_writable(typed: Path, destination: Destination, overwrite: bool) -> None:
    parent = destination.folder.parent if destination.owns_folder else destination.folder
    if not destination.is_keras and _PATTERN_CHARACTERS & set(str(typed.absolute())):
        raise UsageError(f"{typed} has one of * ? [ \\ in its path; name another place")
    if destination.owns_folder and typed.exists() and not typed.is_dir():
        raise UsageError(f"{typed} is a file; name a folder, or a file that ends in {KERAS_SUFFIX}")
    if destination.is_keras and typed.is_dir():
        raise UsageError(
            f"{typed} is a folder; name a file, such as {typed}/generator{KERAS_SUFFIX}"
        )
    for folder in (parent, destination.folder):
        if folder.is_dir():
            check_writable(typed, folder)
    if not overwrite and _has_content(typed, destination):
        raise UsageError(f"{typed} exists; name another place, or give --overwrite")


def _has_content(typed: Path, destination: Destination) -> bool:
    """Return whether files would be replaced."""
    if (destination.folder / f"{destination.name}.index").exists():
        return True
    return (
        any(typed.iterdir()) if destination.owns_folder and typed.is_dir() else has_content(typed)
    )


def _read_existing(destination: Destination) -> tuple[Conventions, tuple[str, ...]]:
    """Return the conventions that already hold for the destination, and their files."""
    if not destination.owns_folder:
        return generator_toml.read_conventions(destination.path, Conventions())
    if not destination.folder.is_dir():
        return Conventions(), ()
    folder = destination.folder.absolute()  # "." has no name
    return generator_toml.read_conventions(folder, Conventions())
