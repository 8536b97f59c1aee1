"""The ledger of trials: one state for each trial of a case under a rule.

A trial is `missing` until a worker has it; then it is `running`, or `resumed` if it goes on from a
saved batch; its row makes it `ended`. Only rows are in a results file: when a run is continued, a
trial has ended or is missing. When an image is answered, its trials that have not ended are
`not_needed`, and workers drop them. One that ends before it is dropped has ended like any other;
how many trials of the image count is in its certificate.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments.plan import Plan
from ganinv_cli.jobs import BLOCK_SIZE, UNSHARDED, Job
from ganinv_cli.results.store import Run
from ganinv_cli.results.store.columns import IMAGE, TRIAL
from ganinv_cli.results.store.rows import Group


class TrialState(IntEnum):
    """The state of a trial of a case under a rule; those below `ended` are still to end."""

    missing = 0
    resumed = 1
    running = 2
    ended = 3
    not_needed = 4


def find_released(states: np.ndarray, released: np.ndarray) -> np.ndarray:
    """Return which trials (rules, trials) bool of a case may run now.

    They are missing, and among the first trials, as many as are released of each rule (rules,).
    """
    is_first = np.arange(states.shape[-1]) < released[:, None]
    may_run: np.ndarray = is_first & (states == TrialState.missing)
    return may_run


def drop_unfinished(states: np.ndarray) -> np.ndarray:
    """Return the states of trials of which no more are needed."""
    return np.where(states < TrialState.ended, TrialState.not_needed, states)


def count_needed(states: np.ndarray) -> int:
    """Return how many trials have ended or are still to end."""
    return int(np.count_nonzero(states != TrialState.not_needed))


def count_left(states: np.ndarray) -> int:
    """Return how many trials are still to end."""
    return int(np.count_nonzero(states < TrialState.ended))


def count_jobs(states: np.ndarray, is_coupled: bool = False) -> int:
    """Return how many jobs no worker has: a trial (…, rules, trials) with all rules it misses.

    Coupled trials have a job for each rule.
    """
    missing = states == TrialState.missing
    return int(np.count_nonzero(missing if is_coupled else missing.any(axis=-2)))


def join_coupled(states: np.ndarray) -> np.ndarray:
    """Return states in which all trials (…, trials) are missing if one of them is."""
    is_missing = (states == TrialState.missing).any(axis=-1, keepdims=True)
    return np.where(is_missing, TrialState.missing, states)


class TrialLedger:
    """The states of a run's trials, and the jobs that follow from them, for workers to take.

    Jobs come trial by trial, or case by case if cases are images: so a stopped run has trials of
    every case, or whole images. Coupled trials come rule by rule.
    """

    def __init__(self, plan: Plan, begin: Callable[[int], bool] = lambda case: True) -> None:
        """List the trials of a plan, all missing. Raises NothingToDoError if its shard has none.

        `begin` is called with a case whose turn has come, and says whether it can be run.
        """
        self._plan, self._begin_case, self._rules = plan, begin, plan.config.clip
        self._numbers = plan.shards.trials.list_numbers(plan.config.trials)
        if not len(self._numbers) and plan.shards.trials != UNSHARDED:
            raise NothingToDoError(
                f"nothing to do: shard {plan.config.shard} has none of the "
                f"{plan.config.trials:,} trials, which are dealt {BLOCK_SIZE} at a time"
            )
        self._cases = np.array(list(plan.cases), np.int64)
        self._places = {case: place for place, case in enumerate(plan.cases)}
        shape = len(self._cases), len(self._rules), len(self._numbers)
        self.states = np.full(shape, TrialState.missing, np.uint8)
        self._released = np.full(shape[:2], shape[2])
        # of images, all are in one group
        self._groups = {
            plan.get_group(case, rule): (case, self._rules.index(rule))
            for case in plan.cases
            for rule in self._rules
        }
        self._lock = threading.Lock()  # threads of workers take jobs while others end
        self._jobs = count_jobs(self.states, plan.is_coupled)

    @property
    def total(self) -> int:
        """The number of trials that have ended or are still to end; each rule counts."""
        return count_needed(self.states)

    @property
    def trials_left(self) -> int:
        """The number of these that have not ended."""
        return count_left(self.states)

    def read(self, run: Run) -> None:
        """Take note of the trials that are committed."""
        self.end({name: run.read_group(name) for name in self._groups})
        if self._plan.is_coupled:
            self.states = join_coupled(self.states)
        self._jobs = count_jobs(self.states, self._plan.is_coupled)

    def end(self, rows: Mapping[str, Group]) -> None:
        """Take note of trials that have ended, by the groups of their rows."""
        for name in self._groups.keys() & rows.keys():
            case, rule = self._groups[name]
            trials = rows[name][TRIAL]
            cases = rows[name][IMAGE] if self._plan.has_images else np.full(len(trials), case)
            is_known = np.isin(cases, self._cases) & np.isin(trials, self._numbers)
            places = [self._places[each] for each in cases[is_known].tolist()]
            numbers = np.searchsorted(self._numbers, trials[is_known])
            with self._lock:
                self.states[places, rule, numbers] = TrialState.ended

    def resume(self, jobs: Sequence[Job]) -> None:
        """Take note of jobs that go on from a saved batch, so that no other worker has them."""
        for job in jobs:
            rules = [self._rules.index(rule) for rule in job.rules]
            place = np.searchsorted(self._numbers, job.trial)
            self.states[self._places[job.case], rules, place] = TrialState.resumed
        self._jobs = count_jobs(self.states, self._plan.is_coupled)

    def release(self, case: int, rule: str, count: int) -> None:
        """Let only the first trials of a case under a rule run, this many."""
        self._released[self._places[case], self._rules.index(rule)] = count

    def drop(self, case: int, rule: str) -> None:
        """Take note that no more trials of a case under a rule are needed."""
        self._drop(self._places[case], [self._rules.index(rule)])

    def is_needed(self, job: Job, rule: str) -> bool:
        """Return whether a trial that runs is still needed."""
        number = np.searchsorted(self._numbers, job.trial)
        state = self.states[self._places[job.case], self._rules.index(rule), number]
        return bool(state != TrialState.not_needed)

    def find_rules(self, job: Job) -> tuple[str, ...]:
        """Return the rules of a job that are missing; none if the run does not have the job."""
        place = self._places.get(job.case)
        if place is None or job.trial not in self._numbers or not self._begin(place):
            return ()
        states = self.states[place, :, np.searchsorted(self._numbers, job.trial)]
        missing = dict(zip(self._rules, states == TrialState.missing, strict=True))
        return tuple(rule for rule in job.rules if missing.get(rule, False))

    def __len__(self) -> int:
        """Return the number of jobs, without those that were dropped before a worker had them."""
        return self._jobs

    def __iter__(self) -> Iterator[Job | None]:
        """Yield the jobs; None if there are none now, but after more trials there may be."""
        missing = self.states == TrialState.missing
        if self._plan.is_coupled:
            for place, rule, number in np.argwhere(missing).tolist():
                if self._begin(place):
                    yield self._take(place, number, [rule])
        elif self._plan.has_images:
            yield from self._iterate_images(np.flatnonzero(missing.any(axis=(1, 2))).tolist())
        else:
            for number, place in np.argwhere(missing.any(axis=1).T):
                yield self._take(place, number)

    def _iterate_images(self, places: Sequence[int]) -> Iterator[Job | None]:
        """Yield the jobs of images, the first images first, as far as they are released."""
        following, begun = iter(places), list[int]()
        while True:
            for place in begun:
                while job := self._take_released(place):
                    yield job
            begun = [place for place in begun if count_jobs(self.states[place])]
            new = next(following, None)
            if new is not None:
                begun += [new] if self._begin(new) else []
            elif begun:
                yield None
            else:
                return

    def _take_released(self, place: int) -> Job | None:
        """Return the next job of an image that may run now; None if none may."""
        with self._lock:
            released = find_released(self.states[place], self._released[place]).any(axis=0)
            return self._take(place, int(np.argmax(released))) if released.any() else None

    def _take(self, place: int, number: int, rules: Sequence[int] = ()) -> Job:
        """Return the job of a trial for a worker, of these rules or of all that are missing."""
        states = self.states[place, :, number]
        taken = rules or np.flatnonzero(states == TrialState.missing).tolist()
        states[taken] = TrialState.running
        names = tuple(self._rules[rule] for rule in taken)
        return Job(int(self._numbers[number]), int(self._cases[place]), names)

    def _begin(self, place: int) -> bool:
        """Begin a case; return whether it can be run. If not, none of its trials is needed."""
        can_run = self._begin_case(int(self._cases[place]))
        if not can_run:
            self._drop(place, range(len(self._rules)))
        return can_run

    def _drop(self, place: int, rules: Sequence[int]) -> None:
        with self._lock:
            before = count_jobs(self.states[place], self._plan.is_coupled)
            self.states[place, rules] = drop_unfinished(self.states[place, rules])
            self._jobs -= before - count_jobs(self.states[place], self._plan.is_coupled)


def count_most_committed(run: Run, plan: Plan) -> int:
    """Return the most trials of a case under a rule that are committed."""
    most = 0
    for name in {plan.get_group(case, rule) for case in plan.cases for rule in plan.config.clip}:
        rows = run.read_group(name)
        if plan.has_images:
            images = rows[IMAGE][np.isin(rows[IMAGE], list(plan.cases))]
            most = max(most, int(np.bincount(images).max(initial=0)))
        else:
            most = max(most, len(rows[TRIAL]))
    return most
