"""The Ray actor that runs jobs, in a process of its own."""

import os
import platform
import time
from typing import TYPE_CHECKING, NamedTuple

from ganinv_cli.errors import GaninvError

if TYPE_CHECKING:  # TensorFlow is imported by `start`
    from collections.abc import Iterator

    from ganinv_cli.engine.devices import Device
    from ganinv_cli.engine.engine import GeneratorSpec, Task, WorkerResult
    from ganinv_cli.jobs import Job, WorkerJobs
    from ganinv_cli.network.generator import Generator
    from ganinv_cli.settings.machine import Machine

MIN_CALL_SECONDS = 1.0  # of work per call, so that few calls are needed
IDLE_SECONDS = 0.02  # before a call without jobs returns


class WorkerInfo(NamedTuple):
    """The machine and the package versions of a worker."""

    node: str
    machine: "Machine"
    versions: dict[str, str]  # by package


Answer = WorkerInfo | list["WorkerResult"] | GaninvError | None


class Worker:
    """Runs the jobs of a task. A GaninvError is returned, since Ray would wrap a raised one."""

    def __init__(self, threads: int, gpu: bool) -> None:
        """Use `threads` CPU threads, and the GPU that Ray assigned, or none."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if not gpu:  # must be set before TensorFlow is imported
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        self._threads, self._device_kind = threads, "gpu" if gpu else "cpu"
        self._device: Device | None = None
        self._generator: Generator | None = None
        self._task: Task | None = None
        self._jobs: WorkerJobs | None = None
        self._results: Iterator[WorkerResult] | None = None

    def start(self, precision: str) -> WorkerInfo | GaninvError:
        """Start TensorFlow."""
        from ganinv_cli.engine import devices

        devices.configure_tensorflow(self._threads)
        try:
            self._device = devices.find_devices(f"{self._device_kind}:0")[0]
        except GaninvError as error:
            return type(error)(f"on {platform.node()}: {error}")
        machine = devices.describe_machine([self._device], precision)
        if self._device_kind == "cpu":
            processor = machine.device.rpartition(", ")[0]
            cores = f"{self._threads} core{'s' if self._threads > 1 else ''}"
            machine = machine._replace(device=f"{processor}, {cores} each")
        return WorkerInfo(platform.node(), machine, get_versions())

    def build_generator(self, spec: "GeneratorSpec") -> GaninvError | None:
        """Build the generator; apart from `start`, since another version may not unpickle it."""
        assert self._device
        try:
            with self._device.scope():
                self._generator = spec.build()
        except GaninvError as error:
            return error
        return None

    def set_task(self, task: "Task") -> None:
        """Begin a task; the jobs of an earlier one are dropped."""
        from ganinv_cli.jobs import WorkerJobs

        self._task, self._jobs, self._results = task, WorkerJobs(), None

    def work(self, jobs: "list[Job]", remaining: int) -> "list[WorkerResult] | GaninvError":
        """Add jobs, work for a second or more, and return what has finished.

        Jobs may finish in a later call. Returns early if there are too few jobs and `remaining`
        may come, and if none are left.
        """
        assert self._jobs and self._device
        self._jobs.add(jobs, remaining)
        try:
            with self._device.scope():
                return _merge_results(list(self._iterate_results(remaining)))
        except GaninvError as error:
            return error

    def _iterate_results(self, remaining: int) -> "Iterator[WorkerResult]":
        assert self._jobs and self._task and self._generator
        start_time = time.monotonic()
        if self._results is None and not self._jobs.is_exhausted():
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
            if time.monotonic() - start_time > MIN_CALL_SECONDS or (
                remaining and self._jobs.remaining == remaining
            ):
                return


def get_versions() -> dict[str, str]:
    """Return the versions of all packages that the results depend on."""
    from importlib.metadata import version

    packages = {name: version(name) for name in ("ganinv", "tensorflow")}
    return packages | {"Python": platform.python_version()}


def _merge_results(results: "list[WorkerResult]") -> "list[WorkerResult]":
    """Return the results with jobs, or one if there are none; their counts are the sum of all."""
    from ganinv_cli.engine.engine import Counts, WorkerResult

    merged: list[WorkerResult] = []
    counts = Counts()
    for result in results:
        counts = counts.add(result.counts)
        if result.jobs:
            merged.append(result._replace(counts=counts))
            counts = Counts()
    last = merged.pop() if merged else WorkerResult(Counts())
    if results:
        last = last._replace(batch_size=results[-1].batch_size, phase=results[-1].phase)
    return [*merged, last._replace(counts=last.counts.add(counts))]
