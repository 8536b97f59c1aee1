"""Runs on real Ray clusters: the rows of one device, lost workers, refusals and interruptions."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import builders
import numpy as np
import psutil
import pytest
from called import make_image, make_random_pixels, save_image

from ganinv_cli.engine.ray_cluster import choose_gpus, open_cluster
from ganinv_cli.engine.ray_worker import RayWorker
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.experiments import invert
from ganinv_cli.experiments.experiment import Request
from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.experiments.recover import EXPERIMENT
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.experiments.run_experiment import run_experiment
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.jobs import Job
from ganinv_cli.loaded_generator import load
from ganinv_cli.outcome import Outcome
from ganinv_cli.progress import SILENT
from ganinv_cli.results.store import Results, read_results

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes")

TRIALS = 60
SOON = 30.0  # seconds
START = (
    *("ray", "start", "--head", "--block", "--node-ip-address=127.0.0.1", "--num-cpus=2"),
    *("--num-gpus=0", "--include-dashboard=false", "--disable-usage-stats"),
    "--object-store-memory=150000000",
)

# A run on a cluster of its own, which commits all it sees; on stderr where Ray's processes listen.
RUN_LOCALLY = """
import json, sys
from pathlib import Path
import psutil
from ganinv_cli.loaded_generator import load
from ganinv_cli.experiments.experiment import Request
from ganinv_cli.experiments import committer, run_experiment as run
from ganinv_cli.progress.interrupts import handle_signals
from ganinv_cli.progress.display import open_display
from ganinv_cli.experiments.recover import EXPERIMENT
from ganinv_cli.experiments.recover.config import RecoverConfig

commit = run.Run.commit

def commit_and_tell(self, rows, *more):
    commit(self, rows, *more)
    if not rows:  # no trial has ended yet
        return
    started = psutil.Process().children(recursive=True)
    connections = [each for process in started for each in process.net_connections("inet")]
    listening = {each.laddr.ip for each in connections if each.status == "LISTEN"}
    print("committed", *sorted(listening), file=sys.stderr, flush=True)

if __name__ == "__main__":
    committer.COMMIT_SECONDS = 0
    run.Run.commit = commit_and_tell
    settings = json.loads(sys.argv[1])
    config = RecoverConfig(**settings | {"clip": tuple(settings["clip"])}, engine="ray", workers=2)
    try:
        with handle_signals(), open_display(False) as reporter:
            path = Path("recover.h5")
            run.run_experiment(Request(EXPERIMENT, config, path), load(config.checkpoint), reporter)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    builders.make_hard_definition(folder)
    return folder


@pytest.fixture(scope="module")
def settings(checkpoint):
    rules = ("none", "stochastic")
    return {"checkpoint": str(checkpoint), "clip": rules, "batch_size": 4, "trials": TRIALS}


@pytest.fixture(scope="module")
def alone(settings, tmp_path_factory):
    """The results of one process."""
    return _run(settings, tmp_path_factory.mktemp("alone"))


class Cluster(NamedTuple):
    """Where a cluster answers, and its first process."""

    address: str
    client: str
    process: psutil.Process

    def list_workers(self) -> dict[psutil.Process, str]:
        """The processes of workers, with what each says it does."""
        found = {}
        for each in self.process.children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has ended
                found[each] = "".join(each.cmdline()[:1])
        return {each: name for each, name in found.items() if name.startswith("ray::RayWorker")}


