"""What a worker does with an experiment's jobs: images, the loop, the polish, rows."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import tensorflow as tf

from ganinv_cli.encoder.model import Encoder
from ganinv_cli.engine import memory
from ganinv_cli.engine.engine import Done, Handed, Tally
from ganinv_cli.errors import GaninvError
from ganinv_cli.experiments import columns
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.first_starts import supplied
from ganinv_cli.jobs import Feed, Job
from ganinv_cli.loop.queue import Supply
from ganinv_cli.loop.solve import Look, solve
from ganinv_cli.loop.trial import Limits, Marks, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Prior
from ganinv_cli.refine import Polished
from ganinv_cli.settings.config import Config
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.statistics import EPSILONS, SMALLEST

UNMARKED = Marks(np.zeros(0), np.zeros(0))
EPSILON = EPSILONS[SMALLEST]
HANDED_SECONDS = 0.5  # between two times that rows are handed over

Settings = TypeVar("Settings", bound=Config)
Polisher = Callable[[np.ndarray, np.ndarray, str, int], Polished]  # z, target, rule, label


@dataclass(frozen=True, eq=False)
class Task(ABC, Generic[Settings]):
    """One class an experiment; what depends on the generator is made where it is."""

    config: Settings
    solver: Solver
    mixed: bool = False  # whether images a right z leaves nothing of begin with bfloat16 gradients
    encoder: Encoder | None = None  # of first starts; None: they are drawn

    marks: Marks = UNMARKED
    mask: np.ndarray | None = None  # (height, width, 1), which pixels count

    @property
    def exact(self) -> bool:
        """Whether a right z leaves nothing of its image, and so is known when it is found."""
        return True

    @property
    def level(self) -> bool:
        """Whether that is so for any of the jobs."""
        return True

    @property
    def stationary(self) -> float:
        """See `Limits`."""
        return Limits.stationary

    @abstractmethod
    def supply(self, generator: Generator) -> Supply:
        """What gives the jobs' images."""

    @abstractmethod
    def group(self, job: Job) -> str:
        """Where a job's row goes."""

    def truths(self, trials: Sequence[Trial]) -> Groups:
        """The rows of all other groups."""
        return {}

    def polisher(self, generator: Generator) -> Polisher | None:
        """What polishes z, where something does."""
        return None

    def polishes(self, trial: Trial) -> bool:
        """Whether it is for this trial."""
        return True

    def encoded(self, job: Job) -> bool:
        """Whether the encoder, where there is one, gives a job's first start."""
        return True

    @property
    def bounded(self) -> bool:
        """Whether what a start ended with bounds the error of its z."""
        return self.exact and self.solver.metric_points > 0

    def begun(self, generator: Generator, feed: Feed) -> Handed:
        """Do the jobs of a feed; what ends it early has what had ended handed over first."""
        ended: list[Trial] = []
        handed = time.monotonic()
        try:
            for look in self._looks(generator, feed):
                ended += look.finished
                tally = self.tally(look)
                if not feed.over() and time.monotonic() - handed < HANDED_SECONDS:
                    yield Done(tally, batch=look.rows)
                    continue
                yield self._done(ended, generator.prior, tally)._replace(batch=look.rows)
                ended, handed = [], time.monotonic()
        except (KeyboardInterrupt, GaninvError):
            yield self._done(ended, generator.prior)
            raise
        except tf.errors.ResourceExhaustedError as error:
            yield self._done(ended, generator.prior)
            raise memory.out() from error
        yield self._done(ended, generator.prior)

    def _done(self, ended: Sequence[Trial], prior: Prior, tally: Tally | None = None) -> Done:
        """The tally, and the rows of some trials."""
        tally = tally or Tally()
        if not ended:
            return Done(tally)
        groups = columns.by_group(ended, self.group, prior, self.bounded)
        return Done(tally, [trial.job for trial in ended], self.truths(ended) | groups)

    def _looks(self, generator: Generator, feed: Feed) -> Iterator[Look]:
        config = self.config
        supply = self.supply(generator)
        if self.encoder is not None:
            supply = supplied(supply, generator, self.encoder, config.rows, self.encoded)
        looks = solve(
            generator,
            self.solver,
            feed,
            supply,
            Limits(config.tolerance, config.budget, config.restarts, self.stationary),
            self.marks,
            seed=config.seed,
            batch_size=config.batch_size,
            exact=self.level,
            mixed=self.mixed,
            mask=None if self.mask is None else self.mask.astype(np.float32),
        )
        polisher = self.polisher(generator)
        return self._polished(looks, polisher) if polisher else looks

    def _polished(self, looks: Iterator[Look], polisher: Polisher) -> Iterator[Look]:
        for look in looks:
            seconds = gradients = 0.0
            for trial in filter(self.polishes, look.finished):
                polished = polisher(trial.best.z, trial.target, trial.job.rule, trial.best.label)
                trial.polished = polished
                seconds, gradients = seconds + polished.seconds, gradients + polished.gradients
            yield look._replace(
                seconds=look.seconds + seconds, gradients=look.gradients + gradients
            )

    def tally(self, look: Look) -> Tally:
        """What a look comes to, by what can be known of its trials."""
        ended = look.finished
        good = sum(self._succeeded(trial) for trial in ended)
        spent = sum(trial.gradients for trial in ended)
        return Tally(len(ended), good, spent, look.gradients, look.seconds)

    def _succeeded(self, trial: Trial) -> bool:
        if self.exact:
            return columns.z_error(trial.best.z, trial.z_true) < EPSILON
        return trial.outcome is Outcome.converged
