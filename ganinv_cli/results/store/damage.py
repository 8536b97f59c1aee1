"""Damaged files: noticed by checksums, and explained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganinv_cli.errors import DAMAGE_ERRORS, FAILURE_CODES, ResultsError, make_error


class DamagedError(ResultsError):
    """A results file is damaged, or of a newer ganinv."""


class MissingColumnError(DamagedError, KeyError):
    """A results file has no column of a name; a mapping's `get` takes it for a missing key."""

    __str__ = Exception.__str__


class ChangedError(DamagedError):
    """A file of a run has changed while it was in use."""

    exit_code = 1

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was changed, replaced or damaged while it was in use; run the same command "
            "again: it runs the trials that are missing"
        )


@contextmanager
def explain_damaged_results(path: Path) -> Iterator[None]:
    """Turn the errors of a file that cannot be read, or is not as it should be.

    Raises ResultsError for the former, DamagedError for the latter, and GaninvError if the system
    fails, for instance because too many files are open.
    """
    advice = "restore a copy, or move it away and run its command again"
    unread = f"{path} cannot be read"
    try:
        yield
    except (PermissionError, IsADirectoryError) as error:
        advice = "check the path and its permissions"
        raise make_error(error, unread, advice, ResultsError) from error
    except DAMAGE_ERRORS as error:
        if getattr(error, "errno", None) in {*FAILURE_CODES} - {None}:
            advice = "run the same command again, with fewer files if there are many"
            raise make_error(error, unread, advice) from error
        what = f"{path} is not a ganinv results file, or is damaged"
        raise make_error(error, what, advice, DamagedError) from error
