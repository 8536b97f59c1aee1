"""Where a generator is written, and in which format; needs no TensorFlow."""

import re
from dataclasses import dataclass
from pathlib import Path

from ganinv_cli.errors import UsageError
from ganinv_cli.files import check_parent_folder, check_writable
from ganinv_cli.formats import generator_toml
from ganinv_cli.prior import Prior, Uniform, parse_prior

CHECKPOINT_NAME = "DCGAN.model-0"  # of a checkpoint in a folder
KERAS_SUFFIX = ".keras"

_PREFIX_PATTERN = re.compile(r".+\.(?:model|ckpt)-[0-9]+")
_UNSUPPORTED_SUFFIXES = (
    ".h5",
    ".hdf5",
    ".pt",
    ".pth",
    ".onnx",
    ".pb",
    ".safetensors",
    ".npz",
    ".zip",
    ".tar",
)
_PATTERN_CHARACTERS = set(
    "*?[\\"
)  # in a path, TensorFlow takes these for a pattern and finds nothing


@dataclass(frozen=True)
class Destination:
    """Where a generator goes, and in which format."""

    folder: Path
    name: str  # of the file, or the prefix of the files
    owns_folder: bool  # the folder is this checkpoint's own

    @property
    def is_keras(self) -> bool:
        return self.name.endswith(KERAS_SUFFIX)

    @property
    def convention_file(self) -> str:
        """The file in the folder that says what its format does not: a folder of its own has one
        of its own."""
        return generator_toml.FILE_NAME if self.owns_folder else f"{self.name}.toml"

    @property
    def default_prior(self) -> Prior:
        """The prior that the reader of the format takes where nothing else is said."""
        return parse_prior("normal") if self.is_keras else Uniform()

    @property
    def path(self) -> Path:
        return self.folder if self.owns_folder else self.folder / self.name


def parse_destination(typed: Path, overwrite: bool) -> Destination:
    """What is meant, where it may be written. Raises UsageError."""
    ending = typed.suffix.lower()
    if ending == KERAS_SUFFIX:
        destination = Destination(typed.parent, typed.name, owns_folder=False)
    elif ending in _UNSUPPORTED_SUFFIXES:
        raise UsageError(
            f"{typed}: {ending} is not written; name a folder for a TensorFlow checkpoint of a "
            f"DCGAN, or a file that ends in {KERAS_SUFFIX} for a Keras model"
        )
    elif _PREFIX_PATTERN.fullmatch(typed.name):
        destination = Destination(typed.parent, typed.name, owns_folder=False)
    else:
        destination = Destination(typed, CHECKPOINT_NAME, owns_folder=True)
    _check_writable(typed, destination, overwrite)
    return destination


def _check_writable(typed: Path, destination: Destination, overwrite: bool) -> None:
    parent = destination.folder.parent if destination.owns_folder else destination.folder
    check_parent_folder(typed)
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
    index = destination.folder / f"{destination.name}.index"
    has_files = any(typed.iterdir()) if destination.owns_folder and typed.is_dir() else False
    if not overwrite and (
        has_files or (typed.exists() and not destination.owns_folder) or index.exists()
    ):
        raise UsageError(f"{typed} exists; name another place, or give --overwrite")
