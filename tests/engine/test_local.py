"""Workers as threads: every job runs once, and no finished job is lost however the run ends."""

import threading
import time

import conditional
import pytest

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.engine.local import LocalEngine
from ganinv_cli.errors import GaninvError
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.jobs import Job
from ganinv_cli.progress.measurements import count_steps, show_measurements
from ganinv_cli.settings.machine import Machine

JOBS = [Job(trial) for trial in range(60)]


class Slow:
    """A task that finishes jobs one by one, and keeps those that it took until it is stopped."""

    def __init__(self) -> None:
        self.workers: set[int] = set()
        self.finished = 0

    def run(self, generator, jobs, worker):
        self.workers.add(worker)
        while not jobs.is_stopped and (taken := jobs.take(4)):
            for job in taken:
                time.sleep(0.001)
                self.finished += 1
                yield WorkerResult(Counts(1, 1, 1.0, 1.0), [job])
        if jobs.is_stopped:
            yield WorkerResult(Counts(), [Job(1000 + worker)])


@pytest.fixture(scope="module", params=[1, 3])
def engine(request):
    definition = conditional.make_conditional_definition()
    devices = [Device("cpu", 0)] * request.param
    return LocalEngine(lambda _: make_generator(definition), devices, Machine("CPU"))


def test_every_job_is_done_once_by_all_workers(engine):
    task = Slow()
    results = list(engine.run(task, JOBS, threading.Event()))
    assert sorted(job for each in results for job in each.jobs) == JOBS
    assert task.workers == set(range(engine.workers))
    assert sum(each.counts.seconds for each in results) == pytest.approx(len(JOBS) / engine.workers)


def test_workers_show_how_far_their_measurements_are(engine):
    class Measurement(Slow):
        def run(self, generator, jobs, worker):
            list(count_steps("ab", f"worker {worker}, {{}}"))
            yield from super().run(generator, jobs, worker)

    shown = []
    with show_measurements(shown.append):
        list(engine.run(Measurement(), JOBS, threading.Event()))
    workers = range(engine.workers)
    assert sorted(shown) == [f"worker {worker}, {n}/2" for worker in workers for n in (1, 2)]


def test_a_stopped_run_hands_over_what_every_worker_has(engine):
    stop = threading.Event()
    results = engine.run(Slow(), JOBS, stop)
    done = [next(results) for _ in range(5)]
    stop.set()
    done.extend(results)
    jobs = [job for each in done for job in each.jobs]
    assert len(jobs) == len(set(jobs)) < len(JOBS)
    assert sum(job.trial >= 1000 for job in jobs) == engine.workers


def test_a_run_that_is_closed_ends_its_threads(engine):
    task = Slow()
    results = engine.run(task, JOBS, threading.Event())
    next(results)
    results.close()
    assert task.finished < len(JOBS) - 10
    assert not [each for each in threading.enumerate() if each.name.startswith("device")]


class OneFails:
    """A task of which a worker fails, and the others go on until they are stopped."""

    def __init__(self, failing: int) -> None:
        self.failing = failing

    def run(self, generator, jobs, worker):
        if worker == self.failing:
            raise GaninvError("the device is gone")
        end = time.monotonic() + 60
        while not jobs.is_stopped and time.monotonic() < end:
            yield WorkerResult(Counts())
        if jobs.is_stopped:
            yield WorkerResult(Counts(), [Job(1000 + worker)])


def test_an_error_of_a_worker_stops_the_others_and_is_raised_with_what_they_had(engine):
    done = []
    with pytest.raises(GaninvError, match="the device is gone"):
        for each in engine.run(OneFails(engine.workers - 1), JOBS, threading.Event()):
            done += each.jobs
    assert sorted(done) == [Job(1000 + worker) for worker in range(engine.workers - 1)]
