"""Functions that the readers of several formats share."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ganinv_cli.formats.interface import UnreadableError


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading bytes; in the block too, OSError becomes UnreadableError."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UnreadableError(
            f"it cannot be read ({error.strerror or error}); check it and its permissions"
        ) from None


@contextmanager
def translate_errors(problem: str, *types: type[Exception], length: int = 200) -> Iterator[None]:
    """Raise UnreadableError with the problem and the reason if one of these errors is raised.

    Only for calls of a library that raises these errors for damaged files. At most `length`
    characters of the reason are shown.
    """
    try:
        yield
    except types as error:
        reason = " ".join(str(error).split())[:length]
        raise damaged_error(f"{problem} ({reason})") from None


def damaged_error(problem: str, copied: str = "it") -> UnreadableError:
    """Return the error for a file that was damaged in transfer, with what to do."""
    return UnreadableError(f"{problem}; copy {copied} again from its source")


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers in names by value: main.3 before main.10."""
    parts = re.split(r"([0-9]{1,9})", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def format_names(names: Collection[str], most: int = 6) -> str:
    """Return the first few names, sorted, and how many more there are."""
    shown = [name[:80] for name in sorted(names)[:most]]
    more = len(names) - len(shown)
    return (", ".join(shown) or "nothing") + (f" and {more} more" if more > 0 else "")
