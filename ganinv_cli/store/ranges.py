"""Sets and ranges of trial numbers, and sentences about them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

MAX_RANGES = 6  # written out in a sentence
MAX_GROUPS = 4  # named in a sentence
_PAGE = 256  # trial numbers in memory together


class TrialValues:
    """A number of at least 0 for each of some trials.

    The memory grows with how many trials there are, not with their largest number.
    """

    def __init__(self) -> None:
        self._pages: dict[int, np.ndarray] = {}  # first trial // _PAGE -> (_PAGE,) int32; -1: none
        self._order = np.zeros(0, np.int64)  # the pages, sorted; outdated if one is missing

    def get(self, trials: np.ndarray) -> np.ndarray:
        """Return the values of these trials, (n,) int32; -1 if there is none."""
        values = np.full(len(trials), -1, np.int32)
        for page, places in _iterate_pages(trials):
            if page in self._pages:
                values[places] = self._pages[page][trials[places] % _PAGE]
        return values

    def set(self, trials: np.ndarray, value: int) -> None:
        """Give these trials, (n,), a value."""
        for page, places in _iterate_pages(trials):
            if page not in self._pages:
                self._pages[page] = np.full(_PAGE, -1, np.int32)
            self._pages[page][trials[places] % _PAGE] = value

    def select(
        self, low: int = 0, high: int = np.iinfo(np.int64).max
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the trials from `low` to below `high` with a value, sorted, and their values."""
        if len(self._order) != len(self._pages):
            self._order = np.sort(np.fromiter(self._pages, np.int64, len(self._pages)))
        first, end = np.searchsorted(self._order, [low // _PAGE, (high - 1) // _PAGE + 1])
        pages = self._order[first:end]
        if not len(pages):
            return np.zeros(0, np.int64), np.zeros(0, np.int32)
        values = np.concatenate([self._pages[page] for page in pages.tolist()])
        trials = (pages[:, None] * _PAGE + np.arange(_PAGE)).ravel()
        there = (values >= 0) & (trials >= low) & (trials < high)
        return trials[there], values[there]


def _iterate_pages(trials: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each page that has any of the trials, and their places among them."""
    pages = trials // _PAGE
    order = np.argsort(pages, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(pages[order])) + 1):
        if len(places):
            yield int(pages[places[0]]), places


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
