"""A batch doubles while it gets faster, and is halved if memory runs out; trials are unchanged."""

import builders
import numpy as np
import pytest
import tensorflow as tf
from ganinv_cli.loop.batch_size import BatchSizeControl
from small import MARKS, clean_targets, make_limits, solve_jobs

from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Job, SharedJobs
from ganinv_cli.loop import batch_size, solve
from ganinv_cli.loop.batch import Batch
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.solvers import make_solver

JOBS = [Job(trial, rule) for trial in range(12) for rule in ("none", "stochastic")]
CLOSE = make_limits(tolerance=1e-5)


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    return make_generator(builders.make_hard_checkpoint(tmp_path_factory.mktemp("hard")))


@pytest.fixture(scope="module")
def lbfgs():
    return make_solver("lbfgs", {"memory": 20, "patience": 20})


@pytest.fixture(scope="module")
def done(hard, lbfgs):
    return solve_jobs(hard, lbfgs, JOBS, end=CLOSE, batch_size=16)


def _same(found, done):
    assert sorted(found) == sorted(done)
    for job, trial in done.items():
        assert found[job].outcome == trial.outcome
        if any(end.redraws for each in (trial, found[job]) for end in each.start_results):
            continue  # a redraw magnifies rounding, which a row's place in the batch changes
        assert len(found[job].start_results) == len(trial.start_results)
        if trial.outcome is Outcome.converged:
            np.testing.assert_allclose(found[job].best.z, trial.best.z, atol=1e-3)


def _memory(monkeypatch, name: str, most: int, after: int) -> list[int]:
    """Limit memory to `most` rows from a given call on; record the rows of each call."""
    sizes: list[int] = []
    real = getattr(Batch, name)

    def full(self, slots, *more):
        if len(slots.code) > most and len(sizes) >= after:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        sizes.append(len(slots.code))
        return real(self, slots, *more)

    monkeypatch.setattr(Batch, name, full)
    return sizes


@pytest.mark.parametrize("name", ["advance", "insert_starts"])
def test_the_batch_is_halved_where_memory_runs_out_and_no_trial_is_lost(
    hard, lbfgs, done, monkeypatch, name
):
    sizes = _memory(monkeypatch, name, most=4, after=3)
    looks = []
    found = solve_jobs(hard, lbfgs, JOBS, end=CLOSE, batch_size=16, looks=looks)
    assert set(sizes) == {16, 4}
    assert sizes == sorted(sizes, reverse=True)
    _same(found, done)
    spent = sum(trial.gradients for trial in found.values())
    assert sum(look.gradients for look in looks) == spent  # nothing was done twice


def test_curves_do_not_show_that_a_trial_lost_its_row(hard, lbfgs, done, monkeypatch):
    _memory(monkeypatch, "advance", most=4, after=2)
    found = solve_jobs(hard, lbfgs, JOBS, end=CLOSE, batch_size=16)
    for job, trial in done.items():
        seen = np.isfinite(trial.curve_loss)
        assert (np.isfinite(found[job].curve_loss) == seen).all()
        early = seen & (MARKS.curve <= 10)
        np.testing.assert_allclose(found[job].curve_loss[early], trial.curve_loss[early], rtol=0.05)


def test_memory_may_run_out_before_anything_ran(hard, lbfgs, monkeypatch):
    real = Batch.make_empty
    tried = []

    def empty(self, size):
        tried.append(size)
        if size > 4:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return real(self, size)

    monkeypatch.setattr(Batch, "make_empty", empty)
    found = solve_jobs(hard, lbfgs, JOBS[:6], batch_size=6)
    assert tried == [6, 3]
    assert sorted(found) == sorted(JOBS[:6])


