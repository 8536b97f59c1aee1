"""Jobs, the queue from which workers take them, and shards: equal parts of a run."""

import itertools
import re
import threading
from collections.abc import Iterable, Sequence, Sized
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ganinv_cli.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

BLOCK_SIZE = 8  # consecutive numbers that are in the same shard


class Job(NamedTuple):
    """The rules to run for one trial of one case."""

    trial: int
    case: int = 0  # index of the noise variance, or the image's number
    rules: tuple[str, ...] = ("none",)  # in the order of the command; `none` first, if present


class JobCollection(Sized, Iterable["Job | None"], Protocol):
    """All jobs of a run; read lazily, but how many are left is known, or are left at most.

    A job that is None says that there are none until more have been done.
    """


class JobQueue:
    """The jobs of a run, shared by threads, which take them as their batches have free slots.

    Towards the end, each thread takes fewer at a time.
    """

    def __init__(
        self, jobs: JobCollection = (), workers: int = 1, stop: threading.Event | None = None
    ) -> None:
        """Share `jobs` among threads; `stop` is set if the run is interrupted."""
        self._source, self._jobs = jobs, iter(jobs)
        self._added = self._taken = self._expected = 0  # expected: jobs that may be added
        self._workers = workers
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()

    def add(self, jobs: Sequence[Job], expected: int) -> None:
        """Add jobs; about `expected` more will be added later, exactly none if it is 0."""
        if jobs:  # each chain is one level deeper
            self._jobs = itertools.chain(self._jobs, jobs)
        self._added, self._expected = self._added + len(jobs), expected

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

    def is_needed(self, job: Job, rule: str) -> bool:
        """Return whether a job under a rule is still to be run to its end."""
        is_needed = getattr(self._source, "is_needed", None)
        return is_needed is None or bool(is_needed(job, rule))

    def take(self, limit: int) -> list[Job]:
        """Take the next jobs, at most `limit`; none if there are none now."""
        with self._lock:
            shares = 1 if self._workers == 1 else 2 * self._workers
            fair = -(-self._waiting // shares)
            taken: list[Job] = []
            for job in itertools.islice(self._jobs, min(limit, fair)):
                if job is None:
                    break
                taken.append(job)
            self._taken += len(taken)
            return taken

    @property
    def _waiting(self) -> int:
        """How many jobs are here that were not taken; the source may leave some out meanwhile."""
        return len(self._source) + self._added - self._taken


class Shard(NamedTuple):
    """Every `total`-th block of trial numbers, for a task of a batch scheduler."""

    number: int = 1  # from 1
    total: int = 1

    def list_numbers(self, count: int, block: int = BLOCK_SIZE) -> "np.ndarray":
        """Return which of the first `count` trials, from 0, are in this shard, ascending, int64.

        They are dealt a block at a time, so that with more trials every shard gets more.
        """
        import numpy as np  # here: help needs no NumPy

        firsts = np.arange((self.number - 1) * block, count, self.total * block)
        numbers = (firsts[:, None] + np.arange(block)).ravel()
        return numbers[numbers < count]

    def contains(self, number: int) -> bool:
        """Return whether an image is in this shard."""
        return number % self.total == self.number - 1


UNSHARDED = Shard()


def parse_shard(text: str | None) -> Shard:
    """Return the shard for a text such as `2/4`, or UNSHARDED for none. Raises ConfigError."""
    if not text:
        return UNSHARDED
    parts = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
    shard = Shard(*map(int, parts.groups())) if parts else None
    if shard is None or not 1 <= shard.number <= shard.total:
        raise ConfigError(f"shard = {text!r}: give the number of the part and of all, e.g. 1/4")
    return shard
