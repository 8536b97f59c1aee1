"""Jobs, and the sources from which workers take them."""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sized
from typing import NamedTuple, Protocol


class Job(NamedTuple):
    """The rules to run for one trial of one case."""

    trial: int
    case: int = 0  # index of the noise variance, or the image's number
    rules: tuple[str, ...] = ("none",)  # in the order of the command; `none` first, if present


class JobCollection(Sized, Iterable[Job], Protocol):
    """All jobs of a run; read lazily, but their number is known."""


class JobSource(Protocol):
    """A source of jobs for one worker, which takes them as slots of its batch become free."""

    @property
    def remaining(self) -> int:
        """About how many jobs this worker may still take."""

    @property
    def is_stopped(self) -> bool:
        """Whether the run is interrupted: the worker saves its batch and ends."""

    def is_exhausted(self) -> bool:
        """Whether there are no jobs now and there will be none."""

    def take(self, limit: int) -> list[Job]:
        """Take the next jobs, at most `limit`; none if there are none now."""


class SharedJobs:
    """The jobs of a run, shared by threads. Towards the end, each thread takes fewer at a time."""

    def __init__(
        self, jobs: JobCollection, workers: int = 1, stop: threading.Event | None = None
    ) -> None:
        """Share `jobs` among threads; `stop` is set if the run is interrupted."""
        self._jobs: Iterator[Job] = iter(jobs)
        self._remaining, self._workers = len(jobs), workers
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int:
        return -(-self._remaining // self._workers)

    @property
    def is_stopped(self) -> bool:
        return self._stop.is_set()

    def is_exhausted(self) -> bool:
        return self._remaining == 0

    def take(self, limit: int) -> list[Job]:
        with self._lock:
            shares = 1 if self._workers == 1 else 2 * self._workers
            fair = -(-self._remaining // shares)
            taken = list(itertools.islice(self._jobs, min(limit, fair)))
            self._remaining -= len(taken)
            return taken


class WorkerJobs:
    """Jobs that are added a few at a time, while the worker runs."""

    def __init__(self) -> None:
        self.is_stopped = False  # set where jobs are added
        self._jobs: list[Job] = []
        self._expected = 0  # jobs that may be added later
        self._is_open = True

    def add(self, jobs: Iterable[Job], expected: int) -> None:
        """Add jobs; about `expected` more will be added later, exactly none if it is 0."""
        self._jobs += jobs
        self._expected, self._is_open = expected, expected > 0

    @property
    def remaining(self) -> int:
        return len(self._jobs) + self._expected

    def is_exhausted(self) -> bool:
        return not self._jobs and not self._is_open

    def take(self, limit: int) -> list[Job]:
        taken, self._jobs = self._jobs[:limit], self._jobs[limit:]
        return taken
