"""The jobs of a run that its results file lacks."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments.plan import Plan
from ganinv_cli.jobs import BLOCK_SIZE, UNSHARDED, Job
from ganinv_cli.results.store import Run


class PendingJobs:
    """The pending jobs: trial by trial, or case by case if the plan says so.

    So a stopped run has trials of every case, or whole cases. Coupled trials run again as a whole,
    rule by rule, if any of them is missing.
    """

    def __init__(self, run: Run, plan: Plan) -> None:
        """Look up what is missing. Raises NothingToDoError if this shard has no trial."""
        self._plan, self._cases = plan, list(plan.cases)
        numbers = np.arange(plan.config.trials)
        self._numbers = numbers[plan.trial_shard.contains(numbers)]
        if not len(self._numbers) and plan.trial_shard != UNSHARDED:
            raise NothingToDoError(
                f"nothing to do: shard {plan.config.shard} has none of the "
                f"{plan.config.trials:,} trials, which are dealt {BLOCK_SIZE} at a time"
            )
        groups = [plan.get_group(case, rule) for case in self._cases for rule in plan.config.clip]
        committed = [run.read_group(group)["trial"] for group in groups]
        missing = ~np.array([np.isin(self._numbers, trials) for trials in committed])
        if plan.is_coupled:
            missing |= missing.any(axis=-1, keepdims=True)
        shape = len(self._cases), len(plan.config.clip), len(self._numbers)
        self._pending = missing.reshape(shape)
        self.total = missing.size  # trials of this shard; each rule of a case counts
        self.missing = int(missing.sum())  # of these
        self.most_committed = max(map(len, committed), default=0)  # of a case under a rule

    def __len__(self) -> int:
        jobs = self._pending if self._plan.is_coupled else self._pending.any(axis=1)
        return int(jobs.sum())

    def __iter__(self) -> Iterator[Job]:
        if self._plan.is_coupled:
            for case, rule, place in np.argwhere(self._pending):
                yield self._make_job(case, place, [rule])
            return
        pending = self._pending.any(axis=1)
        by_trial = np.argwhere(pending.T)[:, ::-1]
        for case, place in np.argwhere(pending) if self._plan.case_by_case else by_trial:
            yield self._make_job(case, place, np.flatnonzero(self._pending[case, :, place]))

    def find_rules(self, job: Job) -> tuple[str, ...]:
        """Return the rules of a job that are pending, none if the run does not have the job."""
        if job.case not in self._cases or job.trial not in self._numbers:
            return ()
        at = self._cases.index(job.case), slice(None), np.searchsorted(self._numbers, job.trial)
        pending = dict(zip(self._plan.config.clip, self._pending[at], strict=True))
        return tuple(rule for rule in job.rules if pending.get(rule, False))

    def leave_out(self, jobs: Sequence[Job]) -> None:
        """Leave out these jobs, which run elsewhere; `missing` still counts them."""
        rules = self._plan.config.clip
        for job in jobs:
            place = np.searchsorted(self._numbers, job.trial)
            for rule in job.rules:
                self._pending[self._cases.index(job.case), rules.index(rule), place] = False

    def _make_job(self, case: int, place: int, rules: Iterable[int]) -> Job:
        names = tuple(self._plan.config.clip[rule] for rule in rules)
        return Job(int(self._numbers[place]), self._cases[case], names)
