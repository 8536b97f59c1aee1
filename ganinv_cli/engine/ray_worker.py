"""The Ray actor that runs jobs, in a process of its own."""

import os
import pickle
import platform
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import JobQueue

if TYPE_CHECKING:  # TensorFlow is imported by `start`
    from ganinv_cli.engine.devices import Device
    from ganinv_cli.engine.engine import Task, WorkerResult, WorkerResults
    from ganinv_cli.generators.network.generator import Generator
    from ganinv_cli.jobs import Job
    from ganinv_cli.settings.machine import Machine

MIN_CALL_SECONDS = 1.0  # of work per call, so that few calls are needed


class RayWorker:
    """Runs the jobs of a task on some CPU threads, or on the GPU that Ray assigns."""

    _device: "Device"
    _generator: "Generator"

    def __init__(self, threads: int, gpu: bool) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if not gpu:  # must be set before TensorFlow is imported
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        self._threads, self._device_kind = threads, "gpu" if gpu else "cpu"
        self._task: Task | None = None
        self._jobs = JobQueue()
        self._results: WorkerResults | None = None

    def start(self, ganinv_version: str, precision: str, build: bytes) -> "Machine":
        """Start TensorFlow, call the pickled `build` for the generator; return the device.

        Raises GaninvError if this node has another version of ganinv, UsageError if it has no GPU.
        """
        if (here := version("ganinv")) != ganinv_version:
            raise GaninvError(
                f"{platform.node()} has ganinv {here}, and this is {ganinv_version}; install the "
                "same on every node of the cluster"
            )
        from ganinv_cli.engine import devices
        from ganinv_cli.tensorflow_start import configure_tensorflow

        configure_tensorflow(self._threads)
        self._device = devices.find_devices(f"{self._device_kind}:0")[0]
        with self._device.scope():
            self._generator = pickle.loads(build)()
        return devices.describe_machine([self._device], precision)

    def work(self, task: "Task | None", jobs: "list[Job]", remaining: int) -> "list[WorkerResult]":
        """Add jobs, work for a second or more, and return the results.

        The first call brings the task, later ones None. Jobs may finish in a later call. Returns
        early if there are too few jobs and `remaining` may come, and if none are left. Raises
        GaninvError as the task does.
        """
        self._task = task or self._task
        assert self._task
        self._jobs.add(jobs, remaining)
        if self._results is None and not self._jobs.is_exhausted:
            self._results = self._task.run(self._generator, self._jobs, 0)
        end = time.monotonic() + MIN_CALL_SECONDS
        results = []
        with self._device.scope():
            for result in self._results or ():
                results.append(result)
                is_short = remaining > 0 and self._jobs.remaining == remaining
                if is_short or time.monotonic() > end:
                    return results
        self._results = None
        return results
