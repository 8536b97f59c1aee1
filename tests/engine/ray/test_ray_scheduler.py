"""Each job is assigned until it is completed once, whichever workers are lost."""

import random
from collections.abc import Iterator

import pytest

from ganinv_cli.engine.ray.scheduler import MAX_LOSSES, Scheduler
from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Job


class Jobs:
    """Jobs that are read one by one."""

    def __init__(self, count: int) -> None:
        self.count, self.read = count, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Job]:
        for number in range(self.count):
            self.read += 1
            yield Job(number, "none")


class Worker:
    """Completes some of its jobs at every call."""

    def __init__(self, scheduler: Scheduler, number: int) -> None:
        self.scheduler, self.number = scheduler, number
        self.jobs: list[Job] = []
        self.remaining = 0

    def ask(self) -> int:
        """Return how many jobs it got."""
        jobs, self.remaining = self.scheduler.assign_jobs(self.number)
        self.jobs += jobs
        return len(jobs)

    def complete(self, count: int, batch_size: int = 0) -> list[Job]:
        done, self.jobs = self.jobs[:count], self.jobs[count:]
        self.scheduler.complete_jobs(self.number, done, batch_size)
        return done


def test_each_job_is_completed_once_whichever_workers_come_and_go():
    random_ = random.Random(0)
    scheduler = Scheduler(Jobs(5000), 8, 3)
    workers = [Worker(scheduler, number) for number in range(3)]
    done: list[Job] = []
    started = 3
    while not scheduler.is_finished:
        worker = random_.choice(workers)
        worker.ask()
        if random_.random() < 0.005:
            scheduler.remove_worker(worker.number, "it died")
            workers.remove(worker)
            workers.append(Worker(scheduler, started))
            started += 1
            continue
        done += worker.complete(random_.randint(0, 6))
    assert started > 5
    assert sorted(done) == [Job(number, "none") for number in range(5000)]


def test_the_jobs_of_a_lost_worker_are_assigned_first():
    scheduler = Scheduler(Jobs(100), 4, 2)
    first, second = Worker(scheduler, 0), Worker(scheduler, 1)
    assert first.ask() and second.ask()
    held = first.jobs
    scheduler.remove_worker(0, "it died")
    third = Worker(scheduler, 2)
    third.ask()
    assert third.jobs[: len(held)] == held


def test_followers_that_a_worker_runs_are_its_own_until_they_are_completed():
    """And are assigned again if it is lost before."""
    scheduler = Scheduler(Jobs(2), 4, 1)
    worker = Worker(scheduler, 0)
    worker.ask()
    first, second = worker.jobs
    followers = [job._replace(rule="standard") for job in worker.jobs]
    scheduler.complete_jobs(0, [first, followers[0], second], 4, followers)
    assert not scheduler.is_finished
    assert scheduler.count_assigned(0) == 1
    scheduler.remove_worker(0, "it died")
    other = Worker(scheduler, 1)
    other.ask()
    assert other.jobs == [followers[1]]
    other.complete(1)
    assert scheduler.is_finished


def test_a_worker_has_a_batch_and_another_ahead():
    scheduler = Scheduler(Jobs(10_000), 64, 2)
    worker = Worker(scheduler, 0)
    assert worker.ask() == 128
    assert worker.ask() == 0
    worker.complete(10)
    assert worker.ask() == 10


def test_a_worker_whose_batch_grew_has_more_ahead():
    scheduler = Scheduler(Jobs(10_000), 64, 1)
    worker = Worker(scheduler, 0)
    worker.ask()
    worker.complete(0, batch_size=128)
    worker.ask()
    assert len(worker.jobs) == 256


def test_a_fast_worker_has_more_ahead():
    scheduler = Scheduler(Jobs(10_000), 4, 1)
    worker = Worker(scheduler, 0)
    worker.ask()
    for _ in range(6):
        worker.complete(len(worker.jobs))
        worker.ask()
    assert len(worker.jobs) > 64


def test_few_jobs_are_shared_out():
    scheduler = Scheduler(Jobs(20), 64, 2)
    first, second = Worker(scheduler, 0), Worker(scheduler, 1)
    assert (first.ask(), second.ask()) == (10, 10)
    assert scheduler.unassigned_count == 0


def test_workers_get_fewer_jobs_ahead_towards_the_end():
    scheduler = Scheduler(Jobs(1000), 8, 2)
    workers = [Worker(scheduler, number) for number in range(2)]
    ahead = []
    while scheduler.unassigned_count:
        for worker in workers:
            worker.ask()
            ahead.append(len(worker.jobs) - 8)
            worker.complete(2)
    assert max(ahead) >= 8
    assert max(ahead[-4:]) <= 2


def test_a_worker_that_does_twice_as_much_gets_twice_as_much():
    scheduler = Scheduler(Jobs(3000), 8, 2)
    slow, fast = Worker(scheduler, 0), Worker(scheduler, 1)
    counts = [0, 0]
    while scheduler.unassigned_count:
        for worker, speed in ((slow, 1), (fast, 2)):
            worker.ask()
            done = worker.complete(speed)
            counts[worker.number] += len(done)
    assert counts[1] == pytest.approx(2 * counts[0], rel=0.02)
    assert abs(len(fast.jobs) - len(slow.jobs)) <= 8


def test_a_worker_expects_more_jobs_until_all_are_assigned():
    scheduler = Scheduler(Jobs(30), 4, 1)
    worker = Worker(scheduler, 0)
    while scheduler.unassigned_count:
        worker.ask()
        assert (worker.remaining > 0) == (scheduler.unassigned_count > 0)
        worker.complete(3)
    worker.ask()
    assert worker.remaining == 0
    assert not scheduler.is_finished
    scheduler.remove_worker(0, "it died")
    late = Worker(scheduler, 1)
    while late.ask():
        late.complete(99)
    assert scheduler.is_finished


def test_jobs_are_read_as_they_are_assigned():
    jobs = Jobs(1_000_000)
    scheduler = Scheduler(jobs, 64, 1)
    scheduler.assign_jobs(0)
    assert jobs.read == 128


def test_jobs_that_are_lost_again_and_again_are_named():
    scheduler = Scheduler(Jobs(5), 4, 1)
    for number in range(MAX_LOSSES - 1):
        Worker(scheduler, number).ask()
        scheduler.remove_worker(number, "its memory ran out")
    Worker(scheduler, MAX_LOSSES).ask()
    with pytest.raises(GaninvError, match="trials 0, 1, 2 and 2 more: its memory ran out"):
        scheduler.remove_worker(MAX_LOSSES, "its memory ran out")


def test_a_lost_worker_without_jobs_changes_nothing():
    scheduler = Scheduler(Jobs(5), 4, 1)
    scheduler.remove_worker(7, "it died")
    assert scheduler.unassigned_count == 5
