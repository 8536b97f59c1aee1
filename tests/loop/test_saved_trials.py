"""Running trials continue from a save, exactly as without the interruption."""

from collections.abc import Sequence

import builders
import numpy as np
import pytest
from ganinv_cli.loop.saved_trials import Arrays, SavedTrial, split_trials, stack_trials
from small import clean_targets, make_limits, solve_jobs

from ganinv_cli.jobs import Job
from ganinv_cli.loop import increments
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.solvers import make_solver

JOBS = [Job(trial, rule) for trial in range(3) for rule in ("none", "stochastic")]
GD = make_solver("gd", {"learning_rate": 2e-3})
LBFGS = make_solver("lbfgs", {"memory": 10, "patience": 10})
TO_THE_END = make_limits(tolerance=0, budget=100, restarts=0)


class _Memory:
    """All saves of a run, in the form on the disk, and the saved trials of an earlier run."""

    def __init__(self, saved: Arrays | None = None) -> None:
        self._saved = {each.job: each.arrays for each in split_trials(saved)} if saved else {}
        self.is_due = True
        self.saves: list[Arrays] = []
        self.popped: list[Job] = []

    def save(self, trials: Sequence[SavedTrial]) -> None:
        self.saves.append({name: np.copy(each) for name, each in stack_trials(trials).items()})

    def pop(self, job: Job) -> Arrays | None:
        if job in self._saved:
            self.popped.append(job)
        return self._saved.pop(job, None)


@pytest.fixture(autouse=True)
def _short_increments(monkeypatch):
    monkeypatch.setattr(increments, "INCREMENT_SECONDS", 0.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return builders.make_checkpoint(tmp_path_factory.mktemp("small"))


def _assert_same(trials, others, jobs):
    for job in jobs:
        one, other = trials[job], others[job]
        for name in ("curve_loss", "curve_error", "snapshots", "z_start", "least_error"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        for mine, its in zip(one.start_results, other.start_results, strict=True):
            assert mine.z.dtype == its.z.dtype
            np.testing.assert_array_equal(mine.z, its.z)
            same = (each._replace(z=0, seconds=0) for each in (mine, its))
            np.testing.assert_equal(*map(tuple, same))
            assert [type(value) for value in mine] == [type(value) for value in its]


@pytest.mark.parametrize("solver", [GD, LBFGS], ids=["gd", "lbfgs"])
def test_a_batch_goes_on_bit_for_bit(checkpoint, solver):
    generator = make_generator(checkpoint)
    limits = TO_THE_END if solver is GD else make_limits(restarts=2)
    memory = _Memory()
    whole = solve_jobs(generator, solver, JOBS, end=limits, batch_size=6, saved=memory)
    for saved in (memory.saves[1], memory.saves[len(memory.saves) // 2]):
        jobs = [each.job for each in split_trials(saved)]
        rest = _Memory(saved)
        resumed = solve_jobs(generator, solver, jobs, end=limits, batch_size=6, saved=rest)
        assert rest.popped == jobs
        assert saved["spent"].min() > 0
        if len(jobs) == 6:  # else the batch has another size, and so another rounding
            _assert_same(whole, resumed, jobs)


def test_trials_that_do_not_fit_a_smaller_batch_wait_for_a_row(checkpoint):
    generator = make_generator(checkpoint)
    memory = _Memory()
    whole = solve_jobs(generator, GD, JOBS, end=TO_THE_END, batch_size=6, saved=memory)
    rest, looks = _Memory(memory.saves[4]), []
    resumed = solve_jobs(generator, GD, JOBS, end=TO_THE_END, batch_size=4, saved=rest, looks=looks)
    assert rest.popped == JOBS
    assert sum(look.gradients for look in looks) == 6 * (100 - memory.saves[4]["spent"][0])
    for job in JOBS:
        np.testing.assert_allclose(resumed[job].best.z, whole[job].best.z, atol=1e-5)


def test_a_coupled_batch_goes_on_with_the_rows_that_had_ended(checkpoint):
    generator = make_generator(checkpoint, batch_norm="batch")
    jobs = [Job(trial, "none") for trial in range(4)]

    def make_targets(some):
        starts = np.full((len(some), generator.latent), np.nan)
        starts[[job.trial == 1 for job in some]] = 2000  # which ends at once, and couples still
        return clean_targets(generator)(some)._replace(first_start=starts)

    memory, limits = _Memory(), TO_THE_END
    whole = solve_jobs(
        generator, GD, jobs, end=limits, batch_size=4, saved=memory, supply=make_targets
    )
    assert whole[jobs[1]].outcome is Outcome.diverged
    assert {whole[job].gradients for job in jobs} == {1, 100}
    resumed = solve_jobs(
        generator,
        GD,
        jobs,
        end=limits,
        batch_size=4,
        saved=_Memory(memory.saves[3]),
        supply=make_targets,
    )
    _assert_same(whole, resumed, jobs)


def test_a_trial_that_was_saved_by_another_version_starts_again(checkpoint):
    generator = make_generator(checkpoint)
    memory = _Memory()
    whole = solve_jobs(generator, GD, JOBS, end=TO_THE_END, batch_size=6, saved=memory)
    saved = memory.saves[3]
    saved["row.0"] = saved["row.0"][:, 1:]
    _assert_same(
        whole,
        solve_jobs(generator, GD, JOBS, end=TO_THE_END, batch_size=6, saved=_Memory(saved)),
        JOBS,
    )
