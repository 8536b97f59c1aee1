"""What is mutated: files as a command reads them, and the commands that read them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECRET = b"GANINV-CANARY-" * 64  # the content of a file that no command is told to read


@dataclass(frozen=True)
class Material:
    """What a mutation may put into a file."""

    secret: Path  # a file outside the case's folder, which nothing should open
    executed: Path  # a file that appears if code from the mutated file is executed
    donors: tuple[Path, ...] = ()  # other files, whose parts are spliced in


Mutation = Callable[[random.Random, Path, Material], str]  # edits a file; returns what it did


@dataclass(frozen=True)
class Command:
    """A command that reads the mutated file."""

    arguments: tuple[str, ...]  # of ganinv, in the case's folder
    outputs: tuple[str, ...] = ()  # patterns of the files it may write if it succeeds
    published: bool = False  # whether it writes its folder of tables and figures


@dataclass(frozen=True)
class Subject:
    """Files that ganinv reads, and how they are mutated."""

    name: str
    kind: str  # the row of the table
    build: Callable[[Path], None]  # writes the files, unmutated, into a folder
    targets: tuple[str, ...]  # patterns of the files to mutate
    commands: tuple[Command, ...]
    edits: tuple[Mutation, ...] = ()  # of its structure; bytes are mutated in every file
    weight: int = 1  # share of the cases
    has_checksums: bool = False  # whether changed bytes that are read must be noticed


def list_targets(subject: Subject, folder: Path) -> list[Path]:
    """Return the files of a subject that are mutated, sorted."""
    return sorted(
        path for pattern in subject.targets for path in folder.glob(pattern) if path.is_file()
    )
