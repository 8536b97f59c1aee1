"""The interface of engines, and the data that they exchange with their workers."""

import threading
from collections import abc
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.jobs import Job, JobCollection, JobQueue
from ganinv_cli.outcome import Phase
from ganinv_cli.settings.machine import Machine


class Counts(NamedTuple):
    """The work of a worker since its previous result."""

    finished: int = 0  # trials
    successes: int = 0  # finished trials that recovered z, or converged if z is unknown
    gradients: float = 0.0  # gradients of all running trials
    seconds: float = 0.0  # of the run: the worker's own time over the number of workers
    polishing_seconds: float = 0.0  # the same, for polishing finished trials
    solved: int = 0  # finished trials that leave no more than rounding, or agree
    ended_gradients: float = 0.0  # of finished trials, from their beginning; of copies, none
    running: int = 0  # trials in the batch, more than before
    running_gradients: float = 0.0  # what these have spent, more than before

    def add(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))  # type: ignore[arg-type]


class WorkerResult(NamedTuple):
    """What a worker did since its previous result, and the rows of trials that finished."""

    counts: Counts
    jobs: list[Job] = []  # noqa: RUF012 - never changed; jobs of which all rules have ended
    rows: Mapping[str, Mapping[str, np.ndarray]] = {}  # columns by name, by results group
    batch_size: int = 0  # trials in flight on that worker
    phase: Phase = Phase.running  # what the worker does next

    def divide_seconds(self, workers: int) -> "WorkerResult":
        counts = self.counts
        divided = counts._replace(
            seconds=counts.seconds / workers,
            polishing_seconds=counts.polishing_seconds / workers,
        )
        return self._replace(counts=divided)


BuildGenerator = abc.Callable[[], Generator]  # on the current device; can be pickled
WorkerResults = abc.Generator[WorkerResult, None, None]


class Task(Protocol):
    """The work on a worker's jobs, the same on every engine; can be pickled."""

    def run(self, generator: Generator, jobs: JobQueue, worker: int) -> WorkerResults:
        """Run all jobs of a source, or until it is stopped; yield results while it runs.

        `worker` is the worker's number among those of this machine, from 0.
        """


class Engine(Protocol):
    """Runs the jobs of a task on its workers."""

    generator: Generator  # of this process
    machine: Machine  # the devices and the precision of the workers
    workers: int  # on this machine, each with a saved batch; 0 on a Ray cluster

    def run(self, task: Task, jobs: JobCollection, stop: threading.Event) -> WorkerResults:
        """Run every job once, in any order, and yield the results of all workers; call it once.

        After `stop` is set, the workers end, their last results are yielded, and the iterator ends.
        Closing it early ends the workers. An error of a worker stops the others, and is raised
        after they ended.
        """
