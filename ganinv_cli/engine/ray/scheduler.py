"""Which worker has which jobs: assigned, completed, and assigned again if a worker is lost."""

import itertools
import math
from collections import Counter, deque
from collections.abc import Hashable, Iterator, Sequence

from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Job, JobCollection

MAX_LOSSES = 3  # workers that may be lost while they have the same job


class _Assignment:
    """The jobs of one worker."""

    def __init__(self, batch_size: int) -> None:
        self.jobs: dict[Job, None] = {}  # in the order of their assignment
        self.batch_size = batch_size
        self.lookahead = batch_size  # jobs that the worker should have beyond its batch


class Scheduler:
    """Assigns each job of a run until a worker has completed it.

    A worker gets as many jobs as its batch has rows, and as many again ahead. Towards the end it
    gets fewer ahead, so that all workers end at the same time. Jobs are read as they are assigned.
    """

    def __init__(self, jobs: JobCollection, batch_size: int, workers: int) -> None:
        """`batch_size` is expected of each worker at first; `workers` are expected in all."""
        self._jobs: Iterator[Job] = iter(jobs)
        self._unread = len(jobs)
        self._returned: deque[Job] = deque()  # from lost workers; assigned before all others
        self._assignments: dict[Hashable, _Assignment] = {}
        self._batch_size, self._workers = batch_size, workers
        self._loss_counts: Counter[Job] = Counter()

    @property
    def unassigned_count(self) -> int:
        """The number of jobs that no worker has."""
        return self._unread + len(self._returned)

    @property
    def is_finished(self) -> bool:
        """Whether all jobs are completed."""
        return not self.unassigned_count and not any(
            each.jobs for each in self._assignments.values()
        )

    def count_assigned(self, worker: Hashable) -> int:
        """Return how many jobs a worker has not completed."""
        return len(self._assignments[worker].jobs) if worker in self._assignments else 0

    def assign_jobs(self, worker: Hashable) -> tuple[list[Job], int]:
        """Assign the jobs that a worker needs now; there may be none.

        Returns the arguments of `Worker.work`: also how many more it may expect, 0 if none is left.
        """
        assignment = self._assignments.setdefault(worker, _Assignment(self._batch_size))
        jobs = self._take_jobs(self._compute_target(assignment) - len(assignment.jobs))
        assignment.jobs.update(dict.fromkeys(jobs))
        return jobs, math.ceil(self.unassigned_count * self._compute_share(assignment))

    def complete_jobs(
        self, worker: Hashable, jobs: Sequence[Job], batch_size: int, added: Sequence[Job] = ()
    ) -> None:
        """Record that a worker has completed jobs and has `batch_size` trials in flight.

        `added` are jobs that it gave itself, some of which may be among those completed.
        """
        assignment = self._assignments[worker]
        assignment.jobs.update(dict.fromkeys(added))
        for job in jobs:
            del assignment.jobs[job]
        if batch_size and self.unassigned_count:  # batches shrink when all jobs are assigned
            assignment.batch_size = batch_size
        # A worker may complete more than its batch between two calls.
        assignment.lookahead = max(assignment.batch_size, 2 * len(jobs))

    def remove_worker(self, worker: Hashable, reason: str) -> None:
        """Make the jobs of a lost worker the next to be assigned.

        Raises GaninvError if a job was lost too often.
        """
        jobs = list(self._assignments.pop(worker).jobs) if worker in self._assignments else []
        self._returned.extendleft(reversed(jobs))
        self._loss_counts.update(jobs)
        if lost_too_often := [job for job in jobs if self._loss_counts[job] >= MAX_LOSSES]:
            raise GaninvError(
                f"{MAX_LOSSES} workers ended while they had {_describe_trials(lost_too_often)}: "
                f"{reason}; the same command goes on when that is mended"
            )

    def _compute_target(self, assignment: _Assignment) -> int:
        """Return how many jobs a worker should have."""
        lookahead = min(
            assignment.lookahead, math.ceil(self.unassigned_count / (2 * self._worker_count))
        )
        remaining = self.unassigned_count + sum(
            len(other.jobs) for other in self._assignments.values()
        )
        return min(
            assignment.batch_size + lookahead,
            math.ceil(remaining * self._compute_share(assignment)),
        )

    def _compute_share(self, assignment: _Assignment) -> float:
        """Return a worker's share of all jobs: its batch by all batches, expected ones included."""
        rows = sum(other.batch_size for other in self._assignments.values())
        expected_rows = self._batch_size * (self._worker_count - len(self._assignments))
        return assignment.batch_size / (rows + expected_rows)

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
