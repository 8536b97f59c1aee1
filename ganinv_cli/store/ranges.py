"""Ranges of trial numbers, and sentences about them."""

from collections.abc import Mapping, Sequence

import numpy as np

MAX_RANGES = 6  # written out in a sentence
MAX_GROUPS = 4  # named in a sentence


def format_ranges(groups: Mapping[str, np.ndarray]) -> str:
    """Return such as "128 trials of none, stochastic (0-63, 128-191)", from group -> (n, 2)."""
    alike: dict[bytes, list[str]] = {}
    for group, ranges in groups.items():
        alike.setdefault(ranges.tobytes(), []).append(group)
    said = [_format_trials(names, groups[names[0]]) for names in list(alike.values())[:MAX_GROUPS]]
    if more := len(alike) - len(said):
        said.append(f"and some of {more:,} more")
    return ", ".join(said)


def describe_trials(groups: Mapping[str, np.ndarray]) -> str:
    """Return text as `format_ranges`, from group -> sorted numbers; the root's row, if alone."""
    named = {group: find_ranges(trials) for group, trials in groups.items() if group}
    return format_ranges(named or {"/": find_ranges(groups[""])})


def format_count(count: int, noun: str) -> str:
    """Return such as "1 trial" and "1,000 trials"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def find_ranges(trials: np.ndarray) -> np.ndarray:
    """Return the ranges in sorted numbers, first and one more than last, (ranges, 2) int64."""
    if not len(trials):
        return np.zeros((0, 2), np.int64)
    ends = np.flatnonzero(np.diff(trials) != 1)
    first = trials[np.concatenate([[0], ends + 1])]
    last = trials[np.concatenate([ends, [len(trials) - 1]])]
    return np.stack([first, last + 1], axis=1)


def _format_trials(groups: Sequence[str], ranges: np.ndarray) -> str:
    count = format_count(int((ranges[:, 1] - ranges[:, 0]).sum()), "trial")
    shown = [f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in ranges[:MAX_RANGES].tolist()]
    names = _join_truncated(groups, MAX_GROUPS, len(groups))
    return f"{count} of {names} ({_join_truncated(shown, MAX_RANGES, len(ranges))})"


def _join_truncated(names: Sequence[str], most: int, total: int) -> str:
    more = total - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
