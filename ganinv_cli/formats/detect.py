"""Which format a file is of: its first bytes, its name where they do not tell, nothing more."""

import zipfile
from pathlib import Path

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.tensorflow import checkpoint_files as tf_files
from ganinv_cli.formats.torch.archive import check_member_list

TENSORFLOW_FORMATS = {"tensorflow.reader", "saved_model"}
WHOLE_MODEL_FORMATS = {"keras", "saved_model"}  # they say how their weights are used

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_SUFFIXES = (".keras", ".h5", ".hdf5", ".pt", ".pth", ".tar", ".safetensors")


def detect_format(path: Path) -> str:
    """The module of `formats` that reads a file, a folder, or the prefix of a checkpoint's files.

    Raises CheckpointError where none does.
    """
    try:
        return _detect_in_folder(path) if path.is_dir() else _detect_in_file(path)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}); check the path and its permissions"
        ) from None


def _detect_in_file(path: Path) -> str:
    if path.name == "saved_model.pb" or path.suffix == ".pb":
        return "saved_model"
    first = _read_first_bytes(path) if path.is_file() else b""
    if first.startswith(_ZIP):
        return _detect_in_zip(path)
    if first.startswith(_HDF5):
        return "keras"
    if first[8:9] == b"{" and int.from_bytes(first[:8], "little") <= path.stat().st_size:
        return "safetensors"
    if first.startswith(_PICKLE) and first[1:2] <= b"\x05":
        return "torch.reader"
    if path.is_file() and not path.stat().st_size:
        raise CheckpointError(f"{path} is empty; copy it again from its source")
    if path.suffix in _SUFFIXES and path.is_file():
        raise CheckpointError(
            f"{path} is called {path.suffix} and is no such file: it begins with {first[:8]!r}; "
            "was it downloaded whole?"
        )
    tf_files.find_checkpoint(path)  # raises CheckpointError
    return "tensorflow.reader"


def _read_first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(10)


def _detect_in_folder(folder: Path) -> str:
    if (folder / "saved_model.pb").is_file():
        return "saved_model"
    others = sorted(each for each in folder.iterdir() if each.suffix in _SUFFIXES)
    if others and not (folder / tf_files.STATE_FILE).exists() and not any(folder.glob("*.index")):
        names = ", ".join(each.name for each in others[:5])
        raise CheckpointError(f"{folder} is a folder that holds {names}; name the file itself")
    tf_files.find_checkpoint(folder)
    return "tensorflow.reader"


def _detect_in_zip(path: Path) -> str:
    try:
        with path.open("rb") as file:
            check_member_list(file)
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
    except UnreadableError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise CheckpointError(
            f"{path} is a zip archive that is damaged or cut off ({error}); copy it again from its "
            "source"
        ) from None
    if "config.json" in names:
        return "keras"
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        return "torch.reader"
    inside = ", ".join(name[:60] for name in names[:3]) or "nothing"
    raise CheckpointError(
        f"{path} is a zip archive of {inside}; expected a Keras or PyTorch file; unpack it and "
        "name the checkpoint in it"
    )
