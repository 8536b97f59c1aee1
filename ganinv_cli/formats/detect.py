"""Declarations of formats, and recognition of a file's format by them."""

import importlib
import pkgutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from pathlib import Path

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats.interface import UnfinishedGenerator
from ganinv_cli.settings.conventions import Conventions


class Evidence(IntEnum):
    """Kind of evidence for a format; formats with a lower number are checked first."""

    UNSUPPORTED = 0  # a sign of a format that is not read
    NAME = 1  # a name that no other format uses
    CONTENT = 2  # the first bytes, or the names of the members of a zip archive
    NEIGHBOURS = 3  # other files beside the path, if the content does not decide


@dataclass(frozen=True)
class FileFacts:
    """Facts by which a format recognises a file; each is read when it is first needed."""

    path: Path  # a file, a folder, or the common prefix of several files

    @cached_property
    def is_file(self) -> bool:
        return self.path.is_file()

    @cached_property
    def size(self) -> int:
        """Bytes of a file."""
        return self.path.stat().st_size if self.is_file else 0

    @cached_property
    def first_bytes(self) -> bytes:
        """The first 16 KiB of a file."""
        if not self.is_file:
            return b""
        with self.path.open("rb") as file:
            return file.read(1 << 14)

    @property
    def is_zip(self) -> bool:
        return self.first_bytes.startswith(b"PK\x03\x04")

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Names in a zip archive, none in other files. Raises CheckpointError if it is damaged."""
        if not self.is_zip:
            return ()
        try:
            with self.path.open("rb") as file, zipfile.ZipFile(file) as archive:
                return tuple(archive.namelist())
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            raise CheckpointError(
                f"{self.path} is a zip archive that is damaged or cut off ({error}); copy it again "
                "from its source"
            ) from None

    def folder_matches(self, *patterns: str) -> bool:
        """Return whether the path is a folder with an entry that matches one of the patterns."""
        return any(True for pattern in patterns for _ in self.path.glob(pattern))


@dataclass(frozen=True)
class Format:
    """A format of files: a module or package in `formats` declares one as FORMAT."""

    name: str
    read: Callable[[Path, Conventions], UnfinishedGenerator]  # raises UnreadableError
    recognises: Callable[[FileFacts], bool]  # may raise CheckpointError for a missing file
    evidence: Evidence = Evidence.CONTENT
    suffixes: tuple[str, ...] = ()  # of its files, to explain a damaged one
    folder_patterns: tuple[str, ...] = ()  # entries of a folder that is read as a whole
    needs_tensorflow: bool = False
    is_whole_model: bool = False  # states its layers, so options cannot
    title: str = ""  # of its files in messages, if not the name


@cache
def list_formats() -> tuple[Format, ...]:
    """Return all formats, in the order in which they are checked."""
    package = importlib.import_module("ganinv_cli.formats")
    names = [each.name for each in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(f"ganinv_cli.formats.{name}") for name in names]
    declared: list[Format] = [each.FORMAT for each in modules if hasattr(each, "FORMAT")]
    return tuple(sorted(declared, key=lambda each: (each.evidence, each.name)))


def list_titles() -> str:
    """Return the names of all formats that are read, for messages."""
    formats = [form for form in list_formats() if form.evidence is not Evidence.UNSUPPORTED]
    return ", ".join(sorted((form.title or form.name for form in formats), key=str.lower))


def detect_format(path: Path) -> Format:
    """Return the format of a file, a folder, or the common prefix of several files.

    Raises CheckpointError if no format recognises it.
    """
    try:
        facts = FileFacts(path)
        for form in list_formats():
            if form.evidence is Evidence.NEIGHBOURS:
                _refuse_unknown_content(facts)
            if form.recognises(facts):
                return form
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}); check the path and its permissions"
        ) from None
    raise CheckpointError(f"{path} is in no format that ganinv reads ({list_titles()})")


def _refuse_unknown_content(facts: FileFacts) -> None:
    """Raise CheckpointError if the content of a path belongs to no format."""
    path = facts.path
    suffixes = {suffix for form in list_formats() for suffix in form.suffixes}
    if facts.is_zip:
        inside = ", ".join(name[:60] for name in facts.members[:3]) or "nothing"
        raise CheckpointError(
            f"{path} is a zip archive of {inside}, in no format that ganinv reads "
            f"({list_titles()}); unpack it and give the generator's file in it"
        )
    if facts.is_file and not facts.size:
        raise CheckpointError(f"{path} is empty; copy it again from its source")
    if facts.is_file and path.suffix in suffixes:
        raise CheckpointError(
            f"{path} is not a {path.suffix} file, although it is called so: it begins with "
            f"{facts.first_bytes[:8]!r}; copy or download it again"
        )
    patterns = [pattern for form in list_formats() for pattern in form.folder_patterns]
    if path.is_dir() and not facts.folder_matches(*patterns):
        others = sorted(each.name for each in path.iterdir() if each.suffix in suffixes)
        if others:
            names = ", ".join(others[:5])
            raise CheckpointError(f"{path} is a folder; give the file in it, one of: {names}")
