"""In how many trials a rule changed z, and which rules did the same in every trial."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganinv_cli.report.rows import TableRow, mean_or_none
from ganinv_cli.report.shared.run import Group
from ganinv_cli.store.rows import take_rows

BLOCK_ROWS = 4096  # of z in memory at a time
ACTED_NOTE = (
    "Acted: trials in which the rule changed z. Actions: updates per trial in which it changed z."
)


@dataclass(frozen=True, kw_only=True)
class SameRow(TableRow):
    """Two rules that did the same in every trial, so that no test compares them."""

    counted: str  # the way of counting
    first: str  # a rule's name
    second: str
    trials: int  # run with both rules
    variance: float | None = None  # of noise-sweep


def count_acted(group: Group, prefix: str = "") -> int | None:
    """Return in how many trials the rule changed z; None for a file that does not say."""
    name = f"{prefix}acted"
    return int(np.sum(group[name] > 0)) if name in group else None


def count_actions(group: Group, prefix: str = "") -> float | None:
    """Return the mean number of updates in which the rule changed z; None: not in the file."""
    name = f"{prefix}actions"
    return mean_or_none(group[name]) if name in group else None


def count_shared(group: Group) -> int | None:
    """Return how many trials are copies of those without clipping; None: not in the file."""
    return int(np.sum(group["shared"] > 0)) if "shared" in group else None


def count_same_trials(first: Group, second: Group, prefix: str = "") -> int:
    """Return how many trials both rules ran, if they did the same in all of these; else 0.

    They did if neither changed z, or if every z and its gradients are identical. `prefix` is that
    of the columns to compare.
    """
    _, left, right = np.intersect1d(first["trial"], second["trial"], True, return_indices=True)
    pairs = (first, left), (second, right)
    acted = f"{prefix}acted"
    if all(acted in group for group, _ in pairs) and not any(
        group[acted][rows].any() for group, rows in pairs
    ):
        return len(left)
    small = [f"{prefix}{name}" for name in ("gradients", "image_loss", "z_error")]
    if not all(
        np.array_equal(first[name][left], second[name][right], equal_nan=True)
        for name in small
        if name in first and name in second
    ):
        return 0  # all z, which take longer to read, are read only if nothing else differs
    for low in range(0, len(left), BLOCK_ROWS):
        ours, theirs = (
            take_rows(group, f"{prefix}z_found", rows[low : low + BLOCK_ROWS])
            for group, rows in pairs
        )
        if not np.array_equal(ours, theirs, equal_nan=True):
            return 0
    return len(left)


def format_acted(count: int | None) -> str:
    """Return the cell of a number of trials; `-` if it is not known."""
    return "-" if count is None else f"{count:,}"


class RuleActions(NamedTuple):
    """What a row of a table says of the actions of its rule; None: the file does not say it."""

    technique: str  # the rule's name
    acted: int | None  # trials in which it changed z
    shared: int | None  # trials that are copies


def make_notes(same: Sequence[SameRow], rows: Sequence[RuleActions]) -> list[str]:
    """Return notes on what acted means, if the file says it, on copies, and on pairs untested."""
    known = [ACTED_NOTE] if any(row.acted is not None for row in rows) else []
    pairs = [_describe_pair(same, *pair) for pair in _list_pairs(same)]
    return known + _describe_copies(rows) + pairs


def _describe_copies(rows: Sequence[RuleActions]) -> list[str]:
    """Return a note on trials that were not run since they are those of none; none without."""
    copies: Counter[str] = Counter()
    for row in rows:
        copies[row.technique] += row.shared or 0
    counts = [f"{rule} {count:,}" for rule, count in copies.items() if count]
    if not counts:
        return []
    return [
        "Computed once: if a rule would not change z in a trial, the trial is the same as without "
        "clipping. Its result was copied, with its gradients and seconds. Copied trials: "
        f"{', '.join(counts)}."
    ]


def _list_pairs(same: Sequence[SameRow]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row.first, row.second) for row in same))


def _describe_pair(same: Sequence[SameRow], first: str, second: str) -> str:
    rows = [row for row in same if (row.first, row.second) == (first, second)]
    whole = [row for row in rows if row.counted != "first_start"]
    where = "trial" if whole else "first start"
    variances = [f"{row.variance:g}" for row in whole or rows if row.variance is not None]
    at = f" at variance {', '.join(variances)}" if variances else ""
    return f"{first} and {second} did the same in every {where}{at}, so no test compares them."
