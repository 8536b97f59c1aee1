"""Keras files: a config as text, weights as HDF5."""

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from ganinv_cli.files import is_bomb
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras.hdf5 import MAX_TEXT, Group, open_root
from ganinv_cli.formats.keras.weights import ROOT_GROUPS
from ganinv_cli.formats.reading import translate_errors

MAX_BYTES = 4 * 4 * 100_000_000 + (1 << 26)  # weights, twice those of an optimizer, and slack
WEIGHTS_MEMBER = "model.weights.h5"


class KerasFile(NamedTuple):
    """The parts of an open Keras file."""

    config: str  # JSON
    weights: Group
    file_type: str  # such as .keras
    version: str  # of Keras, "" if the file does not state it
    other_names: tuple[str, ...] = ()  # other entries of the file

    @property
    def major_version(self) -> int:
        """The first number of Keras's version, from the file, the metadata or the config."""
        version: object = self.version
        for text in (self.version, self.config):
            try:
                metadata = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(metadata, dict) and "keras_version" in metadata:
                version = metadata["keras_version"]
                break
        first = str(version)[:1]
        if first in ("1", "2", "3"):
            return int(first)
        return 3 if '"module"' in self.config else 2


@contextmanager
def open_keras_file(path: Path) -> Iterator[KerasFile]:
    """Open a .keras archive, a model in HDF5, or weights in HDF5 with a config beside them.

    Raises UnreadableError.
    """
    try:
        with path.open("rb") as file:
            is_archive = zipfile.is_zipfile(file)
    except OSError as error:
        raise UnreadableError(
            f"it cannot be opened ({error.strerror}); check it and its permissions"
        ) from None
    with _open_archive(path) if is_archive else _open_hdf5_model(path) as stored:
        yield stored


@contextmanager
def _open_archive(path: Path) -> Iterator[KerasFile]:
    with tempfile.TemporaryFile() as copy:
        with (
            _translate_zip_errors(),
            path.open("rb") as file,
            zipfile.ZipFile(file) as archive,
        ):
            config = _read_text_member(archive, "config.json")
            metadata = (
                _read_text_member(archive, "metadata.json")
                if _has_member(archive, "metadata.json")
                else ""
            )
            with _open_member(archive, WEIGHTS_MEMBER, MAX_BYTES) as weights:
                shutil.copyfileobj(weights, copy, 1 << 20)
        copy.flush()
        copy.seek(0)
        with open_root(copy) as root:
            yield KerasFile(config, root, ".keras", metadata)


@contextmanager
def _open_hdf5_model(path: Path) -> Iterator[KerasFile]:
    with open_root(path) as root:
        config = root.read_text("model_config")
        if config is not None:
            weights = root.find_group("model_weights")
            if weights is None:
                raise UnreadableError(
                    "holds a model_config and no model_weights; save the model again with Keras"
                )
            others = tuple(sorted(set(root.names) - {"model_weights"}))
            version = root.read_text("keras_version") or weights.read_text("keras_version") or "1"
            yield KerasFile(config, weights, ".h5", version, others)
        else:
            _check_weights(root)
            ending = ".weights.h5" if root.find_group("layers") else ".h5 weights"
            yield KerasFile(
                _read_config_beside(path), root, ending, root.read_text("keras_version") or ""
            )


def _check_weights(root: Group) -> None:
    """Raise UnreadableError if these are not weights that Keras wrote."""
    known = {*ROOT_GROUPS} & set(root.names)
    if not (known or root.read_texts("layer_names")):
        if root.read_text("command") and root.read_text("identity"):
            raise UnreadableError(
                "is a results file of ganinv, not a generator; print it with ganinv report, and "
                "give the generator's file, e.g. netG.pth"
            )
        inside = ", ".join(name[:60] for name in root.names[:5]) or "nothing"
        raise UnreadableError(
            f"is an HDF5 file of {inside}; expected a model or weights that Keras saved "
            "(model.save, model.save_weights); give such a file"
        )


def _read_config_beside(path: Path) -> str:
    """Return the output of model.to_json() from the first file beside it that exists."""
    stem = path.name.removesuffix(".h5").removesuffix(".hdf5").removesuffix(".weights")
    candidates = dict.fromkeys((f"{stem}.json", "config.json", "model.json"))
    for name in candidates:
        config = path.with_name(name)
        if not config.exists():
            continue
        try:
            content = config.read_bytes()
        except OSError as error:
            raise UnreadableError(
                f"{name} beside it cannot be read ({error.strerror}); check its permissions"
            ) from None
        return _decode_json_text(content, f"{name} beside it")
    first, *others = candidates
    raise UnreadableError(
        "holds weights without the layers they belong to; write what model.to_json() gives to "
        f"{first} beside it (or {' or '.join(others)}), or save the whole model with "
        "model.save('NAME.keras')"
    )


def _decode_json_text(content: bytes, name: str) -> str:
    if len(content) > MAX_TEXT:
        raise UnreadableError(f"{name} has more than {MAX_TEXT:,} bytes; is it a Keras model's?")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise UnreadableError(f"{name} is not JSON; write it with model.to_json()") from None


@contextmanager
def _translate_zip_errors() -> Iterator[None]:
    """Turn zipfile's errors for damaged archives into UnreadableError."""
    errors = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)
    with translate_errors("the archive is damaged or incomplete", *errors):
        yield


def _has_member(archive: zipfile.ZipFile, name: str) -> bool:
    return name in archive.namelist()


def _read_text_member(archive: zipfile.ZipFile, name: str) -> str:
    with _open_member(archive, name, MAX_TEXT) as file:
        return _decode_json_text(file.read(MAX_TEXT + 1), name)


def _open_member(archive: zipfile.ZipFile, name: str, max_bytes: int) -> IO[bytes]:
    if not _has_member(archive, name):
        raise UnreadableError(
            f"is an archive without {name}; expected what model.save('NAME.keras') writes"
        )
    member = archive.getinfo(name)
    if member.file_size > max_bytes:
        raise UnreadableError(
            f"{name} in it has {member.file_size:,} bytes, but at most {max_bytes:,} were "
            "expected; is it a generator?"
        )
    if is_bomb(member.file_size, member.compress_size):
        raise UnreadableError(
            f"{name} in it has {member.compress_size:,} bytes and says that it becomes "
            f"{member.file_size:,}, which weights do not; save the model again with Keras"
        )
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnreadableError(f"{name} in it is compressed in a way that Keras does not use")
    return archive.open(member)
