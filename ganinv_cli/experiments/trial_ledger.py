"""The ledger of trials: one state for each trial of a case under a rule.

Which trials may run, which are left, and how many there are follows from the states. A trial is
`missing` until a worker has it; then it is `running`, or `resumed` if it goes on from a saved
batch; its row makes it `ended`. In a results file a trial has a row or none, so a run that is
continued finds it ended or missing. When an image is answered, its trials that have not ended are
`not_needed`: workers drop those that run. If one of these ends before it is dropped, it has ended
like any other. Which rows of an answered image count is in its certificate.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments.plan import Plan
from ganinv_cli.experiments.trial_rows import Groups
from ganinv_cli.jobs import BLOCK_SIZE, UNSHARDED, Job
from ganinv_cli.results.store import Run
from ganinv_cli.results.store.columns import IMAGE, TRIAL


class TrialState(IntEnum):
    """The state of a trial of a case under a rule; those below `ended` are left to do."""

    missing = 0
    resumed = 1
    running = 2
    ended = 3
    not_needed = 4


def find_missing(states: np.ndarray, released: np.ndarray) -> np.ndarray:
    """Return which trials (…, rules, trials) bool may run: missing, and below `released`.

    That is the number (…, rules) of the first trials that may run.
    """
    numbers = np.arange(states.shape[-1])
    missing: np.ndarray = (states == TrialState.missing) & (numbers < released[..., None])
    return missing


def count_left(states: np.ndarray) -> int:
    """Return how many trials are still to end."""
    return int(np.count_nonzero(states < TrialState.ended))


def count_needed(states: np.ndarray) -> int:
    """Return how many trials have ended or are still to end."""
    return int(np.count_nonzero(states != TrialState.not_needed))


def count_jobs(states: np.ndarray) -> int:
    """Return how many trials (…, rules, trials) no worker has, each once for all its rules."""
    return int(np.count_nonzero((states == TrialState.missing).any(axis=-2)))


def count_first_ended(states: np.ndarray) -> int:
    """Return how many trials (trials,) have ended before the first that has not."""
    return int(np.argmin(np.append(states == TrialState.ended, False)))


def count_released(explains: np.ndarray, first: int, step: int, trials: int) -> int:
    """Return the number of trials of an image that may run.

    `explains` (trials 0, 1, … that have ended,) bool says whether a trial explains the image.
    `first` trials may run at once. When all that may run have ended, `step` more may if one of
    them explains the image, else all.
    """
    released = min(first, trials)
    while released < trials and released <= len(explains):
        released = released + step if explains[:released].any() else trials
    return min(released, trials)


class TrialLedger:
    """The states of a run's trials, and its jobs: a `JobCollection` for the workers.

    The jobs come trial by trial, or case by case if cases are images: so a stopped run has trials
    of every case, or whole images. Coupled trials run again as a whole, rule by rule.
    """

    def __init__(self, plan: Plan, prepare: Callable[[int], bool] = lambda case: True) -> None:
        """List the trials of a plan, all missing. Raises NothingToDoError if its shard has none.

        `prepare` is called with a case whose turn has come, and says whether it can be run.
        """
        self._plan, self._prepare, self._rules = plan, prepare, plan.config.clip
        self.numbers = plan.shards.trials.list_numbers(plan.config.trials)
        if not len(self.numbers) and plan.shards.trials != UNSHARDED:
            raise NothingToDoError(
                f"nothing to do: shard {plan.config.shard} has none of the "
                f"{plan.config.trials:,} trials, which are dealt {BLOCK_SIZE} at a time"
            )
        self._cases = list(plan.cases)
        # of results; that of starts has the rows of all images
        self.groups = {
            plan.get_group(case, rule): (case, rule)
            for case in self._cases
            for rule in self._rules
        }
        self._places = {case: place for place, case in enumerate(self._cases)}
        shape = len(self._cases), len(self._rules), len(self.numbers)
        self.states = np.full(shape, TrialState.missing, np.uint8)
        self._released = np.full(shape[:2], shape[2])
        self._lock = threading.Lock()  # threads of workers take jobs while others end
        self._assigned = 0  # jobs
        self._waiting = self._count_waiting(self.states)  # jobs that are not assigned

    @property
    def total(self) -> int:
        """The number of trials that have ended or are still to end; each rule counts."""
        return count_needed(self.states)

    @property
    def left(self) -> int:
        """The number of these that have not ended."""
        return count_left(self.states)

    def get_states(self, case: int, rule: str) -> np.ndarray:
        """Return the states (trials,) of a case under a rule."""
        states: np.ndarray = self.states[self._places[case], self._rules.index(rule)]
        return states

    def end(self, rows: Groups) -> None:
        """Take note of trials that have ended, by the groups of their rows."""
        for name in self.groups.keys() & rows.keys():
            case, rule = self.groups[name]
            trials = rows[name][TRIAL]
            cases = rows[name].get(IMAGE, np.full(len(trials), case))
            known = np.isin(cases, self._cases) & np.isin(trials, self.numbers)
            places = [self._places[each] for each in cases[known].tolist()]
            at = places, self._rules.index(rule), np.searchsorted(self.numbers, trials[known])
            with self._lock:
                self.states[at] = TrialState.ended

    def release(self, case: int, rule: str, count: int) -> None:
        """Let only the first trials of a case under a rule run, this many."""
        self._released[self._places[case], self._rules.index(rule)] = count

    def drop(self, case: int, rules: Sequence[str]) -> None:
        """Take note that the trials of a case that have not ended are not needed."""
        states = self.states[self._places[case]]
        at = [self._rules.index(rule) for rule in rules]
        with self._lock:
            before = self._count_waiting(states)
            states[at] = np.where(
                states[at] < TrialState.ended, TrialState.not_needed, states[at]
            )
            self._waiting += self._count_waiting(states) - before

    def resume(self, jobs: Sequence[Job]) -> None:
        """Take note of jobs that go on from a saved batch, so that no other worker has them."""
        for job in jobs:
            rules = [self._rules.index(rule) for rule in job.rules]
            place = np.searchsorted(self.numbers, job.trial)
            self.states[self._places[job.case], rules, place] = TrialState.resumed
        self._waiting = self._count_waiting(self.states)

    def find_rules(self, job: Job) -> tuple[str, ...]:
        """Return the rules of a job that are missing, none if the run does not have the job."""
        place = self._places.get(job.case)
        if place is None or job.trial not in self.numbers or not self._begin(place):
            return ()
        states = self.states[place, :, np.searchsorted(self.numbers, job.trial)]
        missing = dict(zip(self._rules, states == TrialState.missing, strict=True))
        return tuple(rule for rule in job.rules if missing.get(rule, False))

    def is_needed(self, job: Job, rule: str) -> bool:
        """Return whether a trial that runs is still needed."""
        states = self.get_states(job.case, rule)
        return bool(states[np.searchsorted(self.numbers, job.trial)] != TrialState.not_needed)

    def __len__(self) -> int:
        """Return the number of jobs, without those that were dropped before a worker had them."""
        return self._assigned + self._waiting

    def __iter__(self) -> Iterator[Job | None]:
        """Yield the jobs; None if there are none now, but after more trials there may be."""
        if self._plan.is_coupled:
            for place, rule, trial in np.argwhere(self.states == TrialState.missing).tolist():
                if self._begin(place):
                    yield self._assign(place, trial, [rule])
        elif self._plan.has_images:
            yield from self._iterate_images()
        else:
            for trial in range(len(self.numbers)):
                missing = self.states[:, :, trial] == TrialState.missing
                for place in np.flatnonzero(missing.any(axis=1)).tolist():
                    yield self._assign(place, trial)

    def _iterate_images(self) -> Iterator[Job | None]:
        """Yield the jobs of images, the first images first, as far as they are released."""
        has_jobs = (self.states == TrialState.missing).any(axis=(1, 2))
        following, begun = iter(np.flatnonzero(has_jobs).tolist()), list[int]()
        while True:
            for place in begun:
                while job := self._assign_released(place):
                    yield job
            begun = [place for place in begun if count_jobs(self.states[place])]
            new = next(following, None)
            if new is not None:
                begun += [new] if self._begin(new) else []
            elif begun:
                yield None
            else:
                return

    def _assign_released(self, place: int) -> Job | None:
        """Return the next job of an image that may run now, for a worker; None if none may."""
        with self._lock:
            may_run = find_missing(self.states[place], self._released[place]).any(axis=0)
            if not may_run.any():
                return None
        return self._assign(place, int(np.argmax(may_run)))

    def _assign(self, place: int, trial: int, rules: Sequence[int] = ()) -> Job:
        """Return the job of a trial for a worker, under these rules or all that are missing."""
        with self._lock:
            states = self.states[place, :, trial]
            at = rules or np.flatnonzero(states == TrialState.missing).tolist()
            states[at] = TrialState.running
            self._assigned, self._waiting = self._assigned + 1, self._waiting - 1
        names = tuple(self._rules[rule] for rule in at)
        return Job(int(self.numbers[trial]), self._cases[place], names)

    def _begin(self, place: int) -> bool:
        """Prepare a case; return whether it can be run. If not, its trials are not needed."""
        can_run = self._prepare(self._cases[place])
        if not can_run:
            self.drop(self._cases[place], self._rules)
        return can_run

    def _count_waiting(self, states: np.ndarray) -> int:
        if self._plan.is_coupled:
            return int(np.count_nonzero(states == TrialState.missing))
        return count_jobs(states)


def read_ledger(run: Run, plan: Plan, prepare: Callable[[int], bool]) -> TrialLedger:
    """Return the ledger of a run, in which the committed trials have ended."""
    ledger = TrialLedger(plan, prepare)
    ledger.end({name: run.read_group(name) for name in ledger.groups})
    if plan.is_coupled:  # a batch of which one is missing runs again
        states = ledger.states
        states[(states == TrialState.missing).any(axis=-1)] = TrialState.missing
    return ledger


def count_most_committed(run: Run, plan: Plan, ledger: TrialLedger) -> int:
    """Return the most trials that are committed of a case under a rule."""
    most = 0
    for name in ledger.groups:
        rows = run.read_group(name)
        if plan.has_images:
            images = rows[IMAGE][np.isin(rows[IMAGE], list(plan.cases))]
            most = max(most, int(np.bincount(images).max(initial=0)))
        else:
            most = max(most, len(rows[TRIAL]))
    return most
