"""What is a fault: everything but a result, or one sentence and an exit status of 1 or 2."""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.records import describe_command
from benchmarks.torture.process import Outcome
from ganinv_cli.experiments.provenance import read_git_revision

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
    says: str  # the end of stderr, and what was checked


def judge_outcome(outcome: Outcome, allowed: Collection[int] = (0, 1, 2)) -> set[str]:
    """Return the faults that the streams and the exit status show."""
    if outcome.ended:
        return {outcome.ended}
    if "Traceback (most recent call last)" in outcome.error:
        return {"traceback"}
    faults = set()
    if outcome.status not in allowed:
        faults.add("status")
    elif outcome.status in (0, 1, 2) and not _has_one_sentence(outcome):
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
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def shorten(outcome: Outcome) -> str:
    """Return how a command ended, in short: its exit status, and the end of what it said."""
    return " / ".join([f"exit {outcome.status}", *outcome.error.strip().splitlines()[-3:]])[:400]


def summarize_cases(cases: Sequence[Judged], seconds: float) -> dict[str, Any]:
    """Return the table, its origin, and the cases with faults, as JSON has them."""
    about = (
        f"`{describe_command()}`, {seconds / 60:.0f} minutes, {os.cpu_count()} cores, revision "
        f"{read_git_revision()}"
    )
    rows = []
    for kind in dict.fromkeys(case.kind for case in cases):
        some = [case for case in cases if case.kind == kind]
        ended = sum(case.status == 0 for case in some)
        faults = sum(bool(case.faults) for case in some)
        rows.append({"": kind, "cases": len(some), "exit 0": ended, "faults": faults})
    failed = [asdict(case) for case in cases if case.faults]
    return {"title": "Torture", "about": about, "rows": rows, "faults": failed}
