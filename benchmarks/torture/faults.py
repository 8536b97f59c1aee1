"""What is a fault: everything but a result, or one sentence and an exit status of 1 or 2."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from .runner import Outcome

FAULTS = {  # fault -> its column of the table
    "traceback": "tracebacks",
    "status": "wrong exit",
    "sentence": "no sentence",
    "hang": "hangs",
    "memory": "memory",
    "crash": "crashes",
    "rows": "wrong rows",
    "code": "code run",
    "read": "other files read",
    "left": "left files",
    "control": "control characters",
}
_USAGE = re.compile(r"Usage: .*?(?=^Error: )", re.DOTALL | re.MULTILINE)
_LOG = re.compile(r"^([IWEF]\d{4} |\d{4}-\d\d-\d\d .*\] |.*Warning: |  warn)", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Judged:
    """A case, what was done, and the faults."""

    name: str
    kind: str  # the row of the table
    command: tuple[str, ...]
    what: str  # the mutation or the disturbance
    faults: tuple[str, ...]
    status: int
    says: str  # the end of the traceback or of stderr, and what was checked


def judge_outcome(outcome: Outcome) -> set[str]:
    """Return the faults that the streams and the exit status show."""
    if outcome.ended:
        return {outcome.ended}
    if outcome.traceback or "Traceback (most recent call last)" in outcome.error:
        return {"traceback"}
    faults = set()
    if outcome.status not in (0, 1, 2):
        faults.add("status")
    elif not _has_one_sentence(outcome):
        faults.add("sentence")
    if _CONTROL.search(outcome.out + outcome.error):
        faults.add("control")
    return faults


def _has_one_sentence(outcome: Outcome) -> bool:
    """Whether stderr ends in one line for a failure, and has no log or warning of a library."""
    if _LOG.search(outcome.error):
        return False
    lines = _USAGE.sub("", outcome.error).strip().splitlines()
    errors = [line for line in lines if line.startswith("Error: ")]
    if outcome.status == 0:
        return not errors
    return len(errors) == 1 and lines[-1] == errors[0]


def list_files(folder: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {
        os.path.relpath(os.path.join(place, name), folder)  # noqa: PTH118
        for place, _, names in os.walk(folder)
        for name in names
    }


def find_left_behind(
    before: Iterable[str], folder: Path, outputs: Iterable[str], status: int
) -> set[str]:
    """Return the new files in a folder that match no pattern of `outputs`.

    A command that failed may have kept results (`.h5`, `.log`, `.lock`), and nothing else.
    """
    new = list_files(folder) - set(before)
    kept = [each for each in outputs if status == 0 or each.endswith((".lock", ".log", ".h5"))]
    return {name for name in new if not any(fnmatch(name, each) for each in kept)}


def shorten(outcome: Outcome) -> str:
    """Return how a command ended, in short: its exit status, and the end of what it said."""
    said = (outcome.traceback or outcome.error).strip().splitlines()[-3:]
    return " / ".join([f"exit {outcome.status}", *said])[:400]
