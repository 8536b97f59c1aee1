"""Each job is given to exactly one worker, and each shard has its own jobs."""

import threading

import builders
import numpy as np
import pytest
import stored
from small import MARKS, clean_targets, make_limits

from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments.pending_jobs import JobSeries, PendingJobs
from ganinv_cli.jobs import Job, SharedJobs, WorkerJobs
from ganinv_cli.loop.solve import solve
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.sharding import BLOCK_SIZE, Shard, parse_shard
from ganinv_cli.solvers import make_solver
from ganinv_cli.store import open_run

SERIES = [JobSeries(0, "none", "none"), JobSeries(0, "standard", "standard")]


@pytest.fixture
def run(tmp_path):
    with open_run(tmp_path / "recover.h5", stored.make_provenance()) as run:
        yield run


def test_what_is_committed_is_not_named_again(run):
    run.commit(stored.make_rows([1, 2], ("none", "standard")))
    run.commit(stored.make_rows([0], ("none",)))
    jobs = PendingJobs(run, [SERIES], trials=5)
    named = list(jobs)
    assert len(jobs) == len(named) == 1 + 2  # the other rule follows in the trials 3 and 4
    assert jobs.remaining_trials == 10 - 4 - 1
    assert Job(0, "none") not in named
    assert named[0] == Job(0, "standard")
    assert [job.trial for job in named] == sorted(job.trial for job in named)
    assert jobs.total == 10


def test_bundles_come_after_one_another(run):
    jobs = list(PendingJobs(run, [[SERIES[0]], [SERIES[1]]], trials=3))
    assert [job.rule for job in jobs] == ["none"] * 3 + ["standard"] * 3


def test_a_series_of_coupled_trials_is_run_whole_or_not_at_all(run):
    run.commit(stored.make_rows([0, 1, 2], ("none", "standard")))
    run.commit(stored.make_rows([3], ("none",)))
    jobs = PendingJobs(run, [[each] for each in SERIES], trials=4, coupled=True)
    assert list(jobs) == [Job(trial, "standard") for trial in range(4)]
    assert len(jobs) == 4


@pytest.mark.parametrize("of", [1, 3, 7])
def test_every_trial_is_of_one_shard_however_many_there_are(run, of):
    shards = [PendingJobs(run, [SERIES], 100, Shard(number + 1, of)) for number in range(of)]
    named = [job for shard in shards for job in shard]
    assert sorted(named) == sorted(PendingJobs(run, [SERIES], 100))
    assert [len(shard) for shard in shards] == [len(list(shard)) for shard in shards]
    longer = [set(PendingJobs(run, [SERIES], 500, Shard(number + 1, of))) for number in range(of)]
    assert all(set(shard) <= more for shard, more in zip(shards, longer, strict=True))


def test_the_first_trials_stay_together():
    assert Shard(1, 4).contains(np.arange(BLOCK_SIZE)).all()


def test_a_shard_is_a_part_and_their_number():
    assert parse_shard("") == Shard(1, 1)
    assert parse_shard("2/4") == Shard(2, 4)
    for text in ("5/4", "0/4", "4", "a/b", "1/", "-1/4", "1/0"):
        with pytest.raises(ConfigError, match="shard = "):
            parse_shard(text)


def test_workers_that_share_take_each_job_once_and_less_towards_the_end():
    jobs = [Job(trial, "none") for trial in range(1000)]
    shared, taken, sizes = SharedJobs(jobs, workers=3), [], []

    def work() -> None:
        while some := shared.take(64):
            sizes.append(len(some))
            taken.extend(some)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == jobs
    assert (max(sizes), sizes[-1]) == (64, 1)
    assert shared.is_exhausted()


def test_nobody_gets_more_of_a_feed_that_is_closed():
    shared = SharedJobs([Job(0, "none")], workers=2)
    assert not shared.is_exhausted()
    shared.close()
    assert shared.is_exhausted()
    assert shared.take(4) == []


def test_the_loop_waits_for_jobs_that_come_in_portions(tmp_path):
    generator = make_generator(builders.make_hard_checkpoint(tmp_path))
    queue = WorkerJobs()
    queue.add([Job(0, "none"), Job(1, "none")], expected=3)
    looks = solve(
        generator,
        make_solver("lbfgs", {"memory": 10}),
        queue,
        clean_targets(generator),
        make_limits(),
        MARKS,
        seed=0,
        batch_size=4,
    )
    found, idle = [], 0
    for look in looks:
        found += [trial.job.trial for trial in look.finished]
        if look.rows == 0:
            idle += 1
            queue.add([Job(trial, "none") for trial in (2, 3, 4)] if idle == 2 else [], 2 - idle)
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert idle >= 2


THREE = [JobSeries(0, rule, rule) for rule in ("standard", "none", "stochastic")]


def test_the_other_rules_follow_the_one_without_clipping(run):
    jobs = PendingJobs(run, [THREE], trials=3)
    assert list(jobs) == [Job(trial, "none", 0, ("standard", "stochastic")) for trial in range(3)]
    assert (len(jobs), jobs.remaining_trials, jobs.total) == (3, 9, 9)


def test_rules_without_the_one_to_follow_have_jobs_of_their_own(run):
    alone = [each for each in THREE if each.rule != "none"]
    jobs = PendingJobs(run, [alone], trials=2)
    assert list(jobs) == [Job(t, rule) for t in range(2) for rule in ("standard", "stochastic")]
    assert (len(jobs), jobs.remaining_trials) == (4, 4)


def test_what_is_left_of_a_trial_follows_or_not(run):
    run.commit(stored.make_rows([0], ("none", "stochastic")))  # standard would have acted
    run.commit(stored.make_rows([1], ("standard",)))
    jobs = PendingJobs(run, [THREE], trials=2)
    assert list(jobs) == [Job(0, "standard"), Job(1, "none", 0, ("stochastic",))]
    assert (len(jobs), jobs.remaining_trials) == (2, 3)


def test_rules_follow_in_their_own_case(run):
    series = [
        JobSeries(case, rule, f"variance={case}/{rule}")
        for case in (0, 1)
        for rule in ("none", "standard")
    ]
    assert list(PendingJobs(run, [series], trials=1)) == [
        Job(0, "none", case, ("standard",)) for case in (0, 1)
    ]


def test_resumed_trials_come_first_with_their_followers_and_once(run):
    """Also if the leader is committed before the later jobs are read, and what follows is not."""
    run.commit(stored.make_rows([3], ("none", "stochastic")))
    resumed = [Job(2, "none"), Job(3, "standard"), Job(1, "standard"), Job(9, "none")]
    pending = PendingJobs(run, [THREE], trials=4, resumed=resumed)
    count, jobs = len(pending), iter(pending)
    both = ("standard", "stochastic")
    first = [next(jobs), next(jobs)]
    assert first == [Job(2, "none", 0, both), Job(3, "standard")]
    run.commit(stored.make_rows([2], ("none", "stochastic")))
    rest = list(jobs)
    assert rest == [Job(0, "none", 0, both), Job(1, "none", 0, both)]
    assert count == 4
