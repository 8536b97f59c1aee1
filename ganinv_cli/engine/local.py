"""The devices of this machine: one worker a device, each with a batch of its own."""

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from threading import Event

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import Done, Found, Handed, Item, Recipe, Task
from ganinv_cli.jobs import Jobs, Shared
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.machine import Machine

AHEAD = 4  # pieces a worker may have waiting for whoever takes them


class Here:
    """One device, in this thread and on whatever is in scope."""

    immediate = True

    def __init__(self, generator: Generator, machine: Machine) -> None:
        self.generator, self.machine = generator, machine

    def run(self, task: Task, jobs: Jobs) -> Handed:
        """See `Engine`."""
        return task.begun(self.generator, Shared(jobs))

    def each(
        self, asked: Callable[[Generator, Item], Found], items: Iterable[Item]
    ) -> Iterator[Found]:
        """See `Engine`."""
        return (asked(self.generator, item) for item in items)


class Several:
    """A thread for each of several devices; the jobs go to whoever has room."""

    immediate = False

    def __init__(self, recipe: Recipe, devices: Sequence[Device], machine: Machine) -> None:
        self.machine = machine
        self._recipe, self._devices = recipe, devices
        self._generators: dict[Device, Generator] = {}
        self.generator = self._made(devices[0])

    def run(self, task: Task, jobs: Jobs) -> Handed:
        """See `Engine`."""
        workers = len(self._devices)
        feed, stop = Shared(jobs, workers), Event()
        handed: queue.Queue[Done | None] = queue.Queue(AHEAD * workers)

        def work(device: Device) -> None:
            try:
                with device.scope():
                    begun = task.begun(self._made(device), feed)
                    for done in begun:
                        handed.put(done)
                        if stop.is_set():
                            break
                    with suppress(KeyboardInterrupt, StopIteration):
                        handed.put(begun.throw(KeyboardInterrupt()))
            finally:
                handed.put(None)

        def finished() -> Handed:
            for _ in range(workers):
                while (done := handed.get()) is not None:
                    tally = done.tally
                    yield done._replace(tally=tally._replace(seconds=tally.seconds / workers))

        with ThreadPoolExecutor(workers, "device") as pool:
            futures: list[Future[None]] = []
            try:
                for device in self._devices:
                    futures.append(pool.submit(work, device))
                yield from finished()
            except KeyboardInterrupt:
                feed.close()
                stop.set()
                yield from _left(futures, handed)
                raise
            finally:
                feed.close()
                stop.set()
                for _ in _left(futures, handed):
                    pass
        for future in futures:
            future.result()  # raises what ended a worker; the others have done what they could

    def each(
        self, asked: Callable[[Generator, Item], Found], items: Iterable[Item]
    ) -> Iterator[Found]:
        """See `Engine`."""
        free: queue.SimpleQueue[Device] = queue.SimpleQueue()
        for device in self._devices:
            free.put(device)

        def ask(item: Item) -> Found:
            device = free.get()
            try:
                with device.scope():
                    return asked(self._made(device), item)
            finally:
                free.put(device)

        workers, more = len(self._devices), iter(items)
        with ThreadPoolExecutor(workers, "device") as pool:
            ahead = deque(pool.submit(ask, item) for item in islice(more, 2 * workers))
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(ask, item) for item in islice(more, 1))

    def _made(self, device: Device) -> Generator:
        """The generator on a device."""
        if device not in self._generators:
            with device.scope():
                self._generators[device] = self._recipe.made()
        return self._generators[device]


def _left(futures: Sequence[Future[None]], handed: "queue.Queue[Done | None]") -> Handed:
    """What workers that were told to stop hand over yet; when it ends, so have they."""
    while not all(future.done() for future in futures) or not handed.empty():
        try:
            if (done := handed.get(timeout=0.1)) is not None:
                yield done
        except queue.Empty:
            continue
