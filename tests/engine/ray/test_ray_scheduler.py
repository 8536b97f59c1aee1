"""What the workers of a cluster are dealt: each job done once, whoever is lost."""

import random
from collections.abc import Iterator

import pytest

from ganinv_cli.engine.ray.map import OrderedMap
from ganinv_cli.engine.ray.scheduler import MAX_LOSSES, Scheduler
from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Job


class Jobs:
    """Some, named one by one."""

    def __init__(self, count: int) -> None:
        self.count, self.named = count, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Job]:
        for number in range(self.count):
            self.named += 1
            yield Job(number, "none")


class Worker:
    """Does some of its jobs at every call."""

    def __init__(self, ledger: Scheduler, number: int) -> None:
        self.ledger, self.number = ledger, number
        self.jobs: list[Job] = []
        self.more = 0

    def ask(self) -> int:
        """How many it got."""
        portion = self.ledger.assign_jobs(self.number)
        self.jobs += portion.jobs
        self.more = portion.remaining
        return len(portion.jobs)

    def hand_in(self, count: int, batch: int = 0) -> list[Job]:
        done, self.jobs = self.jobs[:count], self.jobs[count:]
        self.ledger.complete_jobs(self.number, done, batch)
        return done


def test_each_job_is_done_once_whoever_is_lost_and_comes():
    random_ = random.Random(0)
    ledger = Scheduler(Jobs(5000), 8, 3)
    workers = [Worker(ledger, number) for number in range(3)]
    done: list[Job] = []
    made = 3
    while not ledger.finished:
        worker = random_.choice(workers)
        worker.ask()
        if random_.random() < 0.005:
            ledger.remove_worker(worker.number, "it fell")
            workers.remove(worker)
            workers.append(Worker(ledger, made))
            made += 1
            continue
        done += worker.hand_in(random_.randint(0, 6))
    assert made > 5
    assert sorted(done) == [Job(number, "none") for number in range(5000)]


def test_what_a_lost_worker_held_comes_first():
    ledger = Scheduler(Jobs(100), 4, 2)
    first, second = Worker(ledger, 0), Worker(ledger, 1)
    assert first.ask() and second.ask()
    held = first.jobs
    ledger.remove_worker(0, "it fell")
    third = Worker(ledger, 2)
    third.ask()
    assert third.jobs[: len(held)] == held


def test_a_worker_has_a_batch_and_another_ahead():
    ledger = Scheduler(Jobs(10_000), 64, 2)
    worker = Worker(ledger, 0)
    assert worker.ask() == 128
    assert worker.ask() == 0
    worker.hand_in(10)
    assert worker.ask() == 10


def test_a_worker_whose_batch_grew_has_more_ahead():
    ledger = Scheduler(Jobs(10_000), 64, 1)
    worker = Worker(ledger, 0)
    worker.ask()
    worker.hand_in(0, batch=128)
    worker.ask()
    assert len(worker.jobs) == 256


def test_a_fast_worker_has_more_ahead():
    ledger = Scheduler(Jobs(10_000), 4, 1)
    worker = Worker(ledger, 0)
    worker.ask()
    for _ in range(6):
        worker.hand_in(len(worker.jobs))
        worker.ask()
    assert len(worker.jobs) > 64


def test_few_jobs_are_shared_out():
    ledger = Scheduler(Jobs(20), 64, 2)
    first, second = Worker(ledger, 0), Worker(ledger, 1)
    assert (first.ask(), second.ask()) == (10, 10)
    assert ledger.unassigned == 0


def test_towards_the_end_nobody_hoards():
    ledger = Scheduler(Jobs(1000), 8, 2)
    workers = [Worker(ledger, number) for number in range(2)]
    ahead = []
    while ledger.unassigned:
        for worker in workers:
            worker.ask()
            ahead.append(len(worker.jobs) - 8)
            worker.hand_in(2)
    assert max(ahead) >= 8
    assert max(ahead[-4:]) <= 2


def test_a_worker_that_does_twice_as_much_gets_twice_as_much():
    ledger = Scheduler(Jobs(3000), 8, 2)
    slow, fast = Worker(ledger, 0), Worker(ledger, 1)
    counts = [0, 0]
    while ledger.unassigned:
        for worker, speed in ((slow, 1), (fast, 2)):
            worker.ask()
            done = worker.hand_in(speed)
            counts[worker.number] += len(done)
    assert counts[1] == pytest.approx(2 * counts[0], rel=0.02)
    assert abs(len(fast.jobs) - len(slow.jobs)) <= 8


def test_more_are_to_be_expected_as_long_as_any_waits():
    ledger = Scheduler(Jobs(30), 4, 1)
    worker = Worker(ledger, 0)
    while ledger.unassigned:
        worker.ask()
        assert (worker.more > 0) == (ledger.unassigned > 0)
        worker.hand_in(3)
    worker.ask()
    assert worker.more == 0
    assert not ledger.finished
    ledger.remove_worker(0, "it fell")
    late = Worker(ledger, 1)
    while late.ask():
        late.hand_in(99)
    assert ledger.finished


def test_jobs_are_named_as_they_are_dealt():
    jobs = Jobs(1_000_000)
    ledger = Scheduler(jobs, 64, 1)
    ledger.assign_jobs(0)
    assert jobs.named == 128


def test_jobs_that_are_lost_again_and_again_are_named():
    ledger = Scheduler(Jobs(5), 4, 1)
    for number in range(MAX_LOSSES - 1):
        Worker(ledger, number).ask()
        ledger.remove_worker(number, "its memory ran out")
    Worker(ledger, MAX_LOSSES).ask()
    with pytest.raises(GaninvError, match="trials 0, 1, 2 and 2 more: its memory ran out"):
        ledger.remove_worker(MAX_LOSSES, "its memory ran out")


def test_answers_come_in_the_order_of_the_questions_whoever_is_lost():
    asking = OrderedMap(enumerate("abcde"))
    assert [asking.assign_next(0), asking.assign_next(0), asking.assign_next(1)] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]
    asking.add_result(1, "C")
    assert list(asking.pop_ordered_results()) == []
    asking.remove_worker(0, "it fell")
    for answer in "ABDE":
        assert asking.assign_next(2)
        asking.add_result(2, answer)
    assert not asking.finished
    assert asking.assign_next(2) is None
    assert asking.finished
    assert list(asking.pop_ordered_results()) == list("ABCDE")


def test_a_worker_that_held_nothing_is_lost_without_a_word():
    ledger = Scheduler(Jobs(5), 4, 1)
    ledger.remove_worker(7, "it fell")
    assert ledger.unassigned == 5
