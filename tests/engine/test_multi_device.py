"""Workers as threads: every job runs once, and no finished job is lost however the run ends."""

import threading
import time

import conditional
import pytest

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import Counts, GeneratorSpec, WorkerResult
from ganinv_cli.engine.local import MultiDevice
from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Job
from ganinv_cli.settings.machine import Machine

JOBS = [Job(trial, "none") for trial in range(60)]


class Slow:
    """Finishes jobs one by one."""

    def __init__(self, seconds: float = 0.001, failing: int | None = None) -> None:
        self.seconds, self.failing = seconds, failing
        self.threads: set[str] = set()

    def run(self, generator, jobs):
        self.threads.add(threading.current_thread().name)
        try:
            while taken := jobs.take(4):
                for job in taken:
                    time.sleep(self.seconds)
                    if job.trial == self.failing:
                        raise GaninvError("the device is gone")
                    yield WorkerResult(Counts(1, 1, 1.0, 1.0, 1.0), [job])
        except GeneratorExit:
            self.threads.add("closed")
            raise


@pytest.fixture(scope="module")
def engine():
    devices = [Device("cpu", 0) for _ in range(3)]
    return MultiDevice(
        GeneratorSpec(conditional.make_conditional_checkpoint()), devices, Machine("three")
    )


def test_every_job_is_done_once_by_several(engine):
    task = Slow()
    done = list(engine.run(task, JOBS))
    assert sorted(job for each in done for job in each.jobs) == JOBS
    assert len(task.threads) == 3
    assert sum(each.counts.seconds for each in done) == pytest.approx(len(JOBS) / 3)


def test_an_interruption_hands_over_what_had_ended(engine):
    handed = engine.run(Slow(), JOBS)
    done = [next(handed) for _ in range(5)]
    done.append(handed.throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        done.extend(handed)
    jobs = [job for each in done for job in each.jobs]
    assert len(jobs) == len(set(jobs)) > 5


def test_a_run_that_nobody_listens_to_any_more_ends(engine):
    handed = engine.run(Slow(), JOBS)
    next(handed)
    handed.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("device")]


def test_what_ends_one_worker_is_raised_when_the_others_are_done(engine):
    done = []
    with pytest.raises(GaninvError, match="the device is gone"):
        for each in engine.run(Slow(failing=9), JOBS):
            done += each.jobs
    assert len(done) == len(set(done)) >= len(JOBS) - 4
    assert Job(9, "none") not in done
