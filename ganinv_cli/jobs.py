"""Where a worker's jobs come from."""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sized
from typing import NamedTuple, Protocol


class Job(NamedTuple):
    """One trial under one rule."""

    trial: int
    rule: str
    case: int = 0  # which of the run's noise variances or images


class Jobs(Sized, Iterable[Job], Protocol):
    """What a run has to do; their number is known before the first is named."""


class Feed(Protocol):
    """Jobs that wait for a worker; it takes them as it has room."""

    @property
    def waiting(self) -> int:
        """How many this worker may still expect, more or less."""

    def over(self) -> bool:
        """Whether none waits and none will come."""

    def take(self, most: int) -> list[Job]:
        """The next ones, none where none waits now."""


class Shared:
    """The jobs of a run, for workers that are threads; towards the end each takes fewer."""

    def __init__(self, jobs: Jobs, takers: int = 1) -> None:
        self._jobs: Iterator[Job] = iter(jobs)
        self._left, self._takers = len(jobs), takers
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        return -(-self._left // self._takers)

    def over(self) -> bool:
        return self._left == 0

    def take(self, most: int) -> list[Job]:
        with self._lock:
            fair = self._left if self._takers == 1 else -(-self._left // (2 * self._takers))
            taken = list(itertools.islice(self._jobs, min(most, fair)))
            self._left -= len(taken)
            return taken

    def close(self) -> None:
        """Nobody gets any more."""
        with self._lock:
            self._left = 0
            self._jobs = iter(())


class Queue:
    """Jobs that come in portions."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._more = 0  # that wait elsewhere and may come
        self._open = True

    def add(self, jobs: Iterable[Job], more: int) -> None:
        """Some jobs; `more` that may come after them, and nothing ever where it is 0."""
        self._jobs += jobs
        self._more, self._open = more, more > 0

    @property
    def waiting(self) -> int:
        return len(self._jobs) + self._more

    def over(self) -> bool:
        return not self._jobs and not self._open

    def take(self, most: int) -> list[Job]:
        taken, self._jobs = self._jobs[:most], self._jobs[most:]
        return taken
