"""The workers of a Ray cluster as Ray actors: created, called, and replaced when they are lost."""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from ganinv_cli.engine.engine import GeneratorSpec
from ganinv_cli.engine.ray import resources
from ganinv_cli.engine.ray.resources import WorkerResources
from ganinv_cli.engine.ray.worker import Answer, Worker, WorkerInfo, get_versions
from ganinv_cli.errors import GaninvError

RESOURCE_CHECK_SECONDS = 5.0  # between two checks of what the cluster has
ANSWER_SECONDS = 0.5  # longest wait for an answer; an interruption takes effect after it
NO_WORKER_SECONDS = 10.0  # without a worker, before the user is notified
MAX_FAILURES = 3  # losses of the workers in one slot, while no worker finishes a job

# Ray's own restarts and retries are off. The jobs of a worker are in flight over several calls, so
# a call that Ray repeats would not find them in the new process. With unlimited restarts, a process
# that dies at once is restarted without end and its calls never return; a limit counts the restarts
# of the whole run, so that a long run on preemptible nodes would end. And a call to an actor that
# Ray restarts fails with "RPC error", not with the reason, e.g. that the node's memory ran out.
RESTART_OPTIONS = {"max_restarts": 0, "max_task_retries": 0}


class WorkerLost(NamedTuple):
    """Takes the place of an answer if a worker's process or node has died."""

    reason: str


class WorkerHandle:
    """An actor handle, with the calls that have no answer yet."""

    def __init__(self, slot: int, actor: Any) -> None:
        self.slot, self.actor = slot, actor
        self.ready = False  # TensorFlow has started and the versions match
        self.calls: deque[Any] = deque()  # ObjectRefs, oldest first
        self._task: Any = None  # ObjectRef

    def call(self, method: Callable[..., Answer], *arguments: Any) -> None:
        """Call a method of `Worker`; `Workers.receive_answer` returns the answer."""
        self.calls.append(getattr(self.actor, method.__name__).remote(*arguments))

    def set_task(self, task: Any) -> None:
        """Set the task, an ObjectRef, unless it is set already."""
        if self._task is not task:
            self._task = task
            self.call(Worker.set_task, task)


