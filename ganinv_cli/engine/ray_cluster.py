"""The engine that runs jobs on a Ray cluster: each worker is an actor with a batch of its own."""

import contextlib
import itertools
import logging
import math
import os
import pickle
import secrets
import signal
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import BuildGenerator, Task, WorkerResult, WorkerResults
from ganinv_cli.engine.ray_worker import RayWorker
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.jobs import Job, JobCollection, JobQueue
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.machine import Machine, count_cores

CALLS_PER_WORKER = 2  # in flight, so that a worker has the next one when it ends one
ANSWER_SECONDS = 0.5  # longest wait for an answer; an interruption takes effect after it
STOP_SECONDS = 2.0  # for the answers to calls in flight, after an interruption
MAX_LOSSES = 3  # workers lost per worker of the run, while none completes a job
PROBE_SECONDS = 5.0  # until something must listen at an address; Ray itself tries for a minute
OBJECT_STORE_BYTES = 2**28  # of a local cluster, besides the weights
# Ray's own restarts are off. A call that Ray repeats would not find the jobs of earlier calls in
# the new process, and it fails with "RPC error", not with the reason, e.g. too little memory.
ACTOR_OPTIONS = {"max_restarts": 0, "max_task_retries": 0}
INIT_OPTIONS = {"log_to_driver": False, "logging_level": "CRITICAL"}
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of calls to a lost worker
    "RAY_ENABLE_AUTO_CONNECT": "0",  # do not start a cluster in place of a lost one
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "10",
    "RAY_NUM_REDIS_GET_RETRIES": "3",
}


