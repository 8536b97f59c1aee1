"""The loop loses no trial, repeats none, and decides by the image loss alone."""

import builders
import numpy as np
import pytest
from small import MARKS, jobs_of, make_limits, measure_z_error, solve_jobs

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.inversion.loop.batch import Batch
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome

JOBS = jobs_of(("none", "stochastic"), 12)


def test_every_job_is_done_once_at_any_batch_size(hard, lbfgs, done):
    looks = []
    others = solve_jobs(
        hard, lbfgs, JOBS, end=make_limits(tolerance=1e-5), batch_size=5, looks=looks
    )
    assert sorted(others) == sorted(done) == sorted((job.trial, 0, *job.rules) for job in JOBS)
    assert sum(look.gradients for look in looks) == sum(t.gradients for t in others.values())
    shares = sum(end.seconds for trial in others.values() for end in trial.start_results)
    assert shares == pytest.approx(sum(look.seconds for look in looks), rel=1e-6)
    for key, trial in done.items():
        assert others[key].outcome == trial.outcome
        if trial.outcome is Outcome.converged:
            np.testing.assert_allclose(others[key].best.z, trial.best.z, atol=1e-3)


@pytest.mark.slow
def test_the_last_trials_do_not_pay_for_an_empty_batch(hard, lbfgs, monkeypatch):
    sizes = []
    real = Batch.advance

    def advance(self, slots, steps):
        sizes.append(len(slots.code))
        return real(self, slots, steps)

    monkeypatch.setattr(Batch, "advance", advance)
    solve_jobs(hard, lbfgs, JOBS, batch_size=24)
    assert set(sizes) == {24, 12, 6, 3, 1}
    assert sizes == sorted(sizes, reverse=True)


def test_failed_starts_are_restarted_from_another_z(done):
    restarted = [trial for trial in done.values() if len(trial.start_results) > 1]
    assert restarted
    for trial in restarted:
        assert trial.start_results[0].outcome is Outcome.stalled
        assert trial.outcome is Outcome.converged
        assert measure_z_error(trial) < 1e-4


@pytest.mark.slow
def test_a_budget_covers_all_starts(hard):
    hasty = make_solver("lbfgs", {"memory": 20, "patience": 8, "progress": 0.99})
    done = solve_jobs(hard, hasty, JOBS[:6], end=make_limits(budget=50), batch_size=3)
    assert max(trial.gradients for trial in done.values()) == 50


def test_curves_and_snapshots_are_what_was_seen_at_their_marks(hard, lbfgs):
    (trial,) = solve_jobs(hard, lbfgs, JOBS[:1]).values()
    (short,) = solve_jobs(hard, lbfgs, JOBS[:1], end=make_limits(budget=20)).values()
    assert trial.gradients > 20
    np.testing.assert_allclose(trial.curve_loss[1], short.best.image_loss, rtol=1e-5)
    np.testing.assert_allclose(trial.curve_error[1], measure_z_error(short), rtol=1e-4)
    np.testing.assert_allclose(trial.snapshots[1], short.best.z, atol=1e-6)
    assert np.isnan(short.curve_loss[MARKS.curve > 20]).all()


def test_coupled_rows_run_to_the_end_together(tmp_path):
    generator = make_generator(builders.make_definition(tmp_path), batch_norm="batch")
    gd = make_solver("gd", {"rate": 0.77})
    jobs = [Job(trial, rules=(rule,)) for rule in ("none", "stochastic") for trial in range(4)]
    looks = []
    to_the_end = make_limits(tolerance=0, budget=30, restarts=0)
    done = solve_jobs(generator, gd, jobs, end=to_the_end, batch_size=4, looks=looks)
    assert {trial.gradients for trial in done.values()} == {30}
    together = [{trial.rule for trial in look.finished} for look in looks if look.finished]
    assert together == [{"none"}, {"stochastic"}]
