"""Declarations of formats, and the facts by which they recognise a file."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ganinv_cli.formats.interface import UnfinishedGenerator
from ganinv_cli.settings.conventions import Conventions


@dataclass(frozen=True)
class FileFacts:
    """Facts by which a format recognises a file; each is read when it is first needed."""

    path: Path  # a file, a folder, or the common prefix of several files

    @cached_property
    def is_file(self) -> bool:
        return self.path.is_file()

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
        """Names in a zip archive, none in other files. Raises BadZipFile if it is damaged."""
        if not self.is_zip:
            return ()
        with zipfile.ZipFile(self.path) as archive:
            return tuple(archive.namelist())

    def folder_matches(self, *patterns: str) -> bool:
        """Return whether the path is a folder with an entry that matches one of the patterns."""
        return any(True for pattern in patterns for _ in self.path.glob(pattern))


@dataclass(frozen=True)
class Format:
    """A format of files; `formats.FORMATS` has all of them."""

    title: str  # of its files in messages
    read: Callable[[Path, Conventions], UnfinishedGenerator]  # raises as `formats.boundary` says
    recognises: Callable[[FileFacts], bool]  # may raise CheckpointError for a missing file
    is_whole_model: bool = False  # states its layers, so options cannot
