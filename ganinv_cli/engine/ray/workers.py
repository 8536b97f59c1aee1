"""The workers on a cluster: made, greeted, called, and replaced where one is lost."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from ganinv_cli.engine.engine import Recipe
from ganinv_cli.engine.ray import resources
from ganinv_cli.engine.ray.resources import Share
from ganinv_cli.engine.ray.worker import Answer, Found, Hello, Worker, versions
from ganinv_cli.errors import GaninvError

LOOK_SECONDS = 5.0  # between two looks at what the cluster has
WAIT_SECONDS = 0.5  # that an interruption waits, at most
PATIENCE_SECONDS = 10.0  # before it is said that no worker has come
DEATHS = 3  # of a worker and of those that replaced it, while nobody got anything done


class Lost(NamedTuple):
    """What became of a worker."""

    why: str


class _Member:
    def __init__(self, number: int, slot: int, actor: Any) -> None:
        self.number, self.slot, self.actor = number, slot, actor
        self.ready = False
        self.task: Any = None  # the reference of what it was told to begin
        self.calls = 0  # not answered yet


class Crew:
    """Workers by number; one that replaces another has a number of its own."""

    def __init__(
        self,
        ray: Any,
        recipe: Recipe,
        asked: Share,
        workers: int,
        greeting: tuple[str, str],
        say: Callable[[str], None],
    ) -> None:
        """So many workers, 0: as many as there is room for; `greeting` goes to each `hello`."""
        self._ray, self._asked, self._workers = ray, asked, workers
        self._recipe = ray.put(recipe)
        self._greeting, self._say = greeting, say
        self._actor = ray.remote(Worker).options(
            num_cpus=asked.cpus, num_gpus=asked.gpus, max_restarts=0, max_task_retries=0
        )
        self._members: dict[int, _Member] = {}
        self._calls: dict[Any, int] = {}  # oldest first
        self._deaths: Counter[int] = Counter()  # of slots
        self._made = 0
        self._looked = -LOOK_SECONDS
        self._had = time.monotonic()  # a worker that is ready
        self._versions, self._different = versions(), set[str]()
        self.expected = 1  # workers there is room for, of those that are asked for
        self.tend()

    @property
    def ready(self) -> list[int]:
        """Those that can work."""
        return [number for number, member in self._members.items() if member.ready]

    def calls(self, number: int) -> int:
        """How many a worker has not answered."""
        return self._members[number].calls

    def first(self) -> Hello:
        """What the first worker that is ready says; waits for it."""
        while not isinstance(hello := self.answer()[1], Hello):
            pass
        return hello

    def call(self, number: int, method: str, *arguments: Any) -> None:
        """Have a worker do something; `answer` will tell."""
        self._call(self._members[number], method, *arguments)

    def begin(self, number: int, task: Any) -> None:
        """Have it begin with a task, of which this is a reference, where it has not."""
        member = self._members[number]
        if member.task is not task:
            member.task = task
            self._call(member, "begin", task)

    def forget(self) -> None:
        """Of those that are ready, what they have not answered."""
        for member in self._members.values():
            if member.ready:
                self._calls = {r: n for r, n in self._calls.items() if n != member.number}
                member.calls = 0

    def answer(self, seconds: float = WAIT_SECONDS) -> tuple[int, Answer | Lost]:
        """What a worker says next, and which; None where none says anything within so long.

        Raises GaninvError where a worker did, and where the cluster is lost.
        """
        errors = self._ray.exceptions
        try:
            self._wonder()
            return self._answer(seconds)
        except errors.RayTaskError:
            raise  # a bug of ours
        except (errors.RayError, ConnectionError) as error:
            self._members.clear()  # out of reach
            raise GaninvError(
                f"the Ray cluster is lost ({_line(error)}); the same command goes on when it is "
                "there again"
            ) from error

    def tend(self) -> None:
        """Make the workers that are missing; now and then look whether there is more room."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            fitting = resources.room(self._ray.nodes(), self._asked)
            self.expected = max(1, min(self._workers or fitting, fitting))
            self._wanted = self._workers or fitting
        taken = {member.slot for member in self._members.values()}
        for slot in range(self._wanted):
            if slot not in taken:
                self._make(slot)

    def dismiss(self) -> None:
        """End all workers."""
        for member in self._members.values():
            self._ray.kill(member.actor)
        self._members.clear()
        self._calls.clear()

    def _answer(self, seconds: float) -> tuple[int, Answer | Lost]:
        self.tend()
        if not self._calls:
            time.sleep(seconds)
            return -1, None
        ready, _ = self._ray.wait(list(self._calls), timeout=seconds)
        if not ready:
            return -1, None
        number = self._calls[ready[0]]
        # it answers in the order of its calls, and Ray tells of any of them
        oldest = next(call for call, caller in self._calls.items() if caller == number)
        del self._calls[oldest]
        member = self._members[number]
        member.calls -= 1
        try:
            answer = self._ray.get(oldest)
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as error:
            return number, self._lost(member, error)
        if isinstance(answer, GaninvError):
            raise answer
        if isinstance(answer, Hello):
            self._greet(member, answer)
        elif isinstance(answer, Found) or any(done.jobs for done in answer or ()):
            self._deaths.clear()
        return number, answer

    def _make(self, slot: int) -> None:
        gpu = self._asked.gpus > 0
        member = _Member(self._made, slot, self._actor.remote(self._asked.cpus, gpu))
        self._members[self._made] = member
        self._call(member, "hello", *self._greeting)
        self._made += 1

    def _call(self, member: _Member, method: str, *arguments: Any) -> None:
        member.calls += 1
        self._calls[getattr(member.actor, method).remote(*arguments)] = member.number

    def _greet(self, member: _Member, hello: Hello) -> None:
        for name, ours in self._versions.items():
            theirs = hello.versions[name]
            if name == "ganinv" and theirs != ours:
                raise GaninvError(
                    f"{hello.node} has ganinv {theirs}, and this is {ours}; install the same on "
                    "every node of the cluster"
                )
            if theirs.split(".")[:2] != ours.split(".")[:2] and hello.node not in self._different:
                self._different.add(hello.node)
                self._say(f"{hello.node} has {name} {theirs}, and this is {ours}; it is used")
        member.ready = True
        self._call(member, "make", self._recipe)

    def _lost(self, member: _Member, error: Exception) -> Lost:
        """Forget it; raises GaninvError where its slot is lost again and again."""
        del self._members[member.number]
        self._calls = {ref: n for ref, n in self._calls.items() if n != member.number}
        self._ray.kill(member.actor)  # it may only be out of reach
        self._deaths[member.slot] += 1
        why = _line(error)
        if self._deaths[member.slot] >= DEATHS:
            raise GaninvError(f"{DEATHS} workers ended before they got anything done: {why}")
        return Lost(why)

    def _wonder(self) -> None:
        """Say so where there has been no worker for a while."""
        if self.ready:
            self._had = time.monotonic()
        elif time.monotonic() - self._had > PATIENCE_SECONDS:
            self._had = float("inf")  # said once, until there is one again
            self._say(self._scarce())

    def _scarce(self) -> str:
        free = self._ray.available_resources()
        gpus = f" and {self._asked.gpus:g} GPU" if self._asked.gpus else ""
        return (
            f"there is no worker: each asks for {self._asked.cpus} CPU{gpus}, and the cluster "
            f"has {free.get('CPU', 0):g} CPU and {free.get('GPU', 0):g} GPU free; waiting"
        )


def _line(error: Exception) -> str:
    """The first sentence of the last line, where Ray says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(". ")[0].rstrip(".") if lines else type(error).__name__
