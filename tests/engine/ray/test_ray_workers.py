"""Which worker an answer is from, and to what, however Ray tells of it."""

import random
import types

import pytest

from ganinv_cli.engine.ray import resources, workers
from ganinv_cli.engine.ray.cluster import RayCluster
from ganinv_cli.engine.ray.worker import ItemResult, WorkerInfo, get_versions
from ganinv_cli.engine.ray.workers import Workers
from ganinv_cli.errors import GaninvError
from ganinv_cli.settings.machine import Machine


class DiedError(Exception):
    """As Ray's own."""


class Ray:
    """Calls are answered at once, and `wait` names any of those that are ready."""

    exceptions = types.SimpleNamespace(
        RayError=DiedError, RayTaskError=type("Task", (DiedError,), {})
    )

    def __init__(self, dying: int = 0) -> None:
        self.dying = dying  # how many workers do not survive being asked
        self._random = random.Random(0)
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

    def said(self, answer: object) -> int:
        self._answers[len(self._answers)] = answer
        return len(self._answers) - 1

    def wait(self, calls: list[int], timeout: float) -> tuple[list[int], list[int]]:
        chosen = self._random.choice(calls)
        return [chosen], [call for call in calls if call != chosen]

    def get(self, call: int) -> object:
        answer = self._answers[call]
        if isinstance(answer, Exception) and not isinstance(answer, GaninvError):
            raise answer
        return answer


class Actor:
    """A worker that squares."""

    def __init__(self, ray: Ray) -> None:
        self._ray = ray
        self._dies = False

    def __getattr__(self, name: str) -> object:
        return types.SimpleNamespace(remote=lambda *given: self._ray.said(self._does(name, given)))

    def _does(self, name: str, given: tuple[object, ...]) -> object:
        if name == "start":
            return WorkerInfo("node", Machine("CPU"), get_versions())
        if name != "apply":
            return None
        if self._ray.dying and not self._dies:
            self._ray.dying -= 1
            self._dies = True
        return DiedError("out of memory") if self._dies else ItemResult(given[1] ** 2)  # type: ignore[operator]


def _cluster(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> RayCluster:
    monkeypatch.setattr(workers.time, "sleep", lambda seconds: None)
    crew = Workers(
        ray, None, resources.WorkerResources(1, 0), 2, ("auto", "lbfgs"), lambda said: None
    )  # type: ignore[arg-type]
    recipe = types.SimpleNamespace(made=lambda: None)
    return RayCluster(ray, crew, recipe, 8)  # type: ignore[arg-type]


def _squared(generator: object, item: int) -> int:
    raise AssertionError("it is the workers who are asked")


@pytest.mark.parametrize("dying", [0, 2])
def test_answers_belong_to_what_was_asked(monkeypatch, dying):
    found = _cluster(Ray(dying), monkeypatch).map(_squared, range(50))
    assert list(found) == [item**2 for item in range(50)]


def test_workers_that_die_again_and_again_end_the_run(monkeypatch):
    with pytest.raises(GaninvError, match="workers ended"):
        list(_cluster(Ray(dying=99), monkeypatch).map(_squared, range(50)))
