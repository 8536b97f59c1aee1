"""Which jobs each of several workers holds: dealt, handed in, and handed on where one is lost."""

import itertools
import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Job, JobCollection

MAX_LOSSES = 3  # workers that a job may be lost with


class JobBatch(NamedTuple):
    """What goes to a worker at once."""

    jobs: list[Job]
    remaining: int  # that it may expect after these; 0: nothing waits for anybody


class _Assignment:
    """Of one worker."""

    def __init__(self, batch_size: int) -> None:
        self.jobs: dict[Job, None] = {}  # in the order that they were dealt
        self.batch_size = self.lookahead = (
            batch_size  # of its batch; that should lie ready behind them
        )


class Scheduler:
    """The jobs of a run, each done once: when its rows have come back.

    A worker has as many jobs as its batch has rows, and as many again ahead. Towards the end the
    latter become fewer, so that all have work for equally long. `run` is as lazy as the jobs are.
    """

    def __init__(self, jobs: JobCollection, batch_size: int, workers: int) -> None:
        """`rows` of a batch before a worker shows how many it has; so many workers may come."""
        self._jobs: Iterator[Job] = iter(jobs)
        self._unread = len(jobs)
        self._returned: deque[Job] = deque()
        self._assignments: dict[int, _Assignment] = {}
        self._batch_size, self._workers = batch_size, workers
        self._loss_counts: Counter[Job] = Counter()

    @property
    def unassigned(self) -> int:
        """How many nobody holds."""
        return self._unread + len(self._returned)

    @property
    def finished(self) -> bool:
        """Whether all are done."""
        return not self.unassigned and not any(hand.jobs for hand in self._assignments.values())

    def count_assigned(self, worker: int) -> int:
        """How many a worker has not handed in; 0 for one that is not known."""
        return len(self._assignments[worker].jobs) if worker in self._assignments else 0

    def assign_jobs(self, worker: int) -> JobBatch:
        """What it needs now."""
        assignment = self._assignments.setdefault(worker, _Assignment(self._batch_size))
        jobs = self._take_jobs(self._compute_target(assignment) - len(assignment.jobs))
        assignment.jobs.update(dict.fromkeys(jobs))
        return JobBatch(jobs, math.ceil(self.unassigned * self._compute_share(assignment)))

    def complete_jobs(self, worker: int, jobs: Sequence[Job], batch_size: int) -> None:
        """These jobs of a worker are done; so many are in flight there."""
        worker_assignment = self._assignments[worker]
        for job in jobs:
            del worker_assignment.jobs[job]
        if batch_size and self.unassigned:  # else it is the end that makes a batch small
            worker_assignment.batch_size = batch_size
        worker_assignment.lookahead = max(
            worker_assignment.batch_size, 2 * len(jobs)
        )  # it may be faster than it is called

    def remove_worker(self, worker: int, reason: str) -> None:
        """It is gone: what it held waits again, before all others.

        Raises GaninvError where a job was lost too often.
        """
        lost_assignment = self._assignments.pop(worker, None)
        if not lost_assignment:
            return
        self._returned.extendleft(reversed(lost_assignment.jobs))
        self._loss_counts.update(list(lost_assignment.jobs))
        if lost_too_often := [
            job for job in lost_assignment.jobs if self._loss_counts[job] >= MAX_LOSSES
        ]:
            raise GaninvError(
                f"{MAX_LOSSES} workers ended while they had {_describe_trials(lost_too_often)}: "
                f"{reason}; the same command "
                "goes on when that is mended"
            )

    def _compute_target(self, assignment: _Assignment) -> int:
        """How many a worker should hold."""
        lookahead = min(assignment.lookahead, math.ceil(self.unassigned / (2 * self._worker_count)))
        remaining = self.unassigned + sum(len(other.jobs) for other in self._assignments.values())
        return min(
            assignment.batch_size + lookahead,
            math.ceil(remaining * self._compute_share(assignment)),
        )

    def _compute_share(self, assignment: _Assignment) -> float:
        """The share of a worker in all that is to be done."""
        assigned_rows = sum(other.batch_size for other in self._assignments.values())
        return assignment.batch_size / (
            assigned_rows + self._batch_size * (self._worker_count - len(self._assignments))
        )

    @property
    def _worker_count(self) -> int:
        return max(self._workers, len(self._assignments))

    def _take_jobs(self, limit: int) -> list[Job]:
        limit = max(limit, 0)
        taken = [self._returned.popleft() for _ in range(min(limit, len(self._returned)))]
        fresh = list(itertools.islice(self._jobs, limit - len(taken)))
        self._unread -= len(fresh)
        return taken + fresh


def _describe_trials(jobs: list[Job]) -> str:
    trials = sorted({job.trial for job in jobs})
    first = ", ".join(map(str, trials[:3]))
    more = f" and {len(trials) - 3:,} more" if len(trials) > 3 else ""
    return f"trial{'s' if len(trials) > 1 else ''} {first}{more}"
