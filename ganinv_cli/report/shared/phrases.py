"""Short phrases that the answers of several commands use."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from ganinv_cli.report.rows import Json

Number = TypeVar("Number", int, float)


def describe_rule(rule: str) -> str:
    """Return "without clipping" or "with standard clipping"."""
    return "without clipping" if rule == "none" else f"with {rule} clipping"


def describe_count(count: int, total: int) -> str:
    """Return "both", "all 50", "none of 50" or "12 of 50"."""
    if 1 < total == count:
        return "both" if total == 2 else f"all {total:,}"
    return f"{count:,} of {total:,}" if count else f"none of {total:,}"


def describe_span(values: Sequence[Number], format_end: Callable[[Number], str]) -> str:
    """Return the range of numbers as "67" or "66 to 67"."""
    ends = dict.fromkeys(format_end(value) for value in (min(values), max(values)))
    return " to ".join(ends)


def capitalize(text: str) -> str:
    """Return a text with a capital at its start and the other letters as they are."""
    return text[:1].upper() + text[1:]


def make_warnings(run: Json) -> list[str]:
    """Return a short sentence each on missing trials and on a generator that is not confirmed.

    `run` is as `describe_run` returns it.
    """
    doubt = (run.get("generator") or {}).get("doubt")
    unconfirmed = ["The generator is not confirmed: `ganinv report` says why."] if doubt else []
    return [*_describe_missing(run), *unconfirmed]


def _describe_missing(run: Json) -> list[str]:
    counts, asked = [*run["trials"].values()] or [0], run["config"].get("trials")
    if run["complete"] and (asked is None or min(counts) >= asked):
        return []
    done = describe_span(counts, "{:,}".format)
    total = f" of {asked:,}" if asked is not None else ""
    state = "Trials are missing" if run["complete"] else "Run in progress"
    return [f"{state}: {done}{total} trials are done."]
