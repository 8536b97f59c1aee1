"""Jobs, and the sources from which workers take them."""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sized
from typing import NamedTuple, Protocol


class Job(NamedTuple):
    """One trial under one clipping rule."""

    trial: int
    rule: str
    case: int = 0  # index of the noise variance or image
    # rules that follow a job without clipping: when it ends, a rule that would not have acted gets
    # a copy of its trial, and each other rule gets a job of its own
    followers: tuple[str, ...] = ()

    @property
    def alone(self) -> "Job":
        """The job without followers, which identifies the trial."""
        return self._replace(followers=())

    def list_followers(self) -> list["Job"]:
        """Return the job of each follower."""
        return [self._replace(rule=rule, followers=()) for rule in self.followers]


class JobCollection(Sized, Iterable[Job], Protocol):
    """All jobs of a run; read lazily, but their number is known."""


class JobSource(Protocol):
    """A source of jobs for one worker, which takes them as slots of its batch become free."""

    @property
    def remaining(self) -> int:
        """About how many jobs this worker may still take."""

    def is_exhausted(self) -> bool:
        """Whether there are no jobs now and there will be none."""

    def take(self, limit: int) -> list[Job]:
        """Take the next jobs, at most `limit`; none if there are none now."""


class SharedJobs:
    """The jobs of a run, shared by threads. Towards the end, each thread takes fewer at a time."""

    def __init__(self, jobs: JobCollection, workers: int = 1) -> None:
        self._jobs: Iterator[Job] = iter(jobs)
        self._remaining, self._workers = len(jobs), workers
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int:
        return -(-self._remaining // self._workers)

    def is_exhausted(self) -> bool:
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
        """Drop the jobs that were not taken."""
        with self._lock:
            self._remaining = 0
            self._jobs = iter(())


class WorkerJobs:
    """Jobs that are added a few at a time, while the worker runs."""

    def __init__(self) -> None:
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
