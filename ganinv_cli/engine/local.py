"""The engine on the devices of this machine: one worker per device, each with its own batch."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import chain

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import Task, WorkerResult, WorkerResults
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.jobs import JobCollection, JobQueue
from ganinv_cli.settings.machine import Machine

QUEUED_RESULTS = 4  # results per worker that may be in the queue


class LocalEngine:
    """An engine whose workers take their jobs from one queue; one runs here, several in threads."""

    def __init__(
        self, build: Callable[[Device], Generator], devices: Sequence[Device], machine: Machine
    ) -> None:
        """Use these devices, the first of which is the current one, with a generator on each."""
        self.generator, self.machine, self.workers = build(devices[0]), machine, len(devices)
        self._build, self._devices = build, devices

    def run(self, task: Task, jobs: JobCollection, stop: threading.Event) -> WorkerResults:
        """Run every job once; see `Engine.run`."""
        job_queue = JobQueue(jobs, self.workers, stop)
        if self.workers == 1:
            yield from task.run(self.generator, job_queue, 0)
            return
        results: queue.Queue[WorkerResult | None] = queue.Queue(QUEUED_RESULTS * self.workers)

        def run_worker(number: int, device: Device) -> None:
            try:
                with device.scope():
                    generator = self._build(device) if number else self.generator
                    for result in task.run(generator, job_queue, number):
                        results.put(result.divide_seconds(self.workers))
            except BaseException:
                stop.set()  # the other workers save their batches and end
                raise
            finally:
                results.put(None)

        futures: list[Future[None]] = []
        # Each worker puts one None; the results until then may be of any worker.
        remaining = chain.from_iterable(iter(results.get, None) for _ in futures)
        with ThreadPoolExecutor(self.workers, "device") as pool:
            try:
                for number, device in enumerate(self._devices):
                    futures.append(pool.submit(copy_context().run, run_worker, number, device))
                yield from remaining
            except BaseException:  # the caller closed this generator, or an error
                stop.set()
                raise
            finally:
                deque(remaining, maxlen=0)  # or a worker would wait for space in the queue
        for future in futures:
            future.result()  # raises the error of a worker, after the others have stopped