@pytest.fixture(scope="module")
def cluster():
    """One node with two CPUs, without a token."""
    folder = tempfile.mkdtemp(prefix="gt-", dir="/tmp")  # short, for the names of sockets
    environment = {"RAY_AUTH_MODE": "disabled", "RAY_TMPDIR": folder}
    port, client = _find_free_port(), _find_free_port()
    command = [Path(sys.executable).with_name(START[0]), *START[1:], f"--port={port}"]
    command += [f"--ray-client-server-port={client}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = {"env": os.environ | environment, "start_new_session": True, **quiet}
    with subprocess.Popen(command, **started) as node:  # type: ignore[call-overload]
        try:
            for each in (port, client):
                _wait_until(lambda each=each: _accepts_connections(each), 40)
            addresses = f"127.0.0.1:{port}", f"ray://127.0.0.1:{client}"
            yield Cluster(*addresses, psutil.Process(node.pid))
        finally:
            os.killpg(node.pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _find_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _accepts_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _wait_until(holds: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def _run(settings: dict[str, object], folder: Path, **others: object) -> Results:
    path = folder / "recover.h5"
    with mock.patch.dict(os.environ):
        config = RecoverConfig(**settings, **others)  # type: ignore[arg-type]
        run_experiment(Request(EXPERIMENT, config, path), load(config.checkpoint), SILENT)
    return read_results(path)


def _check_same(results: Results, alone: Results) -> None:
    """Check that each trial is there once, with the same outcome and, if converged, the same z."""
    np.testing.assert_array_equal(results.groups[""]["z_true"], alone.groups[""]["z_true"])
    for name in ("none", "stochastic"):
        rows, others = results.groups[name], alone.groups[name]
        assert rows["trial"].tolist() == list(range(TRIALS))
        np.testing.assert_array_equal(rows["outcome"], others["outcome"])
        converged = rows["outcome"] == Outcome.converged
        both = (each["z_found"][converged] for each in (rows, others))
        np.testing.assert_allclose(*both, atol=1e-3)


@pytest.mark.nightly
def test_a_client_of_two_workers_finds_what_one_device_finds(settings, alone, cluster, tmp_path):
    results = _run(settings, tmp_path, engine="ray", address=cluster.client)
    _check_same(results, alone)
    assert results.attributes["device"].startswith("Ray, 2 workers of 1 CPU and 0 GPU: CPU ")


@pytest.mark.nightly
def test_workers_end_the_starts_of_pictures_as_one_device_does(cluster, tmp_path):
    generator = make_generator(builders.make_definition(tmp_path / "easy"))
    pixels = [make_image(generator, number) for number in range(3)]
    pixels.append(make_random_pixels(generator))
    files = [save_image(tmp_path / f"{number}.png", each) for number, each in enumerate(pixels)]
    given = {"image": tuple(map(str, files)), "align": "none", "trials": 5, "batch_size": 2}
    found = []
    for name, engine in (("one", {}), ("ray", {"engine": "ray", "address": cluster.address})):
        config = InvertConfig(checkpoint=str(tmp_path / "easy"), **given, **engine)
        path = tmp_path / f"{name}.h5"
        with mock.patch.dict(os.environ):
            request = Request(invert.EXPERIMENT, config, path)
            run_experiment(request, load(config.checkpoint), SILENT)
        found.append(read_results(path).groups)
    one, ray = (each["stochastic/certificates"] for each in found)
    assert one["recoveries"].tolist() == [2, 2, 2, 5]
    for column in ("recoveries", "answered", "verdict"):
        np.testing.assert_array_equal(one[column], ray[column])
    off = np.abs(one["z_explained"] - ray["z_explained"])[:3]
    assert (off <= 0.01 * one["z_deviation"][:3]).all()
    assert len(found[1]["stochastic/starts"]["trial"]) == 11


@pytest.mark.nightly
def test_the_jobs_of_a_killed_worker_run_again(settings, alone, cluster, tmp_path):
    def kill_worker() -> None:
        _wait_until(lambda: "ray::RayWorker.work" in cluster.list_workers().values(), 120)
        next(iter(cluster.list_workers())).kill()

    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(kill_worker)
        results = _run(settings, tmp_path, engine="ray", address=cluster.address)
        assert killed.done(), "the run was too short"
        killed.result()
    _check_same(results, alone)


@pytest.mark.nightly
def test_workers_that_die_again_and_again_end_the_run(checkpoint, cluster):
    class Deadly:  # of this function, so that its code is sent to the workers
        def run(self, generator, jobs, worker):
            yield os._exit(1)

    config = RecoverConfig(engine="ray", address=cluster.address)
    build = partial(make_generator, builders.read(checkpoint))
    with mock.patch.dict(os.environ), open_cluster(config, build, print) as engine:
        results = engine.run(Deadly(), [Job(0)], threading.Event())
        with pytest.raises(GaninvError, match="6 workers in a row ended"):
            list(results)


@pytest.mark.nightly
def test_a_run_that_is_stopped_saves_and_goes_on(settings, alone, tmp_path):
    """SIGTERM for the process group reaches Ray's processes too, which must not die before."""
    with _start_locally(settings, tmp_path) as process:
        lines = _read_until_commits(process, 3)
        os.killpg(process.pid, signal.SIGTERM)
        _, rest = process.communicate(timeout=SOON)
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert {address for line in lines for address in line.split()[1:]} <= {
        *("127.0.0.1", "::1", "::ffff:127.0.0.1")
    }

    with _start_locally(settings, tmp_path) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "resuming: " in said
    _check_same(read_results(tmp_path / "recover.h5"), alone)


@contextlib.contextmanager
def _start_locally(settings: dict[str, object], folder: Path) -> Iterator[subprocess.Popen[str]]:
    (folder / "program.py").write_text(RUN_LOCALLY, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "program.py", json.dumps(settings)],
        cwd=folder,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        env={name: each for name, each in os.environ.items() if not name.startswith("RAY_")}
        | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _read_until_commits(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stderr
    committed: list[str] = []
    said = ""
    while len(committed) < count:
        line = process.stderr.readline()
        said += line
        assert line, said
        committed += [line] if line.startswith("committed ") else []
    return committed


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_no_cluster_answers_is_refused(scheme, tmp_path):
    address = f"{scheme}127.0.0.1:{_find_free_port()}"
    start = time.monotonic()
    words = f"--address {address}: no Ray cluster answers"
    config = RecoverConfig(engine="ray", address=address)
    with mock.patch.dict(os.environ), pytest.raises(UsageError, match=words) as caught:
        build = partial(make_generator, builders.make_definition(tmp_path))
        open_cluster(config, build, print).__enter__()
    assert time.monotonic() - start < SOON
    assert "\n" not in str(caught.value)


def test_a_missing_ray_is_asked_for(tmp_path):
    build = partial(make_generator, builders.make_definition(tmp_path))
    missing = mock.patch.dict(sys.modules, {"ray": None})
    with mock.patch.dict(os.environ), missing, pytest.raises(UsageError) as caught:
        open_cluster(RecoverConfig(engine="ray"), build, print).__enter__()
    assert "pip install 'ganinv[ray]'" in str(caught.value)


CONFIG = RecoverConfig(engine="ray", batch_size=8)


@pytest.mark.parametrize(
    ("device", "per_worker", "of_cluster", "chosen"),
    [
        *[("auto", None, 0, 0), ("auto", None, 2, 1), ("cpu", None, 2, 0), ("gpu", 0.5, 2, 0.5)],
        *[("auto", 0, 2, 0), ("gpu", None, 0, 1)],
        *[("cpu", 1, 2, None), ("gpu", 0, 2, None), ("gpu:0", None, 2, None), ("auto", 2, 2, None)],
    ],
)
def test_a_worker_gets_a_gpu_if_there_is_one(device, per_worker, of_cluster, chosen):
    config = replace(CONFIG, device=device, gpus_per_worker=per_worker)
    if chosen is None:
        with pytest.raises(UsageError, match="give auto, cpu or gpu, and at most 1 GPU"):
            choose_gpus(config, {"GPU": of_cluster})
    else:
        assert choose_gpus(config, {"GPU": of_cluster}) == chosen


def test_another_version_of_ganinv_is_refused():
    with pytest.raises(GaninvError, match=r"has ganinv .*, and this is 0\.0; install the same"):
        RayWorker(1, False).start("0.0", "float32", b"")
