"""Errors that a user can correct, each with its exit status."""

import errno
import os

_MISUSE_CODES = (
    *(errno.EACCES, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR),
    *(errno.EPERM, errno.EROFS),
)


class GaninvError(Exception):
    """A failure explained in a sentence: what happened, where, and what to do."""

    exit_code = 1


class NothingToDoError(GaninvError):
    """The command has nothing to do, which is not a failure."""

    exit_code = 0


class UsageError(GaninvError):
    """The command was misused: a wrong option, config, file or combination of them."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file or an option has an invalid value."""


class OutOfMemoryError(GaninvError):
    """The device's memory is too small for the smallest batch."""

    def __init__(
        self,
        sentence: str = "the device's memory ran out; free some, give a smaller --batch-size, or "
        "use another --device",
    ) -> None:
        super().__init__(sentence)


class CheckpointError(UsageError):
    """A checkpoint is missing, damaged, or not a generator that can be read."""


class ImageError(UsageError):
    """An image, or a folder or archive of them, is missing or cannot be read."""


class ResultsError(UsageError):
    """A results file is missing, damaged, busy, or belongs to another run."""


def explain_os_error(error: OSError) -> GaninvError:
    """Return the error that says which file or folder the system refused, and why.

    It is for errors that no command expects, such as a forbidden folder on the way to a file.
    """
    reason = error.strerror or error
    if error.errno in (errno.EMFILE, errno.ENFILE):
        sentence = f"the system refused to open another file ({reason}); raise `ulimit -n`"
    elif error.filename is not None:
        place = os.fsdecode(error.filename)
        sentence = f"{place} cannot be used ({reason}); check the name and its permissions"
    elif error.errno == errno.ENOENT:
        sentence = "the current folder was removed; change to another one"
    else:
        sentence = f"the system refused a file or stream ({reason}); check disks and permissions"
    return (UsageError if error.errno in _MISUSE_CODES else GaninvError)(sentence)


def to_printable(text: object, keep: str = "") -> str:
    """Return text with line breaks, control characters and invalid Unicode escaped.

    Characters that reverse the direction of text are control characters too. Those in `keep` stay.
    """
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in str(text))


def to_printable_lines(text: str) -> str:
    """Return a text of lines; all but line breaks and tabs is as `to_printable` returns it."""
    lines = text.split("\n")
    return "\n".join(line if line.isprintable() else to_printable(line, "\t") for line in lines)
