"""Jobs and workers of a Ray cluster, with an object in place of the module ray."""

import random
import threading
import types
from dataclasses import replace

import numpy as np
import pytest

from ganinv_cli.engine import ray_cluster
from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.engine.ray_cluster import RayCluster, choose_gpus
from ganinv_cli.engine.ray_worker import RayWorker
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.jobs import Job
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.machine import Machine

JOBS = [Job(trial) for trial in range(50)]
CONFIG = RecoverConfig(engine="ray", batch_size=8)


class DiedError(Exception):
    """In place of ray.exceptions.RayError."""


class TaskError(DiedError):
    """In place of ray.exceptions.RayTaskError."""

    cause = GaninvError("the task cannot run")


class Ray:
    """In place of the module ray: calls are answered at once, and `wait` returns any of them."""

    exceptions = types.SimpleNamespace(RayError=DiedError, RayTaskError=TaskError)

    def __init__(self, dying: int = 0, error: Exception | None = None) -> None:
        self.dying = dying  # actors that die when they are to work
        self.error = error or DiedError("out of memory")  # with which they die
        self.random = random.Random(0)
        self.assigned: list[int] = []  # jobs in each call
        self._answers: list[object] = []

    def put(self, value: object) -> object:
        return [value]  # another object each time, as a reference is

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def available_resources(self) -> dict[str, float]:
        return {"CPU": 1.0}

    def kill(self, actor: object) -> None:
        pass

    def remote(self, kind: type) -> object:
        actor = types.SimpleNamespace(remote=lambda *_: Actor(self))
        return types.SimpleNamespace(options=lambda **_: actor)

    def answer(self, value: object) -> int:
        self._answers.append(value)
        return len(self._answers) - 1

    def wait(self, calls: list[int], timeout: float) -> tuple[list[int], list[int]]:
        return [self.random.choice(calls)], []

    def get(self, call: int) -> object:
        if isinstance(answer := self._answers[call], Exception):
            raise answer
        return answer


class Actor:
    """A worker that squares trial numbers; a call completes some of the jobs of earlier calls."""

    def __init__(self, ray: Ray) -> None:
        self._ray, self._dead = ray, False
        self._jobs: list[Job] = []
        self.start = types.SimpleNamespace(remote=lambda *_: ray.answer(Machine("CPU")))
        self.work = types.SimpleNamespace(remote=lambda *given: ray.answer(self._work(*given)))

    def _work(self, task: object, jobs: list[Job], remaining: int) -> object:
        self._ray.assigned.append(len(jobs))
        if self._ray.dying and not self._dead:
            self._ray.dying -= 1
            self._dead = True
        if self._dead:
            return self._ray.error
        self._jobs += jobs
        count = self._ray.random.randint(0 if remaining else len(self._jobs), len(self._jobs))
        done, self._jobs = self._jobs[:count], self._jobs[count:]
        rows = {"none": {"square": np.array([job.trial**2 for job in done])}}
        return [WorkerResult(Counts(len(done), seconds=1.0), done, rows, 8)]


def _open(ray: Ray, config: RecoverConfig = CONFIG, say=lambda sentence: None) -> RayCluster:
    return RayCluster(ray, config, SPEC, say)  # type: ignore[arg-type]


TASK = object()


class _Spec:
    def build(self) -> None:
        """Build nothing."""


SPEC = _Spec()


@pytest.mark.parametrize("dying", [0, 2])
def test_each_job_is_completed_once_and_has_its_own_rows(dying):
    results = list(_open(Ray(dying)).run(TASK, JOBS, threading.Event()))
    assert sorted(job for result in results for job in result.jobs) == JOBS
    for result in results:
        squares = [job.trial**2 for job in result.jobs]
        assert result.rows["none"]["square"].tolist() == squares
    assert results[-1].counts.seconds == 0.5  # of two workers


@pytest.mark.parametrize("jobs", [JOBS[:1], JOBS])
def test_workers_that_die_again_and_again_end_the_run(jobs):
    with pytest.raises(
        GaninvError, match=r"3 workers ended while they had trial \d.*out of memory"
    ):
        list(_open(Ray(dying=99)).run(TASK, jobs, threading.Event()))


def test_an_error_of_the_task_is_raised():
    with pytest.raises(GaninvError, match="the task cannot run"):
        list(_open(Ray(99, TaskError())).run(TASK, JOBS, threading.Event()))


def test_workers_get_a_batch_and_as_much_ahead_and_less_towards_the_end():
    ray = Ray()
    list(_open(ray).run(TASK, [Job(trial) for trial in range(1000)], threading.Event()))
    assert ray.assigned[0] == 16
    ray = Ray()
    list(_open(ray).run(TASK, JOBS[:20], threading.Event()))
    assert max(ray.assigned) <= 10


def test_a_stopped_run_ends_with_the_answers_that_come(monkeypatch):
    monkeypatch.setattr(ray_cluster, "STOP_SECONDS", 0.2)
    monkeypatch.setattr(ray_cluster, "ANSWER_SECONDS", 0.1)
    ray, stop = Ray(), threading.Event()
    results = _open(ray).run(TASK, [Job(trial) for trial in range(1000)], stop)
    next(results)
    stop.set()
    calls = len(ray.assigned)
    assert list(results)
    assert len(ray.assigned) == calls


def test_missing_resources_are_said():
    said: list[str] = []
    _open(Ray(), replace(CONFIG, cpus_per_worker=2), said.append)
    assert said == [
        "waiting for a worker: it needs 2 CPU and 0 GPU, and less is free on the Ray cluster"
    ]
    with pytest.raises(UsageError, match="a worker needs 3 CPU and 0 GPU, and the Ray cluster has"):
        _open(Ray(), replace(CONFIG, cpus_per_worker=3))


@pytest.mark.parametrize(
    ("device", "per_worker", "of_cluster", "chosen"),
    [
        *[("auto", -1, 0, 0), ("auto", -1, 2, 1), ("cpu", -1, 2, 0), ("gpu", 0.5, 2, 0.5)],
        *[("auto", 0, 2, 0), ("gpu", -1, 0, 1)],
        *[("cpu", 1, 2, None), ("gpu", 0, 2, None), ("gpu:0", -1, 2, None), ("auto", 2, 2, None)],
    ],
)
def test_a_worker_gets_a_gpu_if_there_is_one(device, per_worker, of_cluster, chosen):
    config = replace(CONFIG, device=device, gpus_per_worker=per_worker)
    if chosen is None:
        with pytest.raises(UsageError, match="give auto, cpu or gpu, and at most 1 GPU"):
            choose_gpus(config, {"GPU": of_cluster})
    else:
        assert choose_gpus(config, {"GPU": of_cluster}) == chosen


def test_another_version_of_ganinv_is_refused():
    with pytest.raises(GaninvError, match=r"has ganinv .*, and this is 0\.0; install the same"):
        RayWorker(1, False).start("0.0", "float32", b"")
