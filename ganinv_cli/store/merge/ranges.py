"""Trial numbers in pieces, and as ranges: 0-63, 128-191."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

MAX_RANGES = 6  # that are written out
MAX_GROUPS = 4  # that are named


def find_runs(trials: np.ndarray) -> np.ndarray:
    """Of sorted numbers: the first of each run and one more than its last, (runs, 2) int64."""
    if not len(trials):
        return np.zeros((0, 2), np.int64)
    ends = np.flatnonzero(np.diff(trials) != 1)
    first = trials[np.concatenate([[0], ends + 1])]
    last = trials[np.concatenate([ends, [len(trials) - 1]])]
    return np.stack([first, last + 1], axis=1)


def find_gaps(trials: np.ndarray, total: int) -> np.ndarray:
    """The runs of what lacks of range(total) in sorted numbers, (runs, 2) int64."""
    edges = np.concatenate([[0], find_runs(trials).ravel(), [total]]).reshape(-1, 2)
    edges = np.minimum(edges, total).astype(np.int64)
    lacking: np.ndarray = edges[edges[:, 0] < edges[:, 1]]
    return lacking


def iterate_pieces(ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """First place and end of each piece of a row; `ends`, one shorter, says after which one ends.

    The row is not empty.
    """
    low = 0
    for high in [*(np.flatnonzero(ends) + 1).tolist(), len(ends) + 1]:
        yield low, high
        low = high


def format_runs(groups: Mapping[str, np.ndarray]) -> str:
    """Such as: 128 trials of none, stochastic (0-63, 128-191). From group -> runs (n, 2)."""
    alike: dict[bytes, list[str]] = {}
    for group, found in groups.items():
        alike.setdefault(found.tobytes(), []).append(group)
    said = [_format_trials(names, groups[names[0]]) for names in list(alike.values())[:MAX_GROUPS]]
    if more := len(alike) - len(said):
        said.append(f"and some of {more:,} more")
    return ", ".join(said)


def _format_trials(groups: Sequence[str], found: np.ndarray) -> str:
    count = int((found[:, 1] - found[:, 0]).sum())
    shown = [f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in found[:MAX_RANGES].tolist()]
    trials = f"{count:,} trial{'s' if count > 1 else ''}"
    return (
        f"{trials} of {_join_truncated(groups, MAX_GROUPS)} "
        f"({_join_truncated(shown, MAX_RANGES, len(found))})"
    )


def _join_truncated(names: Sequence[str], most: int, total: int | None = None) -> str:
    more = (len(names) if total is None else total) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
