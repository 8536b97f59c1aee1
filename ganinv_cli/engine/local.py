"""Engines on the devices of this machine: one worker per device, each with its own batch."""

import queue
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from threading import Event

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import GeneratorSpec, Task, WorkerResult, WorkerResults
from ganinv_cli.jobs import JobCollection, SharedJobs
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.machine import Machine

QUEUED_RESULTS = 4  # results per worker that may be in the queue


class SingleDevice:
    """An engine that runs in this thread, on the current device."""

    is_local = True
    reentrant = True

    def __init__(self, generator: Generator, machine: Machine) -> None:
        self.generator, self.machine = generator, machine

    def run(self, task: Task, jobs: JobCollection) -> WorkerResults:
        """Run every job once; see `Engine.run`."""
        return task.run(self.generator, SharedJobs(jobs))


class MultiDevice:
    """An engine with one thread per device; all threads take their jobs from one source."""

    is_local = True
    reentrant = False

    def __init__(self, spec: GeneratorSpec, devices: Sequence[Device], machine: Machine) -> None:
        self.machine = machine
        self._spec, self._devices = spec, devices
        self._generators: dict[Device, Generator] = {}
        self.generator = self._get_generator(devices[0])

    def run(self, task: Task, jobs: JobCollection) -> WorkerResults:
        """Run every job once; see `Engine.run`."""
        workers = len(self._devices)
        shared_jobs, stop = SharedJobs(jobs, workers), Event()
        results: queue.Queue[WorkerResult | None] = queue.Queue(QUEUED_RESULTS * workers)
        futures: list[Future[None]] = []
        streams: list[Iterator[WorkerResult]] = []  # one per worker; each ends at a None

        def run_worker(device: Device) -> None:
            try:
                with device.scope():
                    worker_results = task.run(self._get_generator(device), shared_jobs)
                    for result in worker_results:
                        seconds = result.counts.seconds / workers
                        results.put(result._replace(counts=result.counts._replace(seconds=seconds)))
                        if stop.is_set():
                            break
                    with suppress(KeyboardInterrupt, StopIteration):
                        results.put(worker_results.throw(KeyboardInterrupt()))
            finally:
                results.put(None)

        def stop_workers() -> None:
            shared_jobs.close()
            stop.set()

        with ThreadPoolExecutor(workers, "device") as pool:
            remaining = chain.from_iterable(streams)  # goes on after an interruption
            try:
                for device in self._devices:
                    futures.append(pool.submit(run_worker, device))
                    streams.append(iter(results.get, None))
                yield from remaining
            except KeyboardInterrupt:
                stop_workers()
                yield from remaining
                raise
            finally:
                stop_workers()
                deque(remaining, maxlen=0)
        for future in futures:
            future.result()  # raises the error of a worker, after the others have finished

    def _get_generator(self, device: Device) -> Generator:
        """Return the generator on a device; build it the first time."""
        if device not in self._generators:
            with device.scope():
                self._generators[device] = self._spec.build()
        return self._generators[device]
