"""What every engine is, and what it runs."""

from collections import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from ganinv_cli.jobs import Job, JobCollection, JobSource
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import BatchNormMode, Generator
from ganinv_cli.settings.machine import Machine

Item = TypeVar("Item")
Result = TypeVar("Result")


class Counts(NamedTuple):
    """What a worker did since it last said so."""

    finished: int = 0  # trials that ended
    successes: int = 0  # of these: recovered, or else converged
    finished_gradients: float = 0.0  # gradients of these
    gradients: float = 0.0  # of all trials that were running
    seconds: float = 0.0  # of the run that this stands for: with n workers an n-th of their own

    def add(self, other: "Counts") -> "Counts":
        """Both in one."""
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))  # type: ignore[arg-type]


class WorkerResult(NamedTuple):
    """What a worker hands over."""

    counts: Counts
    jobs: list[Job] = []  # noqa: RUF012 - that have ended, none of it is changed
    rows: Mapping[str, Mapping[str, np.ndarray]] = {}
    batch_size: int = 0  # trials in flight on that worker


WorkerResults = abc.Generator[WorkerResult, None, None]
"""What workers hand over; a KeyboardInterrupt thrown into it is answered with what had ended."""


class Task(Protocol):
    """What a worker does with jobs, the same wherever it runs; can be pickled."""

    def run(self, generator: Generator, jobs: JobSource) -> WorkerResults:
        """Do the jobs of the feed until it is over; hand over what has ended now and then."""


class GeneratorSpec(NamedTuple):
    """A generator that each worker makes for itself; can be pickled."""

    checkpoint: Checkpoint
    batch_norm: BatchNormMode = "frozen"
    label: int | None = None

    def build(self) -> Generator:
        """The generator, on the device that is in scope."""
        return Generator(self.checkpoint, self.batch_norm, self.label)


class Engine(Protocol):
    """Runs a task's jobs somewhere."""

    @property
    def generator(self) -> Generator:
        """One of this process, for whatever is to be drawn."""

    @property
    def machine(self) -> Machine:
        """Where it computes, and how."""

    def run(self, task: Task, jobs: JobCollection) -> WorkerResults:
        """Do every job once, in any order; an interruption hands over what had ended, and goes on.

        Raises GaninvError where that cannot be.
        """

    @property
    def can_map_during_run(self) -> bool:
        """Whether `each` may be asked while `run` goes on."""

    def map(
        self, function: Callable[[Generator, Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """What a function of a generator makes of each item, in their order, some at a time.

        The function stands in a module, and items and what is made of them can be pickled.
        """
