"""A stopped run goes on from its snapshot with the result of an undisturbed one."""

import builders
import numpy as np
import pytest
from small import Key, make_limits, make_simple, solve_jobs, targets_at

from ganinv_cli.jobs import Job
from ganinv_cli.loop import sizing
from ganinv_cli.loop.snapshot import Snapshot
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import Uniform
from ganinv_cli.solvers import make_solver

RULES = ("none", "stochastic")
JOBS = [Job(trial, rules=(rule,)) for trial in range(3) for rule in RULES]
GD = make_solver("gd", {"learning_rate": 2e-3})
LBFGS = make_solver("lbfgs", {"memory": 10, "patience": 10})
TO_THE_END = make_limits(tolerance=0, budget=100, restarts=0)


@pytest.fixture(autouse=True)
def _short_increments(monkeypatch):
    monkeypatch.setattr(sizing, "INCREMENT_SECONDS", 0.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return builders.make_checkpoint(tmp_path_factory.mktemp("small"))


def resume(path, generator, solver, jobs, stop_after, **settings):
    """Solve the jobs with a stop after some increments; return the trials, and the snapshot."""
    stopped = solve_jobs(
        generator, solver, jobs, snapshot=Snapshot(path, "run"), stop_after=stop_after, **settings
    )
    snapshot = Snapshot(path, "run")
    saved = {Key(job.trial, job.case, rule) for job in snapshot.jobs for rule in job.rules}
    assert not saved & stopped.keys()
    rest = [job for job in jobs if not {(job.trial, job.case, r) for r in job.rules} & saved]
    pending = {job: tuple(r for r in job.rules if (*job[:2], r) not in stopped) for job in rest}
    rest = [job._replace(rules=rules) for job, rules in pending.items() if rules]
    jobs = snapshot.jobs
    return stopped | solve_jobs(generator, solver, rest, snapshot=snapshot, **settings), jobs


def assert_same(trials, others, rtol=0.0):
    assert trials.keys() == others.keys()
    for key, one in trials.items():
        other = others[key]
        for name in ("curve_loss", "curve_error", "snapshots", "z_start", "least_error"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol)
        for mine, its in zip(one.start_results, other.start_results, strict=True):
            assert mine.z.dtype == its.z.dtype
            np.testing.assert_allclose(mine.z, its.z, rtol=rtol)
            assert [type(value) for value in mine] == [type(value) for value in its]
            if not rtol:
                same = (each._replace(z=0, seconds=0) for each in (mine, its))
                np.testing.assert_equal(*map(tuple, same))


@pytest.mark.parametrize("solver", [GD, LBFGS], ids=["gd", "lbfgs"])
def test_a_batch_goes_on_bit_for_bit(checkpoint, solver, tmp_path):
    generator = make_generator(checkpoint)
    end = TO_THE_END if solver is GD else make_limits(restarts=2)
    whole = solve_jobs(generator, solver, JOBS, end=end, batch_size=6)
    resumed, saved = resume(tmp_path / "s", generator, solver, JOBS, 2, end=end, batch_size=6)
    assert len(saved) == 6
    assert_same(whole, resumed)


def test_followers_and_the_jobs_that_were_not_begun_go_on(tmp_path):
    generator = make_simple(Uniform())
    solver = make_solver("gd", {"learning_rate": 0.1})
    jobs = [Job(trial, rules=("none", "standard", "stochastic")) for trial in range(12)]
    settings = {
        "end": make_limits(budget=60, restarts=1),
        "supply": targets_at(generator, 0.5, 1.5),
        "batch_size": 5,
    }
    whole = solve_jobs(generator, solver, jobs, **settings)
    for stop_after in (1, 7, 15):
        resumed, saved = resume(
            tmp_path / str(stop_after), generator, solver, jobs, stop_after, **settings
        )
        assert saved
        assert_same(whole, resumed, rtol=1e-4)