class Workers:
    """One worker per slot; as many slots as are requested, or as the cluster has capacity for."""

    def __init__(
        self,
        ray: Any,
        spec: GeneratorSpec,
        worker_resources: WorkerResources,
        count: int,
        start_arguments: tuple[str],
        notify: Callable[[str], None],
    ) -> None:
        """Create the workers; `count` 0: as many as there is capacity for.

        `start_arguments` are those of `Worker.start`; `notify` shows the user a sentence.
        """
        self._ray, self._worker_resources, self._requested = ray, worker_resources, count
        self._spec = ray.put(spec)
        self._start_arguments, self._notify = start_arguments, notify
        self._actor_class = ray.remote(Worker).options(
            num_cpus=worker_resources.cpus, num_gpus=worker_resources.gpus, **RESTART_OPTIONS
        )
        self._workers: dict[int, WorkerHandle] = {}  # by slot
        self._failures: Counter[int] = Counter()  # by slot
        self._slots, self._last_check = 0, -RESOURCE_CHECK_SECONDS
        self._last_ready = time.monotonic()
        self._versions, self._reported_nodes = get_versions(), set[str]()
        self.expected = 1  # workers that will be ready, if the cluster is idle
        self._start_missing()

    @property
    def ready(self) -> list[WorkerHandle]:
        """The workers that can be called."""
        return [worker for worker in self._workers.values() if worker.ready]

    def wait_for_first(self) -> WorkerInfo:
        """Wait until a worker is ready and return what it is."""
        while True:
            answered = self.receive_answer()
            if answered and isinstance(answered[1], WorkerInfo):
                return answered[1]

    def discard_calls(self) -> None:
        """Ignore the answers to all calls of the workers that are ready."""
        for worker in self.ready:
            worker.calls.clear()

    def receive_answer(
        self, seconds: float = ANSWER_SECONDS
    ) -> tuple[WorkerHandle, Answer | WorkerLost] | None:
        """Return the next answer and its worker; None if there is none within `seconds`.

        Raises GaninvError if the answer is one, if workers die again and again, and if the cluster
        is lost.
        """
        errors = self._ray.exceptions
        try:
            self._warn_without_workers()
            self._start_missing()
            return self._receive_answer(seconds)
        except errors.RayTaskError:
            raise  # a bug in ganinv
        except (errors.RayError, ConnectionError) as error:
            self._workers.clear()  # they cannot be reached
            raise GaninvError(
                f"the Ray cluster is lost ({_summarise_error(error)}); the same command goes on "
                "when it is there again"
            ) from error

    def stop(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            self._ray.kill(worker.actor)
        self._workers.clear()

    def _start_missing(self) -> None:
        """Create a worker in each empty slot; adapt the number of slots to the cluster."""
        if time.monotonic() - self._last_check >= RESOURCE_CHECK_SECONDS:
            self._last_check = time.monotonic()
            capacity = resources.count_workers_that_fit(self._ray.nodes(), self._worker_resources)
            self._slots = self._requested or capacity
            self.expected = max(1, min(self._slots, capacity))
        for slot in range(self._slots):
            if slot not in self._workers:
                threads, gpu = self._worker_resources.cpus, self._worker_resources.gpus > 0
                worker = WorkerHandle(slot, self._actor_class.remote(threads, gpu))
                self._workers[slot] = worker
                worker.call(Worker.start, *self._start_arguments)

    def _receive_answer(self, seconds: float) -> tuple[WorkerHandle, Answer | WorkerLost] | None:
        calls = {call: worker for worker in self._workers.values() for call in worker.calls}
        if not calls:
            time.sleep(seconds)
            return None
        ready, _ = self._ray.wait(list(calls), timeout=seconds)
        if not ready:
            return None
        worker = calls[ready[0]]
        self._workers[worker.slot] = self._workers.pop(worker.slot)  # last, so that all get a turn
        try:
            # Calls are answered in their order, but `wait` may return a later one.
            answer = self._ray.get(worker.calls.popleft())
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as error:
            return worker, self._remove_worker(worker, _summarise_error(error))
        if isinstance(answer, GaninvError):
            raise answer
        if isinstance(answer, WorkerInfo):
            self._check_versions(answer)
            worker.ready = True
            worker.call(Worker.build_generator, self._spec)
        elif any(result.jobs for result in answer or ()):
            self._failures.clear()
        return worker, answer

    def _check_versions(self, info: WorkerInfo) -> None:
        """Raise GaninvError if a worker has another ganinv; warn once of other versions."""
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

    def _remove_worker(self, worker: WorkerHandle, reason: str) -> WorkerLost:
        """Empty a worker's slot; raise GaninvError if this has happened too often."""
        del self._workers[worker.slot]
        self._ray.kill(worker.actor)  # it may be alive and unreachable
        self._failures[worker.slot] += 1
        if self._failures[worker.slot] >= MAX_FAILURES:
            raise GaninvError(
                f"{MAX_FAILURES} workers ended before they got anything done: {reason}"
            )
        return WorkerLost(reason)

    def _warn_without_workers(self) -> None:
        """Tell the user once if no worker has been ready for some time."""
        if self.ready:
            self._last_ready = time.monotonic()
        elif time.monotonic() - self._last_ready > NO_WORKER_SECONDS:
            self._last_ready = float("inf")
            self._notify(self._describe_shortage())

    def _describe_shortage(self) -> str:
        free = self._ray.available_resources()
        cpus, gpus = self._worker_resources
        asked = f"{cpus} CPU" + (f" and {gpus:g} GPU" if gpus else "")
        return (
            f"there is no worker: each asks for {asked}, and the cluster "
            f"has {free.get('CPU', 0):g} CPU and {free.get('GPU', 0):g} GPU free; waiting"
        )


def _summarise_error(error: Exception) -> str:
    """Return the first sentence of the last line, which is Ray's reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(". ")[0].rstrip(".") if lines else type(error).__name__
