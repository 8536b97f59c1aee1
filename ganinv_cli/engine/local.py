"""The devices of this machine: one worker a device, each with a batch of its own."""

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from threading import Event

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import GeneratorSpec, Item, Result, Task, WorkerResult, WorkerResults
from ganinv_cli.jobs import JobCollection, SharedJobs
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.machine import Machine

QUEUED_RESULTS = 4  # pieces a worker may have waiting for whoever takes them


class SingleDevice:
    """One device, in this thread and on whatever is in scope."""

    can_map_during_run = True

    def __init__(self, generator: Generator, machine: Machine) -> None:
        self.generator, self.machine = generator, machine

    def run(self, task: Task, jobs: JobCollection) -> WorkerResults:
        """See `Engine`."""
        return task.run(self.generator, SharedJobs(jobs))

    def map(
        self, function: Callable[[Generator, Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """See `Engine`."""
        return (function(self.generator, item) for item in items)


class MultiDevice:
    """A thread for each of several devices; the jobs go to whoever has room."""

    can_map_during_run = False

    def __init__(self, spec: GeneratorSpec, devices: Sequence[Device], machine: Machine) -> None:
        self.machine = machine
        self._spec, self._devices = spec, devices
        self._generators: dict[Device, Generator] = {}
        self.generator = self._get_generator(devices[0])

    def run(self, task: Task, jobs: JobCollection) -> WorkerResults:
        """See `Engine`."""
        workers = len(self._devices)
        shared_jobs, stop = SharedJobs(jobs, workers), Event()
        results: queue.Queue[WorkerResult | None] = queue.Queue(QUEUED_RESULTS * workers)

        def run_worker(device: Device) -> None:
            try:
                with device.scope():
                    worker_results = task.run(self._get_generator(device), shared_jobs)
                    for worker_result in worker_results:
                        results.put(worker_result)
                        if stop.is_set():
                            break
                    with suppress(KeyboardInterrupt, StopIteration):
                        results.put(worker_results.throw(KeyboardInterrupt()))
            finally:
                results.put(None)

        def iterate_results() -> WorkerResults:
            for _ in range(workers):
                while (result := results.get()) is not None:
                    counts = result.counts
                    yield result._replace(counts=counts._replace(seconds=counts.seconds / workers))

        with ThreadPoolExecutor(workers, "device") as pool:
            futures: list[Future[None]] = []
            try:
                for device in self._devices:
                    futures.append(pool.submit(run_worker, device))
                yield from iterate_results()
            except KeyboardInterrupt:
                shared_jobs.close()
                stop.set()
                yield from _drain_results(futures, results)
                raise
            finally:
                shared_jobs.close()
                stop.set()
                for _ in _drain_results(futures, results):
                    pass
        for future in futures:
            future.result()  # raises what ended a worker; the others have done what they could

    def map(
        self, function: Callable[[Generator, Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """See `Engine`."""
        free: queue.SimpleQueue[Device] = queue.SimpleQueue()
        for device in self._devices:
            free.put(device)

        def apply(item: Item) -> Result:
            device = free.get()
            try:
                with device.scope():
                    return function(self._get_generator(device), item)
            finally:
                free.put(device)

        workers, remaining = len(self._devices), iter(items)
        with ThreadPoolExecutor(workers, "device") as pool:
            pending = deque(pool.submit(apply, item) for item in islice(remaining, 2 * workers))
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(apply, item) for item in islice(remaining, 1))

    def _get_generator(self, device: Device) -> Generator:
        """The generator on a device."""
        if device not in self._generators:
            with device.scope():
                self._generators[device] = self._spec.build()
        return self._generators[device]


def _drain_results(
    futures: Sequence[Future[None]], results: "queue.Queue[WorkerResult | None]"
) -> WorkerResults:
    """What workers that were told to stop hand over yet; when it ends, so have they."""
    while not all(future.done() for future in futures) or not results.empty():
        try:
            if (result := results.get(timeout=0.1)) is not None:
                yield result
        except queue.Empty:
            continue
