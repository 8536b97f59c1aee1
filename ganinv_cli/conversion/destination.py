"""Where a generator is written, and in which format; needs no TensorFlow."""

import re
from dataclasses import dataclass
from pathlib import Path

from ganinv_cli.errors import UsageError
from ganinv_cli.files import check_allowed
from ganinv_cli.formats import conventions
from ganinv_cli.prior import Prior, Uniform, parsed

NAME = "DCGAN.model-0"  # of a checkpoint in a folder
KERAS = ".keras"

_PREFIX = re.compile(r".+\.(?:model|ckpt)-[0-9]+")
_OTHERS = (".h5", ".hdf5", ".pt", ".pth", ".onnx", ".pb", ".safetensors", ".npz", ".zip", ".tar")
_PATTERN = set("*?[\\")  # in a path, TensorFlow takes these for a pattern and finds nothing


@dataclass(frozen=True)
class Destination:
    """Where a generator goes, and in which format."""

    folder: Path
    name: str  # of the file, or the prefix of the files
    whole: bool  # the folder is this checkpoint's own

    @property
    def keras(self) -> bool:
        return self.name.endswith(KERAS)

    @property
    def told(self) -> str:
        """The file in the folder that says what its format does not: a folder of its own has one
        of its own."""
        return conventions.NAME if self.whole else f"{self.name}.toml"

    @property
    def usual(self) -> Prior:
        """The prior that the reader of the format takes where nothing else is said."""
        return parsed("normal") if self.keras else Uniform()

    @property
    def path(self) -> Path:
        return self.folder if self.whole else self.folder / self.name


def destination(typed: Path, overwrite: bool) -> Destination:
    """What is meant, where it may be written. Raises UsageError."""
    ending = typed.suffix.lower()
    if ending == KERAS:
        found = Destination(typed.parent, typed.name, whole=False)
    elif ending in _OTHERS:
        raise UsageError(
            f"{typed}: {ending} is not written; name a folder for a TensorFlow checkpoint of a "
            f"DCGAN, or a file that ends in {KERAS} for a Keras model"
        )
    elif _PREFIX.fullmatch(typed.name):
        found = Destination(typed.parent, typed.name, whole=False)
    else:
        found = Destination(typed, NAME, whole=True)
    _check(typed, found, overwrite)
    return found


def _check(typed: Path, found: Destination, overwrite: bool) -> None:
    around = found.folder.parent if found.whole else found.folder
    if not around.absolute().is_dir():
        raise UsageError(f"{typed} lies in a folder that does not exist; make it, or name another")
    if not found.keras and _PATTERN & set(str(typed.absolute())):
        raise UsageError(f"{typed} has one of * ? [ \\ in its path; name another place")
    if found.whole and typed.exists() and not typed.is_dir():
        raise UsageError(f"{typed} is a file; name a folder, or a file that ends in {KERAS}")
    if found.keras and typed.is_dir():
        raise UsageError(f"{typed} is a folder; name a file, such as {typed}/generator{KERAS}")
    for folder in (around, found.folder):
        if folder.is_dir():
            check_allowed(typed, folder)
    index = found.folder / f"{found.name}.index"
    there = any(typed.iterdir()) if found.whole and typed.is_dir() else False
    if not overwrite and (there or (typed.exists() and not found.whole) or index.exists()):
        raise UsageError(f"{typed} exists; name another place, or give --overwrite")
