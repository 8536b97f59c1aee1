"""What is a fault: everything but a result, or one sentence and an exit status of 1 or 2."""

import re
from collections.abc import Collection

from benchmarks.torture.process import Outcome

_USAGE = re.compile(r"Usage: .*?(?=^Error: )", re.DOTALL | re.MULTILINE)
_LOG = re.compile(r"^([IWEF]\d{4} |\d{4}-\d\d-\d\d .*\] |.*Warning: |  warn)", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


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


def shorten(outcome: Outcome) -> str:
    """Return how a command ended, in short: its exit status, and the end of what it said."""
    return " / ".join([f"exit {outcome.status}", *outcome.error.strip().splitlines()[-3:]])[:400]
