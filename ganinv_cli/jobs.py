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


class JobCollection(Sized, Iterable[Job], Protocol):
    """What a run has to do; their number is known before the first is named."""


class JobSource(Protocol):
    """Jobs that wait for a worker; it takes them as it has room."""

    @property
    def remaining(self) -> int:
        """How many this worker may still expect, more or less."""

    def exhausted(self) -> bool:
        """Whether none waits and none will come."""

    def take(self, limit: int) -> list[Job]:
        """The next ones, none where none waits now."""


class SharedJobs:
    """The jobs of a run, for workers that are threads; towards the end each takes fewer."""

    def __init__(self, jobs: JobCollection, workers: int = 1) -> None:
        self._jobs: Iterator[Job] = iter(jobs)
        self._remaining, self._workers = len(jobs), workers
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int:
        return -(-self._remaining // self._workers)

    def exhausted(self) -> bool:
        return self._remaining == 0

    def take(self, limit: int) -> list[Job]:
        with self._lock:
            fair = (
                self._remaining
                if self._workers == 1
                else -(-self._remaining // (2 * self._workers))
            )
            taken = list(itertools.islice(self._jobs, min(limit, fair)))
            self._remaining -= len(taken)
            return taken

    def close(self) -> None:
        """Nobody gets any more."""
        with self._lock:
            self._remaining = 0
            self._jobs = iter(())


class WorkerJobs:
    """Jobs that come in portions."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._expected = 0  # that wait elsewhere and may come
        self._is_open = True

    def add(self, jobs: Iterable[Job], expected: int) -> None:
        """Some jobs; `more` that may come after them, and nothing ever where it is 0."""
        self._jobs += jobs
        self._expected, self._is_open = expected, expected > 0

    @property
    def remaining(self) -> int:
        return len(self._jobs) + self._expected

    def exhausted(self) -> bool:
        return not self._jobs and not self._is_open

    def take(self, limit: int) -> list[Job]:
        taken, self._jobs = self._jobs[:limit], self._jobs[limit:]
        return taken
