"""A stopped run goes on from its saved batch with the result of an undisturbed one."""

import builders
import numpy as np
import pytest
import tensorflow as tf
from small import (
    Key,
    clean_targets,
    jobs_of,
    make_limits,
    make_simple,
    noisy_targets,
    solve_jobs,
    targets_at,
)

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.inversion.loop import sizing
from ganinv_cli.inversion.loop.batch import gather_rows
from ganinv_cli.inversion.loop.saved_batch import SavedBatch
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Uniform

JOBS = jobs_of(("none", "stochastic"), 3)
GD = make_solver("gd", {"metric": 0, "rate": 1.5})
LBFGS = make_solver("lbfgs", {"memory": 10, "patience": 10})
TO_THE_END = make_limits(tolerance=0, budget=100, restarts=0)
WHOLE_RUN = {"end": TO_THE_END, "batch_size": 6}


@pytest.fixture(autouse=True)
def _short_increments(monkeypatch):
    monkeypatch.setattr(sizing, "INCREMENT_SECONDS", 0.0)


def stop(path, generator, solver, jobs, stop_after, **settings):
    """The trials that finish before a stop after some increments, and those that are saved."""
    settings |= {"saved_batch": SavedBatch(path, "run"), "stop_after": stop_after}
    finished = solve_jobs(generator, solver, jobs, **settings)
    return finished, SavedBatch(path, "run")


def list_keys(jobs):
    return {Key(job.trial, job.case, rule) for job in jobs for rule in job.rules}


def go_on(finished, saved, generator, solver, jobs, **settings):
    """Run what is left of the jobs, as an experiment does; return all trials."""
    left = list_keys(jobs) - finished.keys() - list_keys(saved.jobs)
    rules = [[rule for rule in job.rules if (*job[:2], rule) in left] for job in jobs]
    rest = [job._replace(rules=tuple(rule)) for job, rule in zip(jobs, rules, strict=True) if rule]
    return finished | solve_jobs(generator, solver, rest, saved_batch=saved, **settings)


def assert_same(trials, others, atol=0.0):
    assert trials.keys() == others.keys()
    for key, one in trials.items():
        other = others[key]
        for name in ("curve_loss", "curve_error", "snapshots", "z_start", "least_error"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), 0, atol)
        for mine, its in zip(one.start_results, other.start_results, strict=True):
            assert mine.z.dtype == its.z.dtype
            np.testing.assert_allclose(mine.z, its.z, 0, atol)
            assert [type(value) for value in mine] == [type(value) for value in its]
            assert (mine.outcome, mine.gradients) == (its.outcome, its.gradients)
            if not atol:
                np.testing.assert_equal(*(tuple(each._replace(seconds=0)) for each in (mine, its)))


@pytest.mark.parametrize("solver", [GD, LBFGS], ids=["gd", "lbfgs"])
def test_a_batch_goes_on_bit_for_bit(generator, solver, tmp_path):
    settings = {"end": TO_THE_END if solver is GD else make_limits(restarts=2), "batch_size": 6}
    finished, saved = stop(tmp_path / "s", generator, solver, JOBS, 1, **settings)
    assert (len(finished), len(saved.jobs)) == (0, 6)
    looks = []
    resumed = go_on(finished, saved, generator, solver, JOBS, looks=looks, **settings)
    assert_same(resumed, solve_jobs(generator, solver, JOBS, **settings))
    spent = sum(trial.gradients for trial in resumed.values())
    assert sum(look.gradients for look in looks) == spent - 6 * solver.steps_per_increment


def test_what_earlier_starts_came_to_is_kept(generator, tmp_path):
    supply = noisy_targets(generator, 0.01, residual=1e-9)  # which no start can leave
    settings = {"end": make_limits(restarts=2), "batch_size": 3, "supply": supply}
    jobs = jobs_of(["none"], 3)
    whole = solve_jobs(generator, LBFGS, jobs, **settings)
    assert {len(trial.start_results) for trial in whole.values()} == {3}
    finished, saved = stop(tmp_path / "s", generator, LBFGS, jobs, 6, **settings)
    assert_same(go_on(finished, saved, generator, LBFGS, jobs, **settings), whole)


@pytest.mark.slow
def test_restarts_followers_and_jobs_that_were_not_begun_go_on(tmp_path):
    generator = make_simple(Uniform())
    solver = make_solver("gd", {"rate": 4.8})
    jobs = [Job(trial, rules=("none", "standard", "stochastic")) for trial in range(12)]
    settings = {
        "end": make_limits(budget=60, restarts=1),
        "supply": targets_at(generator, 0.5, 1.5),
        "batch_size": 5,
    }
    finished, saved = stop(tmp_path / "s", generator, solver, jobs, 7, **settings)
    assert saved.jobs
    resumed = go_on(finished, saved, generator, solver, jobs, **settings)
    assert_same(resumed, solve_jobs(generator, solver, jobs, **settings), atol=1e-5)


def test_a_coupled_batch_goes_on_with_the_rows_that_had_ended(tmp_path):
    generator = make_generator(builders.make_definition(tmp_path / "g"), batch_norm="batch")
    jobs = jobs_of(["none"], 4)

    def make_targets(some):
        targets = clean_targets(generator)(some)
        away = np.full(generator.latent, 2000.0)  # which ends at once, and couples still
        return [
            each._replace(first_start=away) if job.trial == 1 else each
            for job, each in zip(some, targets, strict=True)
        ]

    settings = {"end": TO_THE_END, "batch_size": 4, "supply": make_targets}
    whole = solve_jobs(generator, GD, jobs, **settings)
    assert whole[1, 0, "none"].outcome is Outcome.diverged
    assert {trial.gradients for trial in whole.values()} == {1, 100}
    finished, saved = stop(tmp_path / "s", generator, GD, jobs, 3, **settings)
    assert not finished
    assert_same(go_on(finished, saved, generator, GD, jobs, **settings), whole)
    saved = SavedBatch(tmp_path / "s", "run")
    saved.select(lambda job: job.rules if job.trial else (), coupled=True)
    assert saved.jobs == []  # one without the others is another batch


def test_a_file_of_another_run_or_a_damaged_one_counts_as_none(generator, tmp_path):
    path = tmp_path / "s"
    stop(path, generator, GD, JOBS, 2, **WHOLE_RUN)
    assert (SavedBatch(path, "other").jobs, SavedBatch(tmp_path / "none", "run").jobs) == ([], [])
    content = path.read_bytes()
    for place in range(0, len(content), len(content) // 50):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        damaged = SavedBatch(path, "run")
        assert (damaged.jobs, damaged.rows) == ([], 0)
        assert damaged.note == f"{path} is damaged; the trials that it saved start again"


def test_no_row_of_a_batch_may_be_saved_if_all_have_ended():
    assert gather_rows(tf.zeros([3, 2]), []).shape == (0, 2)
