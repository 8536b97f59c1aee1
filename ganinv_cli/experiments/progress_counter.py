"""The progress of a run, and how long what is left takes: trials, certificates, later runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.experiments.answers import FIRST_ROUNDS
from ganinv_cli.experiments.plan import Plan, UsualCost
from ganinv_cli.experiments.trial_ledger import TrialLedger
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.outcome import Phase
from ganinv_cli.progress.display import RunProgress
from ganinv_cli.results.store.log import name_log

GUESSED_TRIALS = 10  # of the usual cost, which count beside those that ended
GUESSED_IMAGES = 3  # the same of images that were judged
RECENT_SHARE = 0.25  # of the seconds of a run, whose speed counts
MIN_RECENT_SECONDS = 4.0
LEAST_SHARE = 0.15  # of what trials have spent, that they need more at least
# Without a decline, they need so many times as much again at least: at the end, with few rows, a
# gradient takes longer.
MORE_TIMES = 2.0
OLD = 2.0  # times the usual cost of a trial that is solved: one that spent more is not
OVERHEAD = 1e7  # multiply-adds that take about as long as the rest of a row's gradient

OtherRuns = Sequence[tuple[LoadedGenerator, Path]]  # with the results file


class Judged(NamedTuple):
    """An image that has its certificate."""

    seconds: float  # for all but its trials
    answered: bool  # by its first starts, e.g. as a picture that the generator makes


@dataclass
class ProgressCounter:
    """Adds up the counts of a run, and estimates the time left.

    A trial or an image is of one of two kinds: solved or not, answered or not. Each kind has a
    usual cost, which is corrected by those that ended. With N trials left, of which those in the
    batch have spent A gradients, N · mean − decline · A gradients are left. Without a decline,
    those in the batch need the mean again, or more if they have spent more.
    """

    total: int  # trials
    missing: int  # of these when the run began; less if images are answered by fewer
    # in gradients; the first is of trials that are solved, the last of others
    usual_costs: Sequence[UsualCost]
    # how much less a trial needs per gradient that it has spent: 1 if all cost the same, 0 if a
    # trial that has spent much needs no less
    decline: float = 0.0
    success_word: str = "recovered"  # names a success
    certificates: int = 0  # that the run lacked when it began, e.g. re-enactments of images
    workers: int = 1  # that run trials, but make no certificates side by side
    later: float = 0.0  # work of runs that come after this one, over all of this one
    unanswered: int = 0  # images that lack a certificate, and whose first starts do not answer them
    judged: list[Judged] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    recent: Counts = field(default_factory=Counts)  # old ones count less and less
    phase: Phase = Phase.measuring  # of the worker that is farthest

    def __post_init__(self) -> None:
        self._planned = self.missing
        self._early = Counts()  # while the trials are young

    def add(self, result: WorkerResult) -> RunProgress:
        """Add what a worker has done, and return the progress after it."""
        self.phase = max(self.phase, result.phase, key=list(Phase).index)
        self.counts = self.counts.add(result.counts)
        if self._is_young or not self._early.gradients:
            self._early = self.counts
        self.recent = self.recent.add(result.counts)
        if self.recent.seconds > max(MIN_RECENT_SECONDS, RECENT_SHARE * self.counts.seconds):
            self.recent = Counts(
                gradients=self.recent.gradients / 2, seconds=self.recent.seconds / 2
            )
        return self.describe()

    def add_judged(self, image: Judged) -> RunProgress:
        """Add an image that was judged, and return the progress after it."""
        self.phase = Phase.running
        self.judged.append(image)
        return self.describe()

    def describe(self) -> RunProgress:
        """Return the progress now."""
        counts, left = self.counts, self._estimate_seconds_left()
        next_image = self._estimate_judging_seconds(answered=not self.unanswered)
        return RunProgress(
            finished=self.total - self.missing + counts.finished,
            total=self.total,
            successes=counts.successes,
            success_word=self.success_word,
            gradients=counts.gradients,
            gradients_per_second=counts.gradients / counts.seconds if counts.seconds else 0.0,
            seconds_left=left,
            seconds_after=left - next_image if self._lacking else 0.0,
            phase=self.phase,
            finished_here=counts.finished,
            certified=len(self.judged),
            certificates=self.certificates,
        )

    @property
    def _lacking(self) -> int:
        return max(0, self.certificates - len(self.judged))

    @property
    def _pace(self) -> float:
        """Seconds per gradient of late; NaN before any was measured."""
        return self.recent.seconds / self.recent.gradients if self.recent.gradients else math.nan

    def _estimate_seconds_left(self) -> float:
        """Return the seconds for all that is left; NaN while too little is known."""
        trials, lacking = self.missing - self.counts.finished, self._lacking
        share, left = self._estimate_unsolved_share(), 0.0
        if others := share * lacking:
            left += others * self._estimate_judging_seconds(answered=False)
        if answered := lacking - others:
            left += answered * self._estimate_judging_seconds(answered=True)
        if trials:
            left += self._estimate_gradients_left(trials, share) * self._pace
            left += trials * self.counts.polishing_seconds / max(1, self._count_ended())
        return left + self._estimate_later_seconds() if self.later else left

    def _estimate_later_seconds(self) -> float:
        """Return the seconds of later runs: of several generators at most one made an image."""
        trials = self._planned * self.usual_costs[-1].trial * self._correct_cost(1.0) * self._pace
        judging = self.certificates * self._estimate_judging_seconds(answered=False)
        return self.later * (trials + judging)

    def _estimate_unsolved_share(self) -> float:
        """Return the share of what is left, images or else trials, that is not answered or solved.

        It is that of those that are known. Those in the batch count too, if they have spent more
        than solved ones do. NaN before the first trials could have.
        """
        counts = self.counts
        if len(self.usual_costs) == 1:
            return 0.0
        if self._is_young:
            return math.nan
        old = min(1.0, max(0.0, (self._mean_age / self.usual_costs[0].trial - 1) / (OLD - 1)))
        if not self.certificates:
            others = counts.finished - counts.solved
            return max(old, others / max(1, counts.finished))
        answered = sum(image.answered for image in self.judged)
        unknown = max(0, self._lacking - self.unanswered)
        begun = min(unknown, counts.running / FIRST_ROUNDS)
        unsolved = len(self.judged) - answered + self.unanswered + old * begun
        share = unsolved / (answered + unsolved) if unsolved else 0.0
        unsolved = self.unanswered + max(share, old) * begun + share * (unknown - begun)
        return min(1.0, unsolved / max(1, self._lacking))

    @property
    def _is_young(self) -> bool:
        """Whether the first trials have spent too little to tell whether they are solved."""
        return self.counts.gradients < OLD * self.usual_costs[0].trial * self.counts.running

    @property
    def _mean_age(self) -> float:
        """Gradients that a trial in the batch has spent."""
        return self.counts.running_gradients / max(1, self.counts.running)

    def _estimate_judging_seconds(self, *, answered: bool) -> float:
        """Return the mean seconds per image of a kind, a few of the usual cost included.

        That is in gradients of full batches: in the smaller ones of the end, each takes longer.
        """
        early, kind = self._early, self.usual_costs[0 if answered else -1]
        pace = early.seconds / early.gradients if early.gradients else math.nan
        usual = kind.certificate * pace * self.workers
        seconds = [image.seconds for image in self.judged if image.answered == answered]
        if math.isnan(usual):
            return sum(seconds) / len(seconds) if seconds else math.nan
        return (GUESSED_IMAGES * usual + sum(seconds)) / (GUESSED_IMAGES + len(seconds))

    def _estimate_gradients_left(self, trials: int, unsolved: float) -> float:
        """Return the gradients for this many trials, of which a share remains unsolved."""
        spent = self.counts.running_gradients
        mean = self._estimate_mean_cost(unsolved) * self._correct_cost(unsolved)
        if self.decline:
            return max(trials * mean - self.decline * spent, LEAST_SHARE * spent)
        running = min(self.counts.running, trials)
        return (trials - running) * mean + max(running * mean, MORE_TIMES * spent)

    def _estimate_mean_cost(self, unsolved: float) -> float:
        """Return the usual gradients per trial, if this share is not solved.

        Of an image that is answered, some trials are left out, which cost nothing.
        """
        left_out = self._planned - self.missing
        run = self.counts.solved / (self.counts.solved + left_out) if self.counts.solved else 1.0
        solved = self.usual_costs[0].trial * run
        return unsolved * self.usual_costs[-1].trial + (1 - unsolved) * solved

    def _correct_cost(self, unsolved: float) -> float:
        """Return how many times as much as usual trials cost, over all that are no copies.

        A few trials of the usual cost count beside those that ended.
        """
        counts = self.counts
        # less are known of trials that began in an earlier process, more if some did not end
        spent = max(counts.ended_gradients, counts.gradients - counts.running_gradients)
        if not self.decline and counts.finished:  # else trials that take long are overlooked
            share = counts.finished / (counts.finished + counts.running)
            spent += share * counts.running_gradients
        solved, other = self.usual_costs[0].trial, self.usual_costs[-1].trial
        if not counts.finished:
            return max(1.0, OLD * self._mean_age / other)
        guessed = GUESSED_TRIALS * self._estimate_mean_cost(unsolved)
        expected = counts.solved * solved + (counts.finished - counts.solved) * other
        return (guessed + spent) / (guessed + expected)

    def _count_ended(self) -> int:
        """Return the number of trials that have ended here, or were left out."""
        return self.counts.finished + self._planned - self.missing


def make_counter(plan: Plan, ledger: TrialLedger, workers: int, later: float) -> ProgressCounter:
    """Return the counter of a run that begins or goes on."""
    expected, budget = plan.solver.expected_gradients, plan.config.budget
    usual_costs = [
        UsualCost(min(cost.trial * expected, budget), cost.certificate) for cost in plan.usual_costs
    ]
    return ProgressCounter(
        ledger.total,
        ledger.trials_left,
        usual_costs,
        decline=_choose_decline(plan, usual_costs),
        success_word=plan.success_word,
        workers=plan.config.workers or workers or 1,
        later=later,
    )


def _choose_decline(plan: Plan, usual_costs: Sequence[UsualCost]) -> float:
    """Return how much less a trial needs per gradient that it has spent."""
    if usual_costs[0].trial >= plan.config.budget:
        return 1.0
    return 0.0 if plan.config.restarts else 0.5


def compare_work(others: OtherRuns, generator: Generator, ledger: TrialLedger) -> float:
    """Return the work of other runs over that of this one, by the sizes of the generators.

    A run that has begun lacks as many trials as this one, and another run lacks all.
    """
    compared = 0.0
    for other, file in others:
        has_begun = file.exists() or name_log(file).exists()
        trials = 1.0 if has_begun else ledger.total / max(1, ledger.trials_left)
        size = other.definition.network.multiply_adds + OVERHEAD
        compared += trials * size / (generator.multiply_adds + OVERHEAD)
    return compared
