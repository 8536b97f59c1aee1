"""Items that workers are asked about: each until it is answered, and the answers in order."""

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from ganinv_cli.engine.ray.scheduler import LOSSES
from ganinv_cli.errors import GaninvError


class Numbered(NamedTuple):
    """An item in its place."""

    place: int
    item: Any


class Asking:
    """Which worker was asked about what."""

    def __init__(self, items: Iterator[tuple[int, Any]]) -> None:
        self._items: Iterator[Numbered] = (Numbered(*each) for each in items)
        self._held: dict[int, deque[Numbered]] = {}
        self._back: deque[Numbered] = deque()
        self._found: dict[int, Any] = {}
        self._losses: Counter[int] = Counter()
        self._yielded = 0
        self._more = True

    @property
    def over(self) -> bool:
        """Whether all are answered."""
        return not (self._more or self._back or any(self._held.values()))

    def next(self, worker: int) -> Numbered | None:
        """What a worker is asked now; None where nothing waits."""
        item = self._back.popleft() if self._back else next(self._items, None)
        if item is None:
            self._more = False
        else:
            self._held.setdefault(worker, deque()).append(item)
        return item

    def found(self, worker: int, value: Any) -> None:
        """A worker's answer to what it was asked first."""
        self._found[self._held[worker].popleft().place] = value

    def lost(self, worker: int, why: str) -> None:
        """It is gone; what it did not answer comes next.

        Raises GaninvError where an item was lost too often.
        """
        held = self._held.pop(worker, deque())
        self._back.extendleft(reversed(held))
        self._losses.update(each.place for each in held)
        if any(self._losses[each.place] >= LOSSES for each in held):
            raise GaninvError(f"{LOSSES} workers ended while they were asked the same: {why}")

    def ordered(self) -> Iterator[Any]:
        """The answers that are next."""
        while self._yielded in self._found:
            yield self._found.pop(self._yielded)
            self._yielded += 1
