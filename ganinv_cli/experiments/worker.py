"""What a worker does with its jobs: targets, the loop, polishing, rows."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ganinv_cli.encoder import start
from ganinv_cli.encoder.model import Encoder
from ganinv_cli.encoder.public_encoder import PublicEncoder
from ganinv_cli.engine.engine import Counts, WorkerResult, WorkerResults
from ganinv_cli.errors import GaninvError, OutOfMemoryError
from ganinv_cli.experiments.plan import Plan, Polisher
from ganinv_cli.experiments.trial_rows import make_rule_rows, make_truth_rows
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.loop.batch import Batch
from ganinv_cli.inversion.loop.saved_batch import SavedBatch
from ganinv_cli.inversion.loop.solve import solve
from ganinv_cli.inversion.loop.trial import (
    Increment,
    Limits,
    LoopSettings,
    MakeTargets,
    Target,
    Trial,
)
from ganinv_cli.jobs import Job, JobQueue

RESULT_SECONDS = 0.5  # between results with rows


@dataclass(frozen=True, eq=False)
class Worker:
    """Runs jobs of a plan; it can be pickled, and every worker has a copy."""

    plan: Plan
    encoder: Encoder | PublicEncoder | None = (
        None  # for first starts; None: they are drawn from the prior
    )
    saved_batches: Sequence[SavedBatch] = ()  # of the workers of this machine

    def run(self, generator: Generator, jobs: JobQueue, worker: int) -> WorkerResults:
        """Run the jobs of a source until there are none or it is stopped.

        Yields the counts of each increment, and rows every RESULT_SECONDS. Rows of finished trials
        are yielded before an error is raised.
        """
        ended: list[Trial] = []
        rules_ended: Counter[Job] = Counter()
        last_result = time.monotonic()
        before = Increment()
        try:
            polisher = self.plan.make_polisher(generator)
            for increment in self._run_loop(generator, jobs, worker):
                if polisher:
                    self._polish_trials(increment.finished, polisher)
                ended += increment.finished
                counts = self._count(increment, before)
                before = increment
                result = WorkerResult(counts, batch_size=increment.rows, phase=increment.phase)
                is_due = time.monotonic() - last_result > RESULT_SECONDS
                if jobs.is_exhausted or is_due or self.plan.has_images:
                    result = self._add_rows(result, ended, rules_ended, generator)
                    ended, last_result = [], time.monotonic()
                yield result
        except (GaninvError, tf.errors.ResourceExhaustedError) as error:
            yield self._add_rows(WorkerResult(Counts()), ended, rules_ended, generator)
            if isinstance(error, GaninvError):
                raise
            raise OutOfMemoryError() from error
        yield self._add_rows(WorkerResult(Counts()), ended, rules_ended, generator)

    def compile(self, generator: Generator) -> None:
        """Compile what `run` will compute, which then finds it."""
        Batch(generator, self._make_settings()).make_empty(1)

    def _make_settings(self) -> LoopSettings:
        plan, config = self.plan, self.plan.config
        return LoopSettings(
            plan.solver,
            plan.objective,
            Limits(config.tolerance, config.budget, config.restarts),
            plan.record_points,
            config.seed,
            config.batch_size,
            config.least_rows,
            has_guesses=self.encoder is not None,
        )

    def _run_loop(self, generator: Generator, jobs: JobQueue, worker: int) -> Iterator[Increment]:
        plan, settings = self.plan, self._make_settings()
        make_targets = plan.prepare_targets(generator)
        if self.encoder is not None:
            make_targets = _add_encoder_starts(make_targets, generator, self.encoder, plan)
        saved_batch = self.saved_batches[worker] if worker < len(self.saved_batches) else None
        return solve(generator, settings, jobs, make_targets, saved_batch)

    def _count(self, increment: Increment, before: Increment) -> Counts:
        """Return the counts of an increment that follows another one."""
        ran = [trial for trial in increment.finished if not trial.is_copy]
        polished = [trial.polished for trial in increment.finished if trial.polished]
        return Counts(
            finished=len(increment.finished),
            successes=sum(map(self.plan.is_success, increment.finished)),
            gradients=increment.gradients,
            seconds=increment.seconds,
            polishing_seconds=sum(each.seconds for each in polished),
            solved=sum(trial.is_solved for trial in increment.finished),
            ended_gradients=sum(trial.gradients for trial in ran),
            running=increment.running - before.running,
            running_gradients=increment.running_gradients - before.running_gradients,
        )

    def _polish_trials(self, trials: Sequence[Trial], polisher: Polisher) -> None:
        for trial in trials:
            start_time = time.monotonic()
            if polished := polisher(trial):
                trial.polished = polished._replace(seconds=time.monotonic() - start_time)

    def _add_rows(
        self,
        result: WorkerResult,
        trials: Sequence[Trial],
        rules_ended: Counter[Job],
        generator: Generator,
    ) -> WorkerResult:
        """Return the result with the rows of some trials, and the jobs that they complete.

        `rules_ended` counts the rules of each job whose trials have ended.
        """
        if not trials:
            return result
        rules_ended.update(trial.job for trial in trials)
        complete = [job for job, count in rules_ended.items() if count == len(job.rules)]
        for job in complete:
            del rules_ended[job]
        plan = self.plan
        rows = make_rule_rows(trials, plan.get_group, generator.prior, has_bounds=plan.has_bounds)
        return result._replace(jobs=complete, rows=make_truth_rows(trials) | rows)


def _add_encoder_starts(
    make_targets: MakeTargets, generator: Generator, encoder: Encoder | PublicEncoder, plan: Plan
) -> MakeTargets:
    find_starts = start.make_find_starts(generator, encoder, plan.config.initial_batch_size)

    def make_encoded_targets(jobs: Sequence[Job]) -> list[Target]:
        targets = make_targets(jobs)
        chosen = [row for row, job in enumerate(jobs) if plan.uses_encoder(job)]
        if chosen:
            images = np.stack([targets[row].image for row in chosen]).astype(np.float32)
            images = np.nan_to_num(images)  # grey, if pixels do not count
            for row, z in zip(chosen, find_starts(images), strict=True):
                targets[row] = targets[row]._replace(
                    first_start=z, first_start_cost=start.GRADIENTS_PER_IMAGE
                )
        return targets

    return make_encoded_targets
