"""Answers of Ray actors are matched with their workers, and lost workers are replaced."""

import random
import types

import numpy as np
import pytest

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.engine.ray import resources, workers
from ganinv_cli.engine.ray.cluster import RayCluster
from ganinv_cli.engine.ray.worker import WorkerInfo, get_versions
from ganinv_cli.engine.ray.workers import Workers
from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Job
from ganinv_cli.settings.machine import Machine

JOBS = [Job(trial, "none") for trial in range(50)]


class DiedError(Exception):
    """In place of ray.exceptions.RayError."""


class Ray:
    """In place of the module ray: calls are answered at once, and `wait` returns any of them."""

    exceptions = types.SimpleNamespace(
        RayError=DiedError, RayTaskError=type("Task", (DiedError,), {})
    )

    def __init__(self, dying: int = 0) -> None:
        self.dying = dying  # actors that die when they are to work
        self.random = random.Random(0)
        self._answers: dict[int, object] = {}

    def put(self, value: object) -> object:
        return value

    def nodes(self) -> list[dict[str, object]]:
        return [{"Alive": True, "Resources": {"CPU": 2.0}}]

    def available_resources(self) -> dict[str, float]:
        return {}

    def kill(self, actor: object) -> None:
        pass

    def remote(self, kind: type) -> "Ray":
        return self

    def options(self, **_: object) -> "Ray":
        return types.SimpleNamespace(remote=lambda *_: Actor(self))  # type: ignore[return-value]

    def add_answer(self, answer: object) -> int:
        self._answers[len(self._answers)] = answer
        return len(self._answers) - 1

    def wait(self, calls: list[int], timeout: float) -> tuple[list[int], list[int]]:
        chosen = self.random.choice(calls)
        return [chosen], [call for call in calls if call != chosen]

    def get(self, call: int) -> object:
        answer = self._answers[call]
        if isinstance(answer, DiedError):
            raise answer
        return answer


class Actor:
    """A worker that squares trial numbers; a call completes some of the jobs of earlier calls."""

    def __init__(self, ray: Ray) -> None:
        self._ray, self._dead = ray, False
        self._jobs: list[Job] = []

    def __getattr__(self, name: str) -> object:
        return types.SimpleNamespace(
            remote=lambda *given: self._ray.add_answer(self._answer(name, given))
        )

    def _answer(self, name: str, given: tuple[object, ...]) -> object:
        if name == "start":
            return WorkerInfo("node", Machine("CPU"), get_versions())
        if name != "work":
            return None
        if self._ray.dying and not self._dead:
            self._ray.dying -= 1
            self._dead = True
        if self._dead:
            return DiedError("out of memory")
        jobs, remaining = given
        self._jobs += jobs  # type: ignore[arg-type]
        count = self._ray.random.randint(0 if remaining else len(self._jobs), len(self._jobs))
        done, self._jobs = self._jobs[:count], self._jobs[count:]
        rows = {"none": {"square": np.array([job.trial**2 for job in done])}}
        return [WorkerResult(Counts(len(done)), done, rows, 8)]


def _run(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> list[WorkerResult]:
    monkeypatch.setattr(workers.time, "sleep", lambda seconds: None)
    members = Workers(
        ray,
        None,  # type: ignore[arg-type]
        resources.WorkerResources(1, 0),
        2,
        ("auto",),
        lambda sentence: None,
    )
    spec = types.SimpleNamespace(build=lambda: None)
    return list(RayCluster(ray, members, spec, 8).run(None, JOBS))  # type: ignore[arg-type]


@pytest.mark.parametrize("dying", [0, 2])
def test_each_job_is_run_once_and_has_its_own_rows(monkeypatch, dying):
    results = _run(Ray(dying), monkeypatch)
    assert sorted(job for result in results for job in result.jobs) == JOBS
    for result in results:
        squares = [job.trial**2 for job in result.jobs]
        assert result.rows["none"]["square"].tolist() == squares


def test_workers_that_die_again_and_again_end_the_run(monkeypatch):
    with pytest.raises(GaninvError, match="workers ended"):
        _run(Ray(dying=99), monkeypatch)
