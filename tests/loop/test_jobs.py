"""Each job is given to exactly one worker."""

import threading

import builders
from small import MARKS, clean_targets, make_limits

from ganinv_cli.jobs import Job, JobQueue
from ganinv_cli.loop.solve import solve
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.solvers import make_solver


def test_workers_that_share_take_each_job_once_and_less_towards_the_end():
    jobs = [Job(trial) for trial in range(1000)]
    shared, taken, sizes = JobQueue(jobs, workers=3), [], []

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
    assert shared.is_exhausted


def test_the_loop_waits_for_jobs_that_come_in_portions(tmp_path):
    generator = make_generator(builders.make_hard_checkpoint(tmp_path))
    queue = JobQueue()
    queue.add([Job(0), Job(1)], expected=3)
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
            queue.add([Job(trial) for trial in (2, 3, 4)] if idle == 2 else [], 2 - idle)
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert idle >= 2
