"""Items that workers are asked about: each until it is answered, and the answers in order."""

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from ganinv_cli.engine.ray.scheduler import MAX_LOSSES
from ganinv_cli.errors import GaninvError


class IndexedItem(NamedTuple):
    """An item in its place."""

    position: int
    item: Any


class OrderedMap:
    """Which worker was asked about what."""

    def __init__(self, items: Iterator[tuple[int, Any]]) -> None:
        self._items: Iterator[IndexedItem] = (IndexedItem(*each) for each in items)
        self._assigned: dict[int, deque[IndexedItem]] = {}
        self._returned: deque[IndexedItem] = deque()
        self._results: dict[int, Any] = {}
        self._loss_counts: Counter[int] = Counter()
        self._next_position = 0
        self._has_more = True

    @property
    def finished(self) -> bool:
        """Whether all are answered."""
        return not (self._has_more or self._returned or any(self._assigned.values()))

    def assign_next(self, worker: int) -> IndexedItem | None:
        """What a worker is asked now; None where nothing waits."""
        item = self._returned.popleft() if self._returned else next(self._items, None)
        if item is None:
            self._has_more = False
        else:
            self._assigned.setdefault(worker, deque()).append(item)
        return item

    def add_result(self, worker: int, value: Any) -> None:
        """A worker's answer to what it was asked first."""
        self._results[self._assigned[worker].popleft().position] = value

    def remove_worker(self, worker: int, reason: str) -> None:
        """It is gone; what it did not answer comes next.

        Raises GaninvError where an item was lost too often.
        """
        unanswered = self._assigned.pop(worker, deque())
        self._returned.extendleft(reversed(unanswered))
        self._loss_counts.update(each.position for each in unanswered)
        if any(self._loss_counts[each.position] >= MAX_LOSSES for each in unanswered):
            raise GaninvError(
                f"{MAX_LOSSES} workers ended while they were asked the same: {reason}"
            )

    def pop_ordered_results(self) -> Iterator[Any]:
        """The answers that are next."""
        while self._next_position in self._results:
            yield self._results.pop(self._next_position)
            self._next_position += 1
