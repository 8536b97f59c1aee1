"""The workers of a Ray cluster: each with a batch of its own, fed from here."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import GeneratorSpec, Item, Result, Task, WorkerResult, WorkerResults
from ganinv_cli.engine.ray import resources, worker
from ganinv_cli.engine.ray.connect import connect
from ganinv_cli.engine.ray.map import OrderedMap
from ganinv_cli.engine.ray.scheduler import Scheduler
from ganinv_cli.engine.ray.workers import ANSWER_SECONDS, WorkerLost, Workers
from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import JobCollection
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.machine import Machine

CALLS_PER_WORKER = 2  # portions that a worker has to itself, so that it need not wait for the next
INTERRUPT_SECONDS = 2.0  # that an interruption waits for what is about to come


@contextmanager
def open_cluster(
    config: Config, spec: GeneratorSpec, notify: Callable[[str], None]
) -> Iterator["RayCluster"]:
    """The workers that a config asks for, the first of them ready; they end with the context.

    `say` is called with what the user should know. Raises UsageError where the cluster cannot be
    reached or has not what a worker asks for.
    """
    with connect(config.address, spec) as ray:
        worker_resources = resources.choose_worker_resources(
            ray.nodes(), config.device, config.cpus_per_worker, config.gpus_per_worker
        )
        start_arguments = config.precision, config.solver
        workers = Workers(ray, spec, worker_resources, config.workers, start_arguments, notify)
        try:
            yield RayCluster(ray, workers, spec, config.initial_batch_size)
        finally:
            workers.stop()


class RayCluster:
    """An engine; deals the jobs of a run to a crew."""

    can_map_during_run = False

    def __init__(self, ray: Any, workers: Workers, spec: GeneratorSpec, batch_size: int) -> None:
        """`rows` of a batch, as a first guess."""
        self._ray, self._workers, self._batch_size = ray, workers, batch_size
        with Device("cpu", 0).scope():
            self.generator = spec.build()
        info = workers.wait_for_first()
        count_text = f"{workers.expected} worker{'s' if workers.expected > 1 else ''}"
        self.machine = Machine(f"Ray, {count_text}: {info.machine.device}", info.machine.precision)

    def run(self, task: Task, jobs: JobCollection) -> WorkerResults:
        """See `Engine`."""
        scheduler = Scheduler(jobs, self._batch_size, self._workers.expected)
        task_reference = self._ray.put(task)
        results: deque[WorkerResult] = deque()
        try:
            while results or not scheduler.finished:
                while results:
                    yield results.popleft()
                self._assign_jobs(scheduler, task_reference)
                results += self._receive_results(scheduler, ANSWER_SECONDS)
        except KeyboardInterrupt:
            end = time.monotonic() + INTERRUPT_SECONDS
            with suppress(GaninvError):  # the cluster may have been interrupted too
                while (remaining := end - time.monotonic()) > 0 and not scheduler.finished:
                    results += self._receive_results(scheduler, remaining)
            yield from results
            raise
        finally:
            self._workers.discard_pending_calls()

    def map(
        self, function: Callable[[Generator, Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """See `Engine`."""
        ordered_map = OrderedMap(enumerate(items))
        try:
            while not ordered_map.finished:
                for number in self._workers.ready:
                    while self._workers.count_pending_calls(number) < CALLS_PER_WORKER and (
                        next_item := ordered_map.assign_next(number)
                    ):
                        self._workers.call(number, "apply", function, next_item.item)
                number, answer = self._workers.receive_answer()
                if isinstance(answer, WorkerLost):
                    ordered_map.remove_worker(number, answer.reason)
                if isinstance(answer, worker.ItemResult):
                    ordered_map.add_result(number, answer.value)
                yield from ordered_map.pop_ordered_results()
        finally:
            self._workers.discard_pending_calls()

    def _assign_jobs(self, scheduler: Scheduler, task_reference: Any) -> None:
        """Give each worker its portions, but for one that has nothing to do."""
        for number in self._workers.ready:
            self._workers.set_task(number, task_reference)
            while self._workers.count_pending_calls(number) < CALLS_PER_WORKER:
                if not scheduler.count_assigned(number) and not scheduler.unassigned:
                    break
                self._workers.call(number, "work", *scheduler.assign_jobs(number))

    def _receive_results(self, scheduler: Scheduler, seconds: float) -> list[WorkerResult]:
        """What the next answer hands over."""
        number, answer = self._workers.receive_answer(seconds)
        if isinstance(answer, WorkerLost):
            scheduler.remove_worker(number, answer.reason)
        if not isinstance(answer, list):
            return []
        for done in answer:
            scheduler.complete_jobs(number, done.jobs, done.batch_size)
        workers = len(self._workers.ready)
        counts = [done.counts._replace(seconds=done.counts.seconds / workers) for done in answer]
        scaled_results = [
            done._replace(counts=share) for done, share in zip(answer, counts, strict=True)
        ]
        return [done for done in scaled_results if done.jobs or any(done.counts)]
