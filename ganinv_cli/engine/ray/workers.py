"""The workers on a cluster: made, greeted, called, and replaced where one is lost."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from ganinv_cli.engine.engine import GeneratorSpec
from ganinv_cli.engine.ray import resources
from ganinv_cli.engine.ray.resources import WorkerResources
from ganinv_cli.engine.ray.worker import Answer, ItemResult, Worker, WorkerInfo, get_versions
from ganinv_cli.errors import GaninvError

RESOURCE_CHECK_SECONDS = 5.0  # between two looks at what the cluster has
ANSWER_SECONDS = 0.5  # that an interruption waits, at most
NO_WORKER_SECONDS = 10.0  # before it is said that no worker has come
MAX_FAILURES = 3  # of a worker and of those that replaced it, while nobody got anything done


class WorkerLost(NamedTuple):
    """What became of a worker."""

    reason: str


class _Member:
    def __init__(self, number: int, slot: int, actor: Any) -> None:
        self.number, self.slot, self.actor = number, slot, actor
        self.ready = False
        self.task_reference: Any = None  # the reference of what it was told to begin
        self.pending_calls = 0  # not answered yet


class Workers:
    """Workers by number; one that replaces another has a number of its own."""

    def __init__(
        self,
        ray: Any,
        spec: GeneratorSpec,
        worker_resources: WorkerResources,
        count: int,
        start_arguments: tuple[str, str],
        notify: Callable[[str], None],
    ) -> None:
        """So many workers, 0: as many as there is room for; `greeting` goes to each `hello`."""
        self._ray, self._worker_resources, self._requested = ray, worker_resources, count
        self._spec = ray.put(spec)
        self._start_arguments, self._notify = start_arguments, notify
        self._actor_class = ray.remote(Worker).options(
            num_cpus=worker_resources.cpus,
            num_gpus=worker_resources.gpus,
            max_restarts=0,
            max_task_retries=0,
        )
        self._members: dict[int, _Member] = {}
        self._pending_calls: dict[Any, int] = {}  # oldest first
        self._failures: Counter[int] = Counter()  # of slots
        self._next_number = 0
        self._last_check = -RESOURCE_CHECK_SECONDS
        self._last_ready = time.monotonic()  # a worker that is ready
        self._versions, self._reported_nodes = get_versions(), set[str]()
        self.expected = 1  # workers there is room for, of those that are asked for
        self.start_missing()

    @property
    def ready(self) -> list[int]:
        """Those that can work."""
        return [number for number, member in self._members.items() if member.ready]

    def count_pending_calls(self, number: int) -> int:
        """How many a worker has not answered."""
        return self._members[number].pending_calls

    def wait_for_first(self) -> WorkerInfo:
        """What the first worker that is ready says; waits for it."""
        while not isinstance(info := self.receive_answer()[1], WorkerInfo):
            pass
        return info

    def call(self, number: int, method: str, *arguments: Any) -> None:
        """Have a worker do something; `answer` will tell."""
        self._call(self._members[number], method, *arguments)

    def set_task(self, number: int, task_reference: Any) -> None:
        """Have it begin with a task, of which this is a reference, where it has not."""
        member = self._members[number]
        if member.task_reference is not task_reference:
            member.task_reference = task_reference
            self._call(member, "set_task", task_reference)

    def discard_pending_calls(self) -> None:
        """Of those that are ready, what they have not answered."""
        for member in self._members.values():
            if member.ready:
                self._pending_calls = {
                    r: n for r, n in self._pending_calls.items() if n != member.number
                }
                member.pending_calls = 0

    def receive_answer(self, seconds: float = ANSWER_SECONDS) -> tuple[int, Answer | WorkerLost]:
        """What a worker says next, and which; None where none says anything within so long.

        Raises GaninvError where a worker did, and where the cluster is lost.
        """
        errors = self._ray.exceptions
        try:
            self._warn_without_workers()
            return self._receive_answer(seconds)
        except errors.RayTaskError:
            raise  # a bug of ours
        except (errors.RayError, ConnectionError) as error:
            self._members.clear()  # out of reach
            raise GaninvError(
                f"the Ray cluster is lost ({_summarise_error(error)}); the same command goes on "
                "when it is "
                "there again"
            ) from error

    def start_missing(self) -> None:
        """Make the workers that are missing; now and then look whether there is more room."""
        if time.monotonic() - self._last_check >= RESOURCE_CHECK_SECONDS:
            self._last_check = time.monotonic()
            capacity = resources.count_workers_that_fit(self._ray.nodes(), self._worker_resources)
            self.expected = max(1, min(self._requested or capacity, capacity))
            self._target_count = self._requested or capacity
        used_slots = {member.slot for member in self._members.values()}
        for slot in range(self._target_count):
            if slot not in used_slots:
                self._start_worker(slot)

    def stop(self) -> None:
        """End all workers."""
        for member in self._members.values():
            self._ray.kill(member.actor)
        self._members.clear()
        self._pending_calls.clear()

    def _receive_answer(self, seconds: float) -> tuple[int, Answer | WorkerLost]:
        self.start_missing()
        if not self._pending_calls:
            time.sleep(seconds)
            return -1, None
        ready, _ = self._ray.wait(list(self._pending_calls), timeout=seconds)
        if not ready:
            return -1, None
        number = self._pending_calls[ready[0]]
        # it answers in the order of its calls, and Ray tells of any of them
        oldest = next(call for call, caller in self._pending_calls.items() if caller == number)
        del self._pending_calls[oldest]
        member = self._members[number]
        member.pending_calls -= 1
        try:
            answer = self._ray.get(oldest)
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as error:
            return number, self._remove_worker(member, error)
        if isinstance(answer, GaninvError):
            raise answer
        if isinstance(answer, WorkerInfo):
            self._accept_worker(member, answer)
        elif isinstance(answer, ItemResult) or any(done.jobs for done in answer or ()):
            self._failures.clear()
        return number, answer

    def _start_worker(self, slot: int) -> None:
        gpu = self._worker_resources.gpus > 0
        member = _Member(
            self._next_number, slot, self._actor_class.remote(self._worker_resources.cpus, gpu)
        )
        self._members[self._next_number] = member
        self._call(member, "start", *self._start_arguments)
        self._next_number += 1

    def _call(self, member: _Member, method: str, *arguments: Any) -> None:
        member.pending_calls += 1
        self._pending_calls[getattr(member.actor, method).remote(*arguments)] = member.number

    def _accept_worker(self, member: _Member, info: WorkerInfo) -> None:
        for name, ours in self._versions.items():
            theirs = info.versions[name]
            if name == "ganinv" and theirs != ours:
                raise GaninvError(
                    f"{info.node} has ganinv {theirs}, and this is {ours}; install the same on "
                    "every node of the cluster"
                )
            if (
                theirs.split(".")[:2] != ours.split(".")[:2]
                and info.node not in self._reported_nodes
            ):
                self._reported_nodes.add(info.node)
                self._notify(f"{info.node} has {name} {theirs}, and this is {ours}; it is used")
        member.ready = True
        self._call(member, "build_generator", self._spec)

    def _remove_worker(self, member: _Member, error: Exception) -> WorkerLost:
        """Forget it; raises GaninvError where its slot is lost again and again."""
        del self._members[member.number]
        self._pending_calls = {
            ref: n for ref, n in self._pending_calls.items() if n != member.number
        }
        self._ray.kill(member.actor)  # it may only be out of reach
        self._failures[member.slot] += 1
        reason = _summarise_error(error)
        if self._failures[member.slot] >= MAX_FAILURES:
            raise GaninvError(
                f"{MAX_FAILURES} workers ended before they got anything done: {reason}"
            )
        return WorkerLost(reason)

    def _warn_without_workers(self) -> None:
        """Say so where there has been no worker for a while."""
        if self.ready:
            self._last_ready = time.monotonic()
        elif time.monotonic() - self._last_ready > NO_WORKER_SECONDS:
            self._last_ready = float("inf")  # said once, until there is one again
            self._notify(self._describe_shortage())

    def _describe_shortage(self) -> str:
        free = self._ray.available_resources()
        gpus = f" and {self._worker_resources.gpus:g} GPU" if self._worker_resources.gpus else ""
        return (
            f"there is no worker: each asks for {self._worker_resources.cpus} CPU{gpus}, and the "
            "cluster "
            f"has {free.get('CPU', 0):g} CPU and {free.get('GPU', 0):g} GPU free; waiting"
        )


def _summarise_error(error: Exception) -> str:
    """The first sentence of the last line, where Ray says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(". ")[0].rstrip(".") if lines else type(error).__name__
