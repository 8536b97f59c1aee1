"""The jobs of a run that its results file lacks."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments.cases import Cases
from ganinv_cli.experiments.plan import Plan
from ganinv_cli.jobs import BLOCK_SIZE, UNSHARDED, Job
from ganinv_cli.results.store import Run
from ganinv_cli.results.store.columns import IMAGE, TRIAL


class PendingJobs:
    """The pending jobs: trial by trial, or case by case if cases are images.

    So a stopped run has trials of every case, or whole images. Coupled trials run again as a whole,
    rule by rule, if any of them is missing.
    """

    def __init__(self, run: Run, plan: Plan, cases: Cases) -> None:
        """Look up what is missing. Raises NothingToDoError if this shard has no trial."""
        self._plan, self._cases = plan, cases
        self._numbers = plan.trial_shard.list_numbers(plan.config.trials)
        if not len(self._numbers) and plan.trial_shard != UNSHARDED:
            raise NothingToDoError(
                f"nothing to do: shard {plan.config.shard} has none of the "
                f"{plan.config.trials:,} trials, which are dealt {BLOCK_SIZE} at a time"
            )
        self._case_numbers = np.array(list(plan.cases), np.int64)
        self._places = {case: place for place, case in enumerate(plan.cases)}
        shape = len(self._case_numbers), len(plan.config.clip), len(self._numbers)
        self._pending = np.ones(shape, np.bool_)
        self.most_committed = 0  # of a case under a rule
        for rule, name in enumerate(plan.config.clip):
            self._take_committed(run, rule, name)
        if plan.is_coupled:
            self._pending |= self._pending.any(axis=-1, keepdims=True)
        self.total = self._pending.size  # trials of this shard; each rule of a case counts
        self.missing = int(self._pending.sum())  # of these

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
        jobs = self._pending if self._plan.is_coupled else self._pending.any(axis=1)
        return int(jobs.sum())

    def __iter__(self) -> Iterator[Job]:
        if self._plan.is_coupled:
            for case, rule, number in np.argwhere(self._pending):
                if self._begin(case):
                    yield self._make_job(case, number, [rule])
            return
        pending = self._pending.any(axis=1)
        by_trial = np.argwhere(pending.T)[:, ::-1]
        for case, number in np.argwhere(pending) if self._plan.has_images else by_trial:
            if self._begin(case):
                yield self._make_job(case, number, np.flatnonzero(self._pending[case, :, number]))

    def find_rules(self, job: Job) -> tuple[str, ...]:
        """Return the rules of a job that are pending, none if the run does not have the job."""
        case = self._places.get(job.case)
        if case is None or job.trial not in self._numbers or not self._begin(case):
            return ()
        at = case, slice(None), np.searchsorted(self._numbers, job.trial)
        pending = dict(zip(self._plan.config.clip, self._pending[at], strict=True))
        return tuple(rule for rule in job.rules if pending.get(rule, False))

    def leave_out(self, jobs: Sequence[Job]) -> None:
        """Leave out these jobs, which run elsewhere; `missing` still counts them."""
        rules = self._plan.config.clip
        for job in jobs:
            place = np.searchsorted(self._numbers, job.trial)
            for rule in job.rules:
                self._pending[self._places[job.case], rules.index(rule), place] = False

    def _begin(self, case: int) -> bool:
        """Begin a case, given by its place; return whether it can be run. If not, none counts."""
        if self._cases.begin(int(self._case_numbers[case])):
            return True
        if self._pending[case].any():
            self.missing -= int(self._pending[case].sum())
            self.total -= self._pending[case].size
            self._pending[case] = False
        return False

    def _make_job(self, case: int, number: int, rules: Iterable[int]) -> Job:
        names = tuple(self._plan.config.clip[rule] for rule in rules)
        return Job(int(self._numbers[number]), int(self._case_numbers[case]), names)
