"""A worker of a Ray cluster, in a process of its own; TensorFlow starts in it when it is asked."""

import os
import platform
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from ganinv_cli.errors import GaninvError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ganinv_cli.engine.devices import Device
    from ganinv_cli.engine.engine import Done, Recipe, Task
    from ganinv_cli.jobs import Job, Queue
    from ganinv_cli.network.generator import Generator
    from ganinv_cli.settings.machine import Machine

CALL_SECONDS = 1.0  # that one call works, at least
DRY_SECONDS = 0.02  # before a worker without jobs looks again


class Hello(NamedTuple):
    """What a worker says of itself."""

    node: str
    machine: "Machine"
    versions: dict[str, str]


class Found(NamedTuple):
    """What a function made of an item."""

    value: Any


Answer = Hello | Found | list["Done"] | GaninvError | None


class Worker:
    """Made an actor by `Crew`. What it was not able to do it returns, as a GaninvError."""

    def __init__(self, threads: int, gpu: bool) -> None:
        """So many CPU threads, and the GPU that Ray gave it, or none."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if not gpu:  # before TensorFlow is imported: it would take hold of what it sees
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        self._threads, self._kind = threads, "gpu" if gpu else "cpu"
        self._device: Device | None = None
        self._generator: Generator | None = None
        self._task: Task | None = None
        self._queue: Queue | None = None
        self._running: Iterator[Done] | None = None

    def hello(self, precision: str, solver: str) -> Hello | GaninvError:
        """Start TensorFlow."""
        from ganinv_cli.engine import devices

        devices.prepare(self._threads)
        try:
            self._device = devices.devices(f"{self._kind}:0")[0]
        except GaninvError as error:
            return type(error)(f"on {platform.node()}: {error}")
        machine = devices.machine([self._device], precision, solver)
        if self._kind == "cpu":
            processor = machine.device.rpartition(", ")[0]
            cores = f"{self._threads} core{'s' if self._threads > 1 else ''}"
            machine = machine._replace(device=f"{processor}, {cores} each")
        return Hello(platform.node(), machine, versions())

    def make(self, recipe: "Recipe") -> GaninvError | None:
        """Make the generator."""
        assert self._device
        try:
            with self._device.scope():
                self._generator = recipe.made()
        except GaninvError as error:
            return error
        return None

    def begin(self, task: "Task") -> None:
        """Be ready for the jobs of a task."""
        from ganinv_cli.jobs import Queue

        self._task, self._queue, self._running = task, Queue(), None

    def work(self, jobs: "list[Job]", more: int) -> "list[Done] | GaninvError":
        """Take some more jobs, work for a while, and hand over what has ended.

        Comes back early where jobs run short and there are more, or none are left.
        """
        assert self._queue and self._device
        self._queue.add(jobs, more)
        try:
            with self._device.scope():
                return _merged(list(self._worked(more)))
        except GaninvError as error:
            return error

    def ask(self, asked: "Callable[[Generator, Any], Any]", item: Any) -> Found | GaninvError:
        """What a function makes of an item."""
        assert self._generator and self._device
        try:
            with self._device.scope():
                return Found(asked(self._generator, item))
        except GaninvError as error:
            return error

    def _worked(self, more: int) -> "Iterator[Done]":
        assert self._queue and self._task and self._generator
        began = time.monotonic()
        if self._running is None and not self._queue.over():
            self._running = self._task.begun(self._generator, self._queue)
        while self._running is not None:
            done = next(self._running, None)
            if done is None:
                self._running = None
                return
            yield done
            if not done.tally.seconds and not done.jobs:
                time.sleep(DRY_SECONDS)
                return
            if time.monotonic() - began > CALL_SECONDS or (more and self._queue.waiting == more):
                return


def versions() -> dict[str, str]:
    """Of what makes the results of a worker."""
    from importlib.metadata import version

    packages = {name: version(name) for name in ("ganinv", "tensorflow")}
    return packages | {"Python": platform.python_version()}


def _merged(parts: "list[Done]") -> "list[Done]":
    """Those with rows, each with the tallies of the others before it; the last with what is left.

    One without rows where there are none.
    """
    from ganinv_cli.engine.engine import Done, Tally

    merged: list[Done] = []
    tally = Tally()
    for part in parts:
        tally = tally.plus(part.tally)
        if part.jobs:
            merged.append(part._replace(tally=tally))
            tally = Tally()
    batch = parts[-1].batch if parts else 0
    last = merged.pop() if merged else Done(Tally(), batch=batch)
    return [*merged, last._replace(tally=last.tally.plus(tally))]
