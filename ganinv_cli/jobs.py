"""Jobs, and the queue from which workers take them."""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import NamedTuple, Protocol


class Job(NamedTuple):
    """The rules to run for one trial of one case."""

    trial: int
    case: int = 0  # index of the noise variance, or the image's number
    rules: tuple[str, ...] = ("none",)  # in the order of the command; `none` first, if present


class JobCollection(Sized, Iterable[Job], Protocol):
    """All jobs of a run; read lazily, but their number is known."""


class JobQueue:
    """The jobs of a run, shared by threads, which take them as their batches have free slots.

    Towards the end, each thread takes fewer at a time.
    """

    def __init__(
        self, jobs: JobCollection = (), workers: int = 1, stop: threading.Event | None = None
    ) -> None:
        """Share `jobs` among threads; `stop` is set if the run is interrupted."""
        self._jobs: Iterator[Job] = iter(jobs)
        self._waiting, self._expected = len(jobs), 0  # jobs here, and those that may be added
        self._workers = workers
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()

    def add(self, jobs: Sequence[Job], expected: int) -> None:
        """Add jobs; about `expected` more will be added later, exactly none if it is 0."""
        self._jobs = itertools.chain(self._jobs, jobs)
        self._waiting, self._expected = self._waiting + len(jobs), expected

    @property
    def remaining(self) -> int:
        """About how many jobs a worker may still take."""
        return -(-self._waiting // self._workers) + self._expected

    @property
    def is_stopped(self) -> bool:
        """Whether the run is interrupted: the worker saves its batch and ends."""
        return self._stop.is_set()

    @property
    def is_exhausted(self) -> bool:
        """Whether there are no jobs now and there will be none."""
        return self.remaining <= 0

    def take(self, limit: int) -> list[Job]:
        """Take the next jobs, at most `limit`; none if there are none now."""
        with self._lock:
            shares = 1 if self._workers == 1 else 2 * self._workers
            fair = -(-self._waiting // shares)
            taken = list(itertools.islice(self._jobs, min(limit, fair)))
            self._waiting -= len(taken)
            return taken
