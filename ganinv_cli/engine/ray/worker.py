"""A worker of a Ray cluster, in a process of its own; TensorFlow starts in it when it is asked."""

import os
import platform
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from ganinv_cli.errors import GaninvError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ganinv_cli.engine.devices import Device
    from ganinv_cli.engine.engine import GeneratorSpec, Task, WorkerResult
    from ganinv_cli.jobs import Job, WorkerJobs
    from ganinv_cli.network.generator import Generator
    from ganinv_cli.settings.machine import Machine

MIN_CALL_SECONDS = 1.0  # that one call works, at least
IDLE_SECONDS = 0.02  # before a worker without jobs looks again


class WorkerInfo(NamedTuple):
    """What a worker says of itself."""

    node: str
    machine: "Machine"
    versions: dict[str, str]


class ItemResult(NamedTuple):
    """What a function made of an item."""

    value: Any


Answer = WorkerInfo | ItemResult | list["WorkerResult"] | GaninvError | None


class Worker:
    """Made an actor by `Crew`. What it was not able to do it returns, as a GaninvError."""

    def __init__(self, threads: int, gpu: bool) -> None:
        """So many CPU threads, and the GPU that Ray gave it, or none."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if not gpu:  # before TensorFlow is imported: it would take hold of what it sees
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        self._threads, self._device_kind = threads, "gpu" if gpu else "cpu"
        self._device: Device | None = None
        self._generator: Generator | None = None
        self._task: Task | None = None
        self._jobs: WorkerJobs | None = None
        self._results: Iterator[WorkerResult] | None = None

    def start(self, precision: str, solver: str) -> WorkerInfo | GaninvError:
        """Start TensorFlow."""
        from ganinv_cli.engine import devices

        devices.configure_tensorflow(self._threads)
        try:
            self._device = devices.find_devices(f"{self._device_kind}:0")[0]
        except GaninvError as error:
            return type(error)(f"on {platform.node()}: {error}")
        machine = devices.describe_machine([self._device], precision, solver)
        if self._device_kind == "cpu":
            processor = machine.device.rpartition(", ")[0]
            cores = f"{self._threads} core{'s' if self._threads > 1 else ''}"
            machine = machine._replace(device=f"{processor}, {cores} each")
        return WorkerInfo(platform.node(), machine, get_versions())

    def build_generator(self, spec: "GeneratorSpec") -> GaninvError | None:
        """Make the generator."""
        assert self._device
        try:
            with self._device.scope():
                self._generator = spec.build()
        except GaninvError as error:
            return error
        return None

    def set_task(self, task: "Task") -> None:
        """Be ready for the jobs of a task."""
        from ganinv_cli.jobs import WorkerJobs

        self._task, self._jobs, self._results = task, WorkerJobs(), None

    def work(self, jobs: "list[Job]", remaining: int) -> "list[WorkerResult] | GaninvError":
        """Take some more jobs, work for a while, and hand over what has ended.

        Comes back early where jobs run short and there are more, or none are left.
        """
        assert self._jobs and self._device
        self._jobs.add(jobs, remaining)
        try:
            with self._device.scope():
                return _merge_results(list(self._iterate_results(remaining)))
        except GaninvError as error:
            return error

    def apply(
        self, function: "Callable[[Generator, Any], Any]", item: Any
    ) -> ItemResult | GaninvError:
        """What a function makes of an item."""
        assert self._generator and self._device
        try:
            with self._device.scope():
                return ItemResult(function(self._generator, item))
        except GaninvError as error:
            return error

    def _iterate_results(self, remaining: int) -> "Iterator[WorkerResult]":
        assert self._jobs and self._task and self._generator
        began = time.monotonic()
        if self._results is None and not self._jobs.exhausted():
            self._results = self._task.run(self._generator, self._jobs)
        while self._results is not None:
            result = next(self._results, None)
            if result is None:
                self._results = None
                return
            yield result
            if not result.counts.seconds and not result.jobs:
                time.sleep(IDLE_SECONDS)
                return
            if time.monotonic() - began > MIN_CALL_SECONDS or (
                remaining and self._jobs.remaining == remaining
            ):
                return


def get_versions() -> dict[str, str]:
    """Of what makes the results of a worker."""
    from importlib.metadata import version

    packages = {name: version(name) for name in ("ganinv", "tensorflow")}
    return packages | {"Python": platform.python_version()}


def _merge_results(results: "list[WorkerResult]") -> "list[WorkerResult]":
    """Those with rows, each with the tallies of the others before it; the last with what is left.

    One without rows where there are none.
    """
    from ganinv_cli.engine.engine import Counts, WorkerResult

    merged: list[WorkerResult] = []
    counts = Counts()
    for result in results:
        counts = counts.add(result.counts)
        if result.jobs:
            merged.append(result._replace(counts=counts))
            counts = Counts()
    batch = results[-1].batch_size if results else 0
    last = merged.pop() if merged else WorkerResult(Counts(), batch_size=batch)
    return [*merged, last._replace(counts=last.counts.add(counts))]
