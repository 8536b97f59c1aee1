"""What is a fault: everything but a result, or one sentence and an exit status of 1 or 2."""

import fnmatch
import os
import re
from collections.abc import Iterable
from pathlib import Path

from .execute import Outcome
from .subject import Command

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
MAX_MEGABYTES = 1500.0
_USAGE = re.compile(r"Usage: .*?(?=^Error: )", re.DOTALL | re.MULTILINE)
_LOG = re.compile(r"^([IWEF]\d{4} |\d{4}-\d\d-\d\d .*\] |.*Warning: |  warn)", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def judge_outcome(outcome: Outcome, command: Command) -> set[str]:
    """Return the faults that the streams and the exit status show."""
    if outcome.ended:
        return {outcome.ended}
    faults = set()
    if outcome.traceback or "Traceback (most recent call last)" in outcome.error:
        faults.add("traceback")
    elif outcome.status not in (0, 1, 2):
        faults.add("status")
    elif not _has_one_sentence(outcome):
        faults.add("sentence")
    if outcome.megabytes > MAX_MEGABYTES:
        faults.add("memory")
    if not outcome.traceback and _CONTROL.search(outcome.out + outcome.error):
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
    before: Iterable[str], folder: Path, temporary: Path, command: Command, status: int | None
) -> set[str]:
    """Return the files that a command left and that are none of its outputs."""
    new = list_files(folder) - set(before)
    allowed = (
        command.outputs
        if status == 0
        else [pattern for pattern in command.outputs if pattern.endswith((".lock", ".h5"))]
    )  # a run that failed keeps what it has saved
    left = {name for name in new if not any(fnmatch.fnmatch(name, each) for each in allowed)}
    return left | {f"TMPDIR/{name}" for name in list_files(temporary)}