@contextlib.contextmanager
def open_cluster(
    config: Config, build: BuildGenerator, say: Callable[[str], None]
) -> Iterator["RayCluster"]:
    """Connect to a cluster and start the workers that a config asks for; end them on exit.

    The address `local` starts a cluster. One worker is ready on entry. `say` shows the user a
    sentence. Raises UsageError if Ray is not installed, no cluster answers, or it lacks the
    resources of one worker.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if config.address == "local":
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # else services listen everywhere
        if "RAY_AUTH_MODE" not in os.environ:  # or Ray writes a token to ~/.ray
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(
            "--engine ray needs Ray, which is not installed here; pip install 'ganinv[ray]'"
        ) from error
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    with (
        contextlib.redirect_stdout(None),  # Ray prints which worker died
        # In /tmp, since the paths of sockets in it must be short.
        tempfile.TemporaryDirectory(prefix="gi-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(ray.shutdown)
        with _keep_signal_handlers():
            if config.address == "local":
                _start_cluster(ray, folder, OBJECT_STORE_BYTES + 2 * len(pickle.dumps(build)))
            else:
                _join_cluster(ray, config.address)
        yield RayCluster(ray, config, build, say)


@dataclass(eq=False)
class _Worker:
    """An actor, the calls to it that have no answer yet, and its jobs."""

    actor: Any
    batch_size: int
    calls: deque[Any]  # ObjectRefs, oldest first
    jobs: dict[Job, None] = field(default_factory=dict)  # not completed, in their order
    machine: Machine | None = None  # known when it has started
    has_task: bool = False


class RayCluster:
    """An engine whose workers are Ray actors; a lost one is replaced, and its jobs run again.

    A worker gets as many jobs as its batch has rows, and as many again ahead; towards the end it
    gets fewer, so that all workers end at the same time. Jobs are read as they are assigned.
    """

    workers = 0  # on this machine

    def __init__(
        self, ray: Any, config: Config, build: BuildGenerator, say: Callable[[str], None]
    ) -> None:
        """Start the workers and wait until one is ready. Raises GaninvError, UsageError.

        `say` shows the user a sentence.
        """
        self._ray, self._config = ray, config
        self._gpus = choose_gpus(config, ray.cluster_resources())
        needs = f"{config.cpus_per_worker} CPU and {self._gpus:g} GPU"
        capacity = self._count_workers_that_fit(ray.cluster_resources())
        if not capacity:
            raise UsageError(
                f"a worker needs {needs}, and the Ray cluster has less; add nodes, or give less "
                "with --cpus-per-worker and --gpus-per-worker"
            )
        if not self._count_workers_that_fit(ray.available_resources()):
            say(f"waiting for a worker: it needs {needs}, and less is free on the Ray cluster")
        self._start_arguments = version("ganinv"), config.precision, ray.put(pickle.dumps(build))
        self._actor_class = ray.remote(RayWorker).options(
            num_cpus=config.cpus_per_worker, num_gpus=self._gpus, **ACTOR_OPTIONS
        )
        self._unassigned = JobQueue()
        self._losses = 0  # workers lost since one completed a job
        self._expected = min(config.workers or capacity, capacity)  # the others start if nodes join
        self._pool = [self._start_worker() for _ in range(config.workers or capacity)]
        with Device("cpu", 0).scope():
            self.generator = build()
        while not (machines := [each.machine for each in self._pool if each.machine]):
            self._receive_results()
        device, precision = machines[0]
        self.machine = Machine(f"Ray, {self._expected} workers of {needs}: {device}", precision)

    def run(self, task: Task, jobs: JobCollection, stop: threading.Event) -> WorkerResults:
        """Run every job once; see `Engine.run`. After `stop`, answers come for STOP_SECONDS."""
        self._unassigned = JobQueue(jobs)
        task_reference = self._ray.put(task)
        try:
            while self._count_unfinished() and not stop.is_set():
                self._assign_jobs(task_reference)
                yield from self._receive_results()
            end = time.monotonic() + STOP_SECONDS
            while any(worker.jobs and worker.calls for worker in self._pool):
                if time.monotonic() > end:
                    return
                yield from self._receive_results()
        except GaninvError:
            if not stop.is_set():  # else the signal may have reached the cluster too
                raise

    def _list_ready(self) -> list[_Worker]:
        return [worker for worker in self._pool if worker.machine]

    def _count_unfinished(self) -> int:
        return self._unassigned.remaining + sum(len(worker.jobs) for worker in self._pool)

    def _assign_jobs(self, task: Any) -> None:
        """Fill the calls of each worker, unless there is nothing to do for it."""
        workers, left = max(self._expected, len(self._list_ready())), self._unassigned
        for worker in self._list_ready():
            while len(worker.calls) < CALLS_PER_WORKER and (worker.jobs or left.remaining):
                ahead = min(worker.batch_size, math.ceil(left.remaining / (2 * workers)))
                share = math.ceil(self._count_unfinished() / workers)
                jobs = left.take(max(min(worker.batch_size + ahead, share) - len(worker.jobs), 0))
                if not (jobs or worker.jobs):
                    break  # the next jobs depend on what other workers do
                worker.jobs.update(dict.fromkeys(jobs))
                later = math.ceil(left.remaining / workers)  # jobs; 0 only if none is left
                new_task = None if worker.has_task else task
                worker.calls.append(worker.actor.work.remote(new_task, jobs, later))
                worker.has_task = True

    def _receive_results(self) -> list[WorkerResult]:
        """Return the results in the next answer, if there is one within ANSWER_SECONDS.

        Raises GaninvError if a worker raises it, if workers are lost again and again, or if the
        whole cluster is.
        """
        oldest = {worker.calls[0]: worker for worker in self._pool if worker.calls}
        worker = None
        if not oldest:
            return []
        try:
            ready, _ = self._ray.wait(list(oldest), timeout=ANSWER_SECONDS)
            if not ready:
                return []
            worker = oldest[ready[0]]
            self._pool.remove(worker)
            self._pool.append(worker)  # last, so that all get a turn
            answer = self._ray.get(worker.calls.popleft())
        except self._ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, GaninvError) else error) from None
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            self._replace_worker(worker, _summarize_error(error))
            return []
        if worker.machine is None:
            worker.machine = answer
            return []
        for job in itertools.chain.from_iterable(result.jobs for result in answer):
            del worker.jobs[job]
            self._losses = 0
        # batches shrink at the end
        if self._unassigned.remaining and answer and answer[-1].batch_size:
            worker.batch_size = answer[-1].batch_size
        return [result.divide_seconds(len(self._list_ready())) for result in answer]

    def _start_worker(self) -> _Worker:
        actor = self._actor_class.remote(self._config.cpus_per_worker, self._gpus > 0)
        start = actor.start.remote(*self._start_arguments)
        return _Worker(actor, self._config.initial_batch_size, deque([start]))

    def _replace_worker(self, lost: _Worker | None, reason: str) -> None:
        """Start another worker in place of a lost one; its jobs run again.

        Raises GaninvError if that has happened too often, or if the whole cluster is lost.
        """
        if lost:
            self._ray.kill(lost.actor)  # it may be alive and unreachable
            self._pool.remove(lost)
            self._unassigned.add([*lost.jobs], expected=0)
            self._pool.append(self._start_worker())
            self._losses += 1
        if not lost or self._losses >= MAX_LOSSES * len(self._pool):
            what = f"{self._losses} workers in a row ended" if lost else "the Ray cluster is lost"
            raise GaninvError(f"{what} ({reason}); the same command goes on when that is mended")

    def _count_workers_that_fit(self, resources: Mapping[str, float]) -> int:
        fitting = resources.get("CPU", 0) / self._config.cpus_per_worker
        return int(min(fitting, resources.get("GPU", 0) / self._gpus) if self._gpus else fitting)


def choose_gpus(config: Config, resources: Mapping[str, float]) -> float:
    """Return the GPUs of each worker: by default one if the cluster has any and --device allows it.

    Raises UsageError if the settings contradict each other.
    """
    device, gpus = config.device, config.gpus_per_worker
    if gpus is None:
        gpus = float(device == "gpu" or (device == "auto" and resources.get("GPU", 0) >= 1))
    if device not in ("auto", "gpu" if gpus else "cpu") or gpus > 1:
        raise UsageError(
            f"--device {device} with {gpus:g} GPUs per worker: with --engine ray, give auto, cpu "
            "or gpu, and at most 1 GPU, of which Ray says which it is"
        )
    return gpus


def _start_cluster(ray: Any, folder: str, object_store_bytes: int) -> None:
    ray.init(
        address="local",
        num_cpus=count_cores(),
        object_store_memory=object_store_bytes,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        _temp_dir=f"{folder}/r",
        **INIT_OPTIONS,
    )


def _join_cluster(ray: Any, address: str) -> None:
    """Connect to a cluster. Raises UsageError if none answers."""
    try:
        if address != "auto":
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), PROBE_SECONDS).close()
        ray.init(address=address, **INIT_OPTIONS)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise UsageError(
            f"--address {address}: no Ray cluster answers ({_summarize_error(error)}); give local, "
            "auto (on a machine of a cluster), HOST:PORT, or ray://HOST:PORT such as "
            "ray://head:10001, and check that it runs and can be reached from here"
        ) from error


@contextlib.contextmanager
def _keep_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers on exit; `ray.init` replaces them.

    The processes that it starts ignore the end of the terminal and SIGTERM for the process group,
    as Ray lets them ignore Ctrl-C: they end with this process, which saves what they have finished.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _summarize_error(error: Exception) -> str:
    """Return the first sentence of the last line, which is Ray's reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(". ")[0].rstrip(".") if lines else type(error).__name__