def test_a_larger_batch_that_does_not_fit_leaves_the_one_that_did(hard, lbfgs, done, monkeypatch):
    real = Batch.make_empty

    def empty(self, size):
        if size > 4:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return real(self, size)

    monkeypatch.setattr(Batch, "make_empty", empty)
    monkeypatch.setattr(batch_size, "FIRST_ROWS", 4)
    monkeypatch.setattr(batch_size, "MIN_INCREMENTS", 1)
    monkeypatch.setattr(batch_size, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(batch_size, "MIN_BUILD_MULTIPLE", 0.0)
    looks = []
    found = solve_jobs(hard, lbfgs, JOBS, end=CLOSE, batch_size=0, looks=looks)
    assert {look.rows for look in looks[:5]} == {4}
    _same(found, done)


def test_images_for_which_there_is_no_memory_are_made_with_fewer_rows(hard, lbfgs, monkeypatch):
    asked: list[int] = []

    def supply(jobs):
        asked.append(len(jobs))
        if len(asked) == 2:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return clean_targets(hard)(jobs)

    found = solve_jobs(hard, lbfgs, JOBS, batch_size=8, supply=supply)
    assert sorted(found) == sorted(JOBS)
    assert asked[1] == asked[2]


def test_no_memory_for_one_trial_is_a_sentence(hard, lbfgs, monkeypatch):
    _memory(monkeypatch, "advance", most=0, after=0)
    with pytest.raises(GaninvError, match="memory ran out for a single trial; free some, or use"):
        solve_jobs(hard, lbfgs, JOBS[:4], batch_size=4)


def _paced(rates: dict[int, float], built: float = 0.0, left: float = 1e9) -> list[int]:
    """The rows a batch has in turn, for given gradients per second of each size."""
    sought = BatchSizeControl()
    sought.record_build(built)
    sizes = [sought.rows]
    for _ in range(20 * batch_size.MIN_INCREMENTS):
        sought.record_rate(rates[sought.rows], 1.0)
        if sought.choose_rows(left) != sizes[-1]:
            sizes.append(sought.rows)
    return sizes


def test_rows_double_while_that_pays():
    assert _paced({64: 100, 128: 190, 256: 300, 512: 320}) == [64, 128, 256, 512, 256]
    assert _paced({64: 100, 128: 105}) == [64, 128, 64]
    assert (
        _paced({rows: rows for rows in (64, 128, 256, 512, 1024, 2048, 4096)})[-1]
        == batch_size.MAX_ROWS
    )


def test_a_graph_is_not_built_for_less_work_than_it_would_save():
    assert _paced({64: 100, 128: 190}, built=5.0, left=100 * 100) == [64]
    assert _paced({64: 100, 128: 110, 256: 0}, built=5.0, left=100 * 200)[:2] == [64, 128]


def test_rows_that_are_given_stay():
    given = BatchSizeControl(48)
    for _ in range(3 * batch_size.MIN_INCREMENTS):
        given.record_rate(100.0, 1.0)
        assert given.choose_rows(1e9) == 48


def test_memory_that_ran_out_is_not_tried_again():
    sought = BatchSizeControl()
    for _ in range(batch_size.MIN_INCREMENTS):
        sought.record_rate(100.0, 1.0)
    assert sought.choose_rows(1e9) == 128
    assert sought.halve_rows(128)
    for _ in range(3 * batch_size.MIN_INCREMENTS):
        sought.record_rate(1000.0, 1.0)
        assert sought.choose_rows(1e9) == 64
    assert not sought.halve_rows(1)


def test_a_batch_that_grows_and_shrinks_loses_no_trial(hard, lbfgs, done, monkeypatch):
    rows = iter([2, 2, 8, 8, 2, 2, 2, 4])
    monkeypatch.setattr(batch_size, "FIRST_ROWS", 2)
    monkeypatch.setattr(solve.BatchSizeControl, "choose_rows", lambda self, left: next(rows, 4))
    sizes: list[int] = []
    found = {}
    for look in solve.solve(
        hard, lbfgs, SharedJobs(JOBS), clean_targets(hard), CLOSE, MARKS, seed=0, batch_size=0
    ):
        found.update({trial.job: trial for trial in look.finished})
        sizes.append(look.rows)
    assert {2, 8, 4} <= set(sizes)
    _same(found, done)
