"""The interface of engines, and the data that they exchange with their workers."""

from collections import abc
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from ganinv_cli.jobs import Job, JobCollection, JobSource
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import BatchNormMode, Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.outcome import Phase
from ganinv_cli.settings.machine import Machine


class Counts(NamedTuple):
    """The work of a worker since its previous result."""

    finished: int = 0  # trials
    successes: int = 0  # finished trials that recovered z, or converged if z is unknown
    finished_gradients: float = 0.0  # gradients of the finished trials
    gradients: float = 0.0  # gradients of all running trials
    seconds: float = 0.0  # of the run: the worker's own time over the number of workers

    def add(self, other: "Counts") -> "Counts":
        """Return the sums of both."""
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))  # type: ignore[arg-type]


class WorkerResult(NamedTuple):
    """Finished jobs of a worker, and their rows of the results file."""

    counts: Counts
    jobs: list[Job] = []  # noqa: RUF012 - never changed
    rows: Mapping[str, Mapping[str, np.ndarray]] = {}
    batch_size: int = 0  # trials in flight on that worker
    added: list[Job] = []  # noqa: RUF012 - followers of `jobs` that it runs itself, maybe among them
    phase: Phase = Phase.running  # what the worker does next


WorkerResults = abc.Generator[WorkerResult, None, None]
"""A stream of results. After `throw(KeyboardInterrupt())` it yields finished trials and ends."""


class Task(Protocol):
    """The work on a worker's jobs, the same on every engine; can be pickled."""

    def run(self, generator: Generator, jobs: JobSource) -> WorkerResults:
        """Run all jobs of a source; yield results while it runs."""


class GeneratorSpec(NamedTuple):
    """The specification from which each worker builds its generator; can be pickled."""

    checkpoint: Checkpoint
    batch_norm: BatchNormMode = "frozen"
    label: int | None = None

    def build(self) -> Generator:
        """Build the generator on the current device."""
        return make_generator(self.checkpoint, self.batch_norm, self.label)


class Engine(Protocol):
    """Runs the jobs of a task on its workers."""

    @property
    def generator(self) -> Generator:
        """The generator of this process."""

    @property
    def machine(self) -> Machine:
        """The devices and the precision of the workers."""

    @property
    def is_local(self) -> bool:
        """Whether the workers are threads of this process."""

    @property
    def reentrant(self) -> bool:
        """Whether `run` may be called during another `run`."""

    def run(self, task: Task, jobs: JobCollection) -> WorkerResults:
        """Run every job once, in any order; raise GaninvError if that is impossible."""
