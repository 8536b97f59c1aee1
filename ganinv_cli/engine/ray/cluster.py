"""The engine that runs jobs on a Ray cluster: each worker has a batch of its own."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import GeneratorSpec, Task, WorkerResult, WorkerResults
from ganinv_cli.engine.ray import resources
from ganinv_cli.engine.ray.connect import connect
from ganinv_cli.engine.ray.scheduler import Scheduler
from ganinv_cli.engine.ray.worker import Worker
from ganinv_cli.engine.ray.workers import ANSWER_SECONDS, WorkerLost, Workers
from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import JobCollection
from ganinv_cli.outcome import Phase
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.machine import Machine

CALLS_PER_WORKER = 2  # in flight, so that a worker has the next one when it ends one
INTERRUPT_SECONDS = 2.0  # for the answers to calls in flight, after an interruption


@contextmanager
def open_cluster(
    config: Config, spec: GeneratorSpec, notify: Callable[[str], None]
) -> Iterator["RayCluster"]:
    """Connect to a cluster and start the workers that a config asks for; end them on exit.

    One worker is ready on entry. `notify` shows the user a sentence. Raises UsageError if the
    cluster cannot be reached or lacks the resources of one worker.
    """
    with connect(config.address, spec) as ray:
        worker_resources = resources.choose_worker_resources(
            ray.nodes(), config.device, config.cpus_per_worker, config.gpus_per_worker
        )
        workers = Workers(ray, spec, worker_resources, config.workers, (config.precision,), notify)
        try:
            yield RayCluster(ray, workers, spec, config.initial_batch_size)
        finally:
            workers.stop()


class RayCluster:
    """An engine that schedules the jobs of a run on the workers of a Ray cluster."""

    is_local = False
    reentrant = False

    def __init__(self, ray: Any, workers: Workers, spec: GeneratorSpec, batch_size: int) -> None:
        """`batch_size` is expected of a worker until its first result."""
        self._ray, self._workers, self._batch_size = ray, workers, batch_size
        with Device("cpu", 0).scope():
            self.generator = spec.build()
        info = workers.wait_for_first()
        count_text = f"{workers.expected} worker{'s' if workers.expected > 1 else ''}"
        self.machine = Machine(f"Ray, {count_text}: {info.machine.device}", info.machine.precision)

    def run(self, task: Task, jobs: JobCollection) -> WorkerResults:
        """Run every job once; see `Engine.run`."""
        scheduler = Scheduler(jobs, self._batch_size, self._workers.expected)
        task_reference = self._ray.put(task)
        results: deque[WorkerResult] = deque()
        try:
            while results or not scheduler.is_finished:
                while results:
                    yield results.popleft()
                self._assign_jobs(scheduler, task_reference)
                results += self._receive_results(scheduler, ANSWER_SECONDS)
        except KeyboardInterrupt:
            end = time.monotonic() + INTERRUPT_SECONDS
            with suppress(GaninvError):  # the cluster may have been interrupted too
                while (remaining := end - time.monotonic()) > 0 and not scheduler.is_finished:
                    results += self._receive_results(scheduler, remaining)
            yield from results
            raise
        finally:
            self._workers.discard_calls()

    def _assign_jobs(self, scheduler: Scheduler, task_reference: Any) -> None:
        """Fill the calls of each worker, unless there is nothing to do for it."""
        for worker in self._workers.ready:
            worker.set_task(task_reference)
            while len(worker.calls) < CALLS_PER_WORKER:
                if not scheduler.count_assigned(worker) and not scheduler.unassigned_count:
                    break
                worker.call(Worker.work, *scheduler.assign_jobs(worker))

    def _receive_results(self, scheduler: Scheduler, seconds: float) -> list[WorkerResult]:
        """Return the results in the next answer, if there is one within `seconds`."""
        answered = self._workers.receive_answer(seconds)
        if not answered:
            return []
        worker, answer = answered
        if isinstance(answer, WorkerLost):
            scheduler.remove_worker(worker, answer.reason)
        if not isinstance(answer, list):
            return []
        ready = len(self._workers.ready)
        results: list[WorkerResult] = []
        for result in answer:
            scheduler.complete_jobs(worker, result.jobs, result.batch_size, result.added)
            if result.jobs or any(result.counts) or result.phase is not Phase.running:
                counts = result.counts._replace(seconds=result.counts.seconds / ready)
                results.append(result._replace(counts=counts))
        return results
