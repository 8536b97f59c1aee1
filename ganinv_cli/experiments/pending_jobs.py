"""The jobs of a run that its results file lacks."""

import threading
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments.cases import Cases
from ganinv_cli.experiments.plan import Plan
from ganinv_cli.experiments.trial_rows import Groups
from ganinv_cli.jobs import BLOCK_SIZE, UNSHARDED, Job
from ganinv_cli.results.store import Run
from ganinv_cli.results.store.columns import IMAGE, TRIAL
from ganinv_cli.results.store.rows import NO_ROWS


class PendingJobs:
    """The pending jobs: trial by trial, or case by case if cases are images.

    So a stopped run has trials of every case, or whole images. Coupled trials run again as a whole,
    rule by rule, if any of them is missing.
    """

    def __init__(self, run: Run, plan: Plan, cases: Cases) -> None:
        """Look up what is missing. Raises NothingToDoError if this shard has no trial."""
        self._plan, self._cases = plan, cases
        self._lock = threading.Lock()  # threads of workers take jobs while others are left out
        self._numbers = plan.shards.trials.list_numbers(plan.config.trials)
        if not len(self._numbers) and plan.shards.trials != UNSHARDED:
            raise NothingToDoError(
                f"nothing to do: shard {plan.config.shard} has none of the "
                f"{plan.config.trials:,} trials, which are dealt {BLOCK_SIZE} at a time"
            )
        self._case_numbers = np.array(list(plan.cases), np.int64)
        self._places = {case: place for place, case in enumerate(plan.cases)}
        shape = len(self._case_numbers), len(plan.config.clip), len(self._numbers)
        self._pending = np.ones(shape, np.bool_)
        self._assigned = np.zeros((shape[0], shape[2]), np.bool_)  # jobs that workers have
        self._saved = np.zeros(shape, np.bool_)  # trials that go on from a saved batch
        self._left_out = np.zeros(shape, np.bool_)  # those that are not needed
        self.most_committed = 0  # of a case under a rule
        self._length: int | None = None  # in jobs; None: not counted yet
        for rule, name in enumerate(plan.config.clip):
            self._take_committed(run, rule, name)
        if plan.is_coupled:
            self._pending |= self._pending.any(axis=-1, keepdims=True)
        finished = self._pending.size - int(self._pending.sum())
        self.missing = self.total = 0
        for case in plan.cases:
            self.leave_out_ended(case)
        self.missing = int(self._pending.sum())  # trials; each rule of a case counts
        self.total = finished + self.missing  # of this shard

    def _take_committed(self, run: Run, rule: int, name: str) -> None:
        groups = {self._plan.get_group(case, name): case for case in self._places}
        for group, case in groups.items():
            rows = run.read_group(group)
            cases = rows[IMAGE] if self._plan.has_images else np.full(len(rows[TRIAL]), case)
            known, counts = np.unique(cases, return_counts=True)
            here = np.isin(known, self._case_numbers)
            self.most_committed = max(self.most_committed, int(counts[here].max(initial=0)))
            shown = np.isin(cases, self._case_numbers) & np.isin(rows[TRIAL], self._numbers)
            by_number = np.argsort(self._case_numbers)
            at = by_number[np.searchsorted(self._case_numbers, cases[shown], sorter=by_number)]
            self._pending[at, rule, np.searchsorted(self._numbers, rows[TRIAL][shown])] = False

    def __len__(self) -> int:
        """Return the number of jobs, without those that were left out before a worker had them."""
        if self._length is None:
            jobs = self._pending if self._plan.is_coupled else self._pending.any(axis=1)
            self._length = int(jobs.sum())
        return self._length

    def __iter__(self) -> Iterator[Job | None]:
        """Yield the jobs; None if there are none now, but after more trials there may be."""
        if self._plan.is_coupled:
            for case, rule, number in np.argwhere(self._pending):
                if self._begin(case):
                    yield self._make_job(case, number, [rule])
            return
        pending = np.any(self._pending, axis=1)
        if self._plan.has_images:
            yield from self._iterate_images(np.flatnonzero(pending.any(axis=1)))
            return
        for number, place in np.argwhere(pending.T):
            yield self._make_job(place, number)

    def _iterate_images(self, places: Iterable[int]) -> Iterator[Job | None]:
        """Yield the jobs of images, the first images first, as far as they are released."""
        following, begun = iter(places), list[int]()
        while True:
            for place in begun:
                while job := self._assign_released(place):
                    yield job
            begun = [place for place in begun if self._find_unassigned(place).any()]
            new = next(following, None)
            if new is not None:
                begun += [new] if self._begin(new) else []
            elif begun:
                yield None
            else:
                return

    def _find_unassigned(self, place: int) -> np.ndarray:
        """Return which rules and numbers (rules, numbers) of an image no worker has yet."""
        unassigned: np.ndarray = self._pending[place] & ~self._assigned[place]
        return unassigned

    def _assign_released(self, place: int) -> Job | None:
        """Return the next job of an image that may run now, for a worker; None if none may."""
        case, rules = int(self._case_numbers[place]), self._plan.config.clip
        most = np.array([self._cases.count_released(case, rule) for rule in rules])
        with self._lock:
            released = self._find_unassigned(place) & (self._numbers < most[:, None])
            numbers = np.flatnonzero(released.any(axis=0))
            if not len(numbers):
                return None
            self._assigned[place, numbers[0]] = True
            return self._make_job(place, int(numbers[0]))

    def take_ended(self, rows: Groups) -> None:
        """Take note of trials that have ended; those that were left out before count again."""
        if not self._plan.has_images:
            return
        for rule, name in enumerate(self._plan.config.clip):
            ended = rows.get(self._plan.get_group(0, name), NO_ROWS)
            places = [self._places[case] for case in ended[IMAGE].tolist()]
            at = places, rule, np.searchsorted(self._numbers, ended[TRIAL])
            with self._lock:
                count = int(self._left_out[at].sum())
                self._pending[at] = self._saved[at] = self._left_out[at] = False
                self.missing, self.total = self.missing + count, self.total + count

    def leave_out_ended(self, case: int) -> None:
        """Leave out the trials of a case that has ended."""
        place = self._places[case]
        for number, rule in enumerate(self._plan.config.clip):
            if self._cases.has_ended(case, rule):
                with self._lock:
                    running = self._pending[place, number] | self._saved[place, number]
                    self._leave_out(place, running, number)

    def find_rules(self, job: Job) -> tuple[str, ...]:
        """Return the rules of a job that are pending, none if the run does not have the job."""
        case = self._places.get(job.case)
        if case is None or job.trial not in self._numbers or not self._begin(case):
            return ()
        at = case, slice(None), np.searchsorted(self._numbers, job.trial)
        pending = dict(zip(self._plan.config.clip, self._pending[at], strict=True))
        return tuple(rule for rule in job.rules if pending.get(rule, False))

    def is_needed(self, job: Job, rule: str) -> bool:
        """Return whether a trial that runs is needed; if its case has ended, it is not."""
        return not self._cases.has_ended(job.case, rule)

    def leave_out(self, jobs: Sequence[Job]) -> None:
        """Leave out these jobs, which run elsewhere; `missing` still counts them."""
        rules = self._plan.config.clip
        for job in jobs:
            place = np.searchsorted(self._numbers, job.trial)
            for rule in job.rules:
                at = self._places[job.case], rules.index(rule), place
                self._pending[at], self._saved[at] = False, True
        self._length = None

    def _begin(self, case: int) -> bool:
        """Begin a case, given by its place; return whether it can be run. If not, none counts."""
        if self._cases.begin(int(self._case_numbers[case])):
            return True
        with self._lock:
            for rule in range(self._pending.shape[1]):
                self._leave_out(case, self._pending[case, rule].copy(), rule)
        return False

    def _leave_out(self, place: int, numbers: np.ndarray, rule: int) -> None:
        """Leave out trials (numbers,) bool of a case under a rule, which do not count any more."""
        waiting = self._find_unassigned(place).any(axis=0)  # others were counted when taken
        self._pending[place, rule, numbers] = self._saved[place, rule, numbers] = False
        self._left_out[place, rule, numbers] = True
        if self._length is not None:
            still = self._find_unassigned(place).any(axis=0)
            self._length -= int(waiting.sum() - still.sum())
        count = int(numbers.sum())
        self.missing, self.total = self.missing - count, self.total - count

    def _make_job(self, case: int, number: int, rules: Iterable[int] | None = None) -> Job:
        """Return the job of a trial, of these rules or of those that are pending, by place."""
        if rules is None:
            rules = np.flatnonzero(self._pending[case, :, number])
        names = tuple(self._plan.config.clip[rule] for rule in rules)
        return Job(int(self._numbers[number]), int(self._case_numbers[case]), names)
