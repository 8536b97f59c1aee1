"""The progress of a run, and how long what is left takes: trials, re-enactments, later runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.experiments.plan import UsualCost
from ganinv_cli.outcome import Phase
from ganinv_cli.progress.display import RunProgress

GUESSED_TRIALS = 10  # of the usual cost, which are averaged with those that ended
RECENT_SHARE = 0.25  # of the seconds of a run, whose speed counts
MIN_RECENT_SECONDS = 4.0
LEAST_SHARE = 0.15  # of what trials have spent, that they need more at least
# Without a decline, they need so many times as much again at least: at the end, with few rows, a
# gradient takes longer.
MORE_TIMES = 2.0


@dataclass
class ProgressCounter:
    """Adds up the counts of a run, and estimates the time left.

    With N trials left, of which those in the batch have spent A gradients, N · mean − decline · A
    gradients are left. Without a decline, those in the batch need the mean again, or more if they
    have spent more. A trial that was left out, because its image is answered, counts as one that
    cost nothing, and so does a copy.
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
    is_later: bool = False  # whether another generator's run of the same images came before
    later: float = 0.0  # work of runs that come after this one, over all of this one
    certificate_seconds: list[float] = field(default_factory=list)  # of each
    counts: Counts = field(default_factory=Counts)
    recent: Counts = field(default_factory=Counts)  # old ones count less and less
    phase: Phase = Phase.measuring  # of the worker that is farthest

    def __post_init__(self) -> None:
        self._planned = self.missing

    def add(self, result: WorkerResult) -> RunProgress:
        """Add what a worker has done, and return the progress after it."""
        self.phase = max(self.phase, result.phase, key=list(Phase).index)
        self.counts = self.counts.add(result.counts)
        self.recent = self.recent.add(result.counts)
        if self.recent.seconds > max(MIN_RECENT_SECONDS, RECENT_SHARE * self.counts.seconds):
            self.recent = Counts(
                gradients=self.recent.gradients / 2, seconds=self.recent.seconds / 2
            )
        return self._describe()

    def add_certificate(self, seconds: float) -> RunProgress:
        """Add a certificate that was made, and return the progress after it."""
        self.phase = Phase.running
        self.certificate_seconds.append(seconds)
        return self._describe()

    def _describe(self) -> RunProgress:
        counts, certified = self.counts, len(self.certificate_seconds)
        return RunProgress(
            finished=self.total - self.missing + counts.finished,
            total=self.total,
            successes=counts.successes,
            success_word=self.success_word,
            gradients=counts.gradients,
            gradients_per_second=counts.gradients / counts.seconds if counts.seconds else 0.0,
            seconds_left=self._estimate_seconds_left(),
            phase=self.phase,
            finished_here=counts.finished,
            certified=certified,
            certificates=self.certificates,
        )

    def _estimate_seconds_left(self) -> float:
        """Return the seconds for all that is left; NaN before any speed was measured."""
        recent, trials = self.recent, self.missing - self.counts.finished
        pace = recent.seconds / recent.gradients if recent.gradients else math.nan
        left = self._estimate_gradients_left(trials) * pace if trials else 0.0
        left += trials * self.counts.polishing_seconds / max(1, self._count_ended())
        if certificates := max(0, self.certificates - len(self.certificate_seconds)):
            left += certificates * self._estimate_certificate_seconds(pace)
        return left + self._estimate_later_seconds(left, pace)

    def _estimate_later_seconds(self, left: float, pace: float) -> float:
        """Return the seconds of later runs, which do not solve trials that this one solves."""
        if not self.later:
            return 0.0
        counts, usual = self.counts, self.usual_costs[-1]
        here = counts.seconds + counts.polishing_seconds + sum(self.certificate_seconds) + left
        if not counts.solved:
            return self.later * here
        share = counts.solved / counts.finished
        certificates = self.certificates * usual.certificate * self.workers
        unsolved = (self._planned * usual.trial + certificates) * pace
        return self.later * ((1 - share) * here + share * unsolved)

    def _estimate_gradients_left(self, trials: int) -> float:
        """Return the gradients for this many trials, which may all be in the batch."""
        spent, mean = self.counts.running_gradients, self._estimate_mean_cost()
        if self.decline:
            return max(trials * mean - self.decline * spent, LEAST_SHARE * spent)
        running = min(self.counts.running, trials)
        return (trials - running) * mean + max(running * mean, MORE_TIMES * spent)

    def _estimate_mean_cost(self) -> float:
        """Return the mean gradients per trial, over all of the run that are not copies of others.

        A few trials of the usual cost count beside those that ended.
        """
        counts = self.counts
        # less are known of trials that began in an earlier process, more if some did not end
        spent = max(counts.ended_gradients, counts.gradients - counts.running_gradients)
        if not self.decline and counts.finished:  # else trials that take long are overlooked
            share = counts.finished / (counts.finished + counts.running)
            spent += share * counts.running_gradients
        usual = GUESSED_TRIALS * self._choose_usual_cost().trial
        return (usual + spent) / (GUESSED_TRIALS + self._count_ended())

    def _count_ended(self) -> int:
        """Return the number of trials that have ended here, or were left out."""
        return self.counts.finished + self._planned - self.missing

    def _estimate_certificate_seconds(self, pace: float) -> float:
        """Return the mean seconds per certificate, before there is one the usual number.

        The first, which compiles, counts beside the usual number, and only until there are others.
        """
        usual = self._choose_usual_cost().certificate * pace * self.workers
        if not self.certificate_seconds:
            return usual
        first, *others = self.certificate_seconds
        if others:
            return sum(others) / len(others)
        return first if math.isnan(usual) else (first + usual) / 2

    def _choose_usual_cost(self) -> UsualCost:
        """Return the usual cost of trials like those that ended.

        Before any has, it is the least that the trials in the batch have not exceeded, or as much
        again as they have spent. Of several generators at most one made an image, as a rule.
        """
        counts, least, most = self.counts, self.usual_costs[0], self.usual_costs[-1]
        if counts.finished:
            share = counts.solved / counts.finished
            mixed = (
                share * low + (1 - share) * high for low, high in zip(least, most, strict=True)
            )
            return UsualCost(*mixed)
        if self.is_later:
            return most
        age = counts.running_gradients / max(1, counts.running)
        oldest = UsualCost(2 * age, most.certificate)
        return next((cost for cost in self.usual_costs if cost.trial > age), oldest)
