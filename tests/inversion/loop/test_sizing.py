"""Batch and increment have the fastest size that fits in memory; no result depends on it."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from small import MARKS, jobs_of, make_limits, solve_jobs

from ganinv_cli.errors import GaninvError
from ganinv_cli.inversion.loop import sizing
from ganinv_cli.inversion.loop.batch import Batch
from ganinv_cli.inversion.loop.sizing import INCREMENT_SECONDS, BatchSizing, IncrementSizing
from ganinv_cli.inversion.loop.slots import Slots
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.outcome import Outcome

JOBS = jobs_of(("none", "stochastic"), 12)
CLOSE = make_limits(tolerance=1e-5)
GD = make_solver("gd", {"metric": 0, "rate": 1.5})
FAR = 1e6  # gradients


def assert_same(found, done):
    assert sorted(found) == sorted(done)
    for job, trial in done.items():
        assert found[job].outcome == trial.outcome
        if any(end.counts["redraws"] for each in (trial, found[job]) for end in each.start_results):
            continue  # a redraw magnifies rounding, which a row's place in the batch changes
        assert len(found[job].start_results) == len(trial.start_results)
        if trial.outcome is Outcome.converged:
            np.testing.assert_allclose(found[job].best.z, trial.best.z, atol=1e-3)


def limit_memory(monkeypatch, name, most, after=0):
    """Limit memory to `most` rows from a given call on; record the rows of each call."""
    sizes: list[int] = []
    real = getattr(Batch, name)

    def full(self, batch, *more):
        rows = batch if name == "make_empty" else len(batch.code)
        sizes.append(rows)
        if rows > most and len(sizes) > after:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return real(self, batch, *more)

    monkeypatch.setattr(Batch, name, full)
    return sizes


@pytest.mark.slow
@pytest.mark.parametrize("name", ["advance", "insert_starts"])
def test_the_batch_is_halved_if_memory_runs_out_and_no_trial_is_lost(
    hard, lbfgs, done, monkeypatch, name
):
    sizes = limit_memory(monkeypatch, name, most=4, after=3)
    looks = []
    found = solve_jobs(hard, lbfgs, JOBS, end=CLOSE, batch_size=16, looks=looks)
    assert [rows for rows, _ in itertools.groupby(sizes)][:3] == [16, 8, 4]
    assert_same(found, done)
    spent = sum(trial.gradients for trial in found.values())
    assert sum(look.gradients for look in looks) == spent  # nothing was done twice
    for job, trial in done.items():
        seen = np.isfinite(trial.curve_loss)
        # rounding may end a trial just before or after a point
        assert abs(np.isfinite(found[job].curve_loss).sum() - seen.sum()) <= 1
        early = seen & (MARKS.curve <= 10)
        np.testing.assert_allclose(found[job].curve_loss[early], trial.curve_loss[early], rtol=0.05)


@pytest.mark.slow
def test_a_larger_batch_that_does_not_fit_leaves_the_one_that_did(hard, lbfgs, done, monkeypatch):
    """A measured batch begins with 4 rows here, and doubles at once."""
    hasty = {"FIRST_ROWS": 4, "MIN_INCREMENTS": 1, "MIN_SECONDS": 0.0, "MIN_SECONDS_LEFT": 0.0}
    for name, value in hasty.items():
        monkeypatch.setattr(sizing, name, value)
    monkeypatch.setattr("ganinv_cli.inversion.loop.solve.FIRST_ROWS", 4)
    tried = limit_memory(monkeypatch, "make_empty", most=4)
    looks = []
    found = solve_jobs(hard, lbfgs, JOBS, end=CLOSE, batch_size=None, looks=looks)
    assert (tried, max(look.rows for look in looks)) == ([4, 8], 4)
    assert_same(found, done)


def test_no_memory_for_one_trial_is_a_sentence(hard, lbfgs, monkeypatch):
    limit_memory(monkeypatch, "advance", most=0)
    with pytest.raises(GaninvError, match="memory ran out for a single trial; free some, or use"):
        solve_jobs(hard, lbfgs, JOBS[:4], batch_size=4)


def pace(rates, left=1e9, rows=64, measured=True):
    """The rows of a batch in turn, for given gradients per second of each size."""
    control = BatchSizing(None, rows, measured=measured, coupled=False)
    sizes = [control.rows]
    for _ in range(20 * sizing.MIN_INCREMENTS):
        control.record_rate(rates.get(control.rows, 1.0), 1.0)
        if control.choose_rows(left) != sizes[-1]:
            sizes.append(control.rows)
    return sizes


def test_rows_double_while_that_pays():
    rates = {64: 100, 128: 190, 256: 300, 512: 320}
    assert pace(rates) == [64, 128, 256, 512, 256]
    assert pace({64: 100, 128: 105}) == [64, 128, 64]
    assert pace({64 * 2**n: 2**n for n in range(9)})[-1] == sizing.MAX_ROWS
    assert pace(rates, rows=48, measured=False) == [48]
    assert pace(rates, left=100 * sizing.MIN_SECONDS_LEFT / 2) == [64]


def test_an_increment_grows_until_it_takes_its_time():
    control, seconds_per_step = IncrementSizing(GD), 1e-3
    for _ in range(10):
        steps = control.choose_steps(FAR)
        control.record_speed(steps, steps * seconds_per_step)
    assert control.choose_steps(FAR) == INCREMENT_SECONDS / seconds_per_step
    control.record_speed(10, 100.0)
    assert control.choose_steps(FAR) == GD.steps_per_increment
    control = IncrementSizing(make_solver("lbfgs", {}))
    control.record_speed(5, 1e-6)
    assert control.choose_steps(FAR) == 5  # a trial is short


@pytest.mark.slow
def test_no_result_depends_on_the_length_of_increments(hard, monkeypatch):
    limits, jobs = make_limits(tolerance=0.3, budget=403, restarts=1), JOBS[:6]
    # another number of rows rounds otherwise
    monkeypatch.setattr(Slots, "count_needed_rows", lambda self: len(self))
    monkeypatch.setattr(sizing, "INCREMENT_SECONDS", 0.0)
    looks = []
    short = solve_jobs(hard, GD, jobs, end=limits, looks=looks)
    monkeypatch.setattr(sizing, "INCREMENT_SECONDS", 1e6)
    count = len(looks)
    long = solve_jobs(hard, GD, jobs, end=limits, looks=looks)
    assert len(looks) - count < count / 2
    for job, one in long.items():
        for name in ("curve_loss", "curve_error", "snapshots", "z_start", "least_error"):
            np.testing.assert_array_equal(getattr(one, name), getattr(short[job], name))
        for mine, its in zip(one.start_results, short[job].start_results, strict=True):
            np.testing.assert_equal(mine._replace(seconds=0), its._replace(seconds=0))
