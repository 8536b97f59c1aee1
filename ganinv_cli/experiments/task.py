"""The task that workers run on an experiment's jobs: targets, loop, refinement, rows."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
import tensorflow as tf

from ganinv_cli.encoder.model import Encoder
from ganinv_cli.engine.engine import Counts, WorkerResult, WorkerResults
from ganinv_cli.errors import GaninvError, OutOfMemoryError
from ganinv_cli.experiments import columns
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.first_starts import add_encoder_starts
from ganinv_cli.experiments.running_trials import RunningTrials
from ganinv_cli.jobs import Job, JobSource
from ganinv_cli.loop.solve import solve
from ganinv_cli.loop.trial import Increment, Limits, MakeTargets, RecordPoints, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Prior
from ganinv_cli.refine import Refined
from ganinv_cli.settings.config import Config
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON

NO_RECORD_POINTS = RecordPoints(np.zeros(0), np.zeros(0))
EPSILON = EPSILONS[SMALLEST_EPSILON]
RESULT_SECONDS = 0.5  # between results with rows

Settings = TypeVar("Settings", bound=Config)
Refiner = Callable[[np.ndarray, np.ndarray, str, int], Refined]  # z, target, rule, label


@dataclass(frozen=True, eq=False)
class TrialTask(ABC, Generic[Settings]):
    """The trials of an experiment, one class each; sent to workers, which have the generator."""

    config: Settings
    solver: Solver
    mixed: bool = False  # whether exact jobs begin with bfloat16 gradients
    encoder: Encoder | None = None  # for first starts; None: they are drawn from the prior

    record_points: RecordPoints = NO_RECORD_POINTS
    mask: np.ndarray | None = None  # (height, width, 1), which pixels count
    exact: bool = True  # whether the right z has no residual, for every job
    has_exact_jobs: bool = True  # whether it has none for any of the jobs
    running_trials: RunningTrials | None = None  # where they are saved; None: they are not
    stationary: float = Limits.stationary  # decrease of the image loss that counts as none
    cases_word: ClassVar[str] = "cases"  # names what `Job.case` numbers, in plural

    @abstractmethod
    def prepare_targets(self, generator: Generator) -> MakeTargets:
        """Return a function that makes the jobs' target images."""

    @abstractmethod
    def get_group(self, job: Job) -> str:
        """Return the results group of a job's row."""

    def make_truth_rows(self, trials: Sequence[Trial]) -> Groups:
        """Return rows of other groups, such as the true z."""
        return {}

    def make_refiner(self, generator: Generator) -> Refiner | None:
        """Return a function that refines z, or None."""
        return None

    def should_refine(self, trial: Trial) -> bool:
        """Return whether a trial is refined."""
        return True

    def uses_encoder(self, job: Job) -> bool:
        """Return whether the encoder, if there is one, makes a job's first start."""
        return True

    @property
    def bounded(self) -> bool:
        """Whether the final loss of a start bounds the error of its z."""
        return self.exact and self.solver.preconditioner_points > 0

    def run(self, generator: Generator, jobs: JobSource) -> WorkerResults:
        """Run jobs and yield results; if it is interrupted, finished trials are yielded first."""
        ended: list[Trial] = []
        last_result = time.monotonic()
        try:
            for increment in self._run_loop(generator, jobs):
                ended += increment.finished
                counts = self.count_trials(increment)
                if not jobs.is_exhausted() and time.monotonic() - last_result < RESULT_SECONDS:
                    yield WorkerResult(counts, batch_size=increment.rows, phase=increment.phase)
                    continue
                yield self._make_result(ended, generator.prior, counts)._replace(
                    batch_size=increment.rows, phase=increment.phase
                )
                ended, last_result = [], time.monotonic()
        except (KeyboardInterrupt, GaninvError):
            yield self._make_result(ended, generator.prior)
            raise
        except tf.errors.ResourceExhaustedError as error:
            yield self._make_result(ended, generator.prior)
            raise OutOfMemoryError() from error
        yield self._make_result(ended, generator.prior)

    def _make_result(
        self, trials: Sequence[Trial], prior: Prior, counts: Counts | None = None
    ) -> WorkerResult:
        """Return counts, and the rows of some trials."""
        counts = counts or Counts()
        if not trials:
            return WorkerResult(counts)
        groups = columns.group_rows(trials, self.get_group, prior, self.bounded)
        originals = [trial for trial in trials if not trial.is_copy]
        return WorkerResult(
            counts,
            [trial.job for trial in originals],
            self.make_truth_rows(trials) | groups,
            added=[job for trial in originals for job in trial.list_follow_ups()],
        )

    def _run_loop(self, generator: Generator, jobs: JobSource) -> Iterator[Increment]:
        config = self.config
        make_targets = self.prepare_targets(generator)
        if self.encoder is not None:
            make_targets = add_encoder_starts(
                make_targets, generator, self.encoder, config.initial_batch_size, self.uses_encoder
            )
        increments = solve(
            generator,
            self.solver,
            jobs,
            make_targets,
            Limits(config.tolerance, config.budget, config.restarts, self.stationary),
            self.record_points,
            seed=config.seed,
            batch_size=config.batch_size,
            preconditioned=self.has_exact_jobs and config.loss == "preconditioned",
            mixed_precision=self.mixed,
            mask=None if self.mask is None else self.mask.astype(np.float32),
            saved_trials=self.running_trials.open_worker() if self.running_trials else None,
        )
        refiner = self.make_refiner(generator)
        return self._refine_trials(increments, refiner) if refiner else increments

    def _refine_trials(
        self, increments: Iterator[Increment], refiner: Refiner
    ) -> Iterator[Increment]:
        for loop_increment in increments:
            seconds = gradients = 0.0
            for trial in filter(self.should_refine, loop_increment.finished):
                refined = refiner(trial.best.z, trial.target, trial.job.rule, trial.best.label)
                trial.refined = refined
                seconds, gradients = seconds + refined.seconds, gradients + refined.gradients
            yield loop_increment._replace(
                seconds=loop_increment.seconds + seconds,
                gradients=loop_increment.gradients + gradients,
            )

    def count_trials(self, increment: Increment) -> Counts:
        """Return the counts of an increment."""
        ended = increment.finished
        successes = sum(self._is_success(trial) for trial in ended)
        finished_gradients = sum(trial.gradients for trial in ended if not trial.is_copy)
        return Counts(
            len(ended), successes, finished_gradients, increment.gradients, increment.seconds
        )

    def _is_success(self, trial: Trial) -> bool:
        if self.exact:
            return columns.z_error(trial.best.z, trial.z_true) < EPSILON
        return trial.outcome is Outcome.converged
