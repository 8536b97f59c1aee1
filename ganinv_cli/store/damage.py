"""Damaged files: noticed by checksums, and explained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganinv_cli.errors import DAMAGE_ERRORS, ResultsError, explain_failures


class DamagedError(ResultsError):
    """A results file is damaged, or of a newer ganinv."""


class ChangedError(DamagedError):
    """A file of a run has changed while it was in use."""

    exit_code = 1

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was changed or damaged while it was in use; run the same command again: it "
            "runs the trials that are missing"
        )


@contextmanager
def explain_damaged_results(path: Path) -> Iterator[None]:
    """Turn the errors of a file that cannot be read, or is not as it should be.

    Raises ResultsError for the former, DamagedError for the latter.
    """
    forbidden = (PermissionError, IsADirectoryError)
    advice = "restore a copy, or move it away and run its command again"
    with (
        explain_failures(
            f"{path} is no ganinv results file, or is damaged", advice, DamagedError, DAMAGE_ERRORS
        ),
        explain_failures(
            f"{path} cannot be read", "check the path and its permissions", ResultsError, forbidden
        ),
    ):
        yield
