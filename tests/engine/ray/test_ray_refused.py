"""A cluster that cannot be reached, or lacks resources, is refused soon and in one sentence."""

import http.server
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import builders
import clusters
import pytest
from called import list_messages, run_ganinv

from ganinv_cli.engine.engine import GeneratorSpec
from ganinv_cli.engine.ray import connect, resources
from ganinv_cli.errors import UsageError

SOON = 15.0  # seconds


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> GeneratorSpec:
    return GeneratorSpec(builders.make_checkpoint(tmp_path_factory.mktemp("small")))


@pytest.fixture
def silent():
    """The port of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def website():
    """The port of an HTTP server."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    with server, mock.patch.object(server.RequestHandlerClass, "log_message"):
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _refused(address: str, spec: GeneratorSpec) -> str:
    began = time.monotonic()
    with (
        mock.patch.dict(os.environ),
        pytest.raises(UsageError) as caught,
        connect.connect(address, spec),
    ):
        pass
    assert time.monotonic() - began < SOON
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["", "ray://"])
def test_an_address_where_nobody_answers_is_refused(kind, spec, silent, website, monkeypatch):
    monkeypatch.setattr(connect, "PROBE_SECONDS", 1.0)
    for place in (f"127.0.0.1:{clusters.find_free_port()}", f"127.0.0.1:{silent}", "no.invalid:1"):
        said = _refused(f"{kind}{place}", spec)
        assert f"no Ray cluster at {kind}{place}: no answer" in said
    assert f"127.0.0.1:{website}" in _refused(f"{kind}127.0.0.1:{website}", spec)


@pytest.mark.parametrize("address", ["", "head", "ray://head", "head:", "ray://head:x", "auto:"])
def test_what_is_no_address_is_refused(address, spec):
    said = _refused(address, spec)
    assert f"--address {address}: it is local, auto, HOST:PORT or ray://HOST:PORT" in said


def test_auto_without_a_cluster_is_refused(spec, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    lost = mock.patch("ray.init", side_effect=ConnectionError("Could not find any Ray instance"))
    with lost:
        assert "is part of no Ray cluster that answers" in _refused("auto", spec)
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(f"127.0.0.1:{clusters.find_free_port()}")
    assert "no Ray cluster at 127.0.0.1" in _refused("auto", spec)
    monkeypatch.setenv("RAY_ADDRESS", f"ray://127.0.0.1:{clusters.find_free_port()}")
    assert "no Ray cluster at ray://127.0.0.1" in _refused("auto", spec)


def test_ray_that_is_not_installed_is_asked_for(spec):
    with mock.patch.dict(sys.modules, {"ray": None}):
        assert "pip install 'ganinv[ray]'" in _refused("local", spec)


def test_a_command_that_finds_no_cluster_exits_with_2_and_one_line(tmp_path):
    builders.make_checkpoint(tmp_path / "small")
    address = f"127.0.0.1:{clusters.find_free_port()}"
    command = ("recover", "--checkpoint", tmp_path / "small", "--engine", "ray")
    with mock.patch.dict(os.environ):
        result = run_ganinv(tmp_path, *command, "--address", address, code=2)
    (said,) = list_messages(result)
    assert said.startswith(f"Error: no Ray cluster at {address}: no answer")
    assert result.stdout == ""


def _node(cpus: float, gpus: float = 0, alive: bool = True) -> resources.Node:
    return {"Alive": alive, "Resources": {"CPU": cpus, "GPU": gpus} if gpus else {"CPU": cpus}}


def test_a_worker_gets_a_gpu_where_there_is_one():
    bare, one = [_node(4)], [_node(4), _node(8, 2)]
    assert resources.choose_worker_resources(bare, "auto", 2, -1) == (2, 0)
    assert resources.choose_worker_resources(one, "auto", 2, -1) == (2, 1)
    assert resources.choose_worker_resources(one, "cpu", 2, -1) == (2, 0)
    assert resources.choose_worker_resources(one, "gpu", 1, 0.5) == (1, 0.5)
    assert resources.choose_worker_resources(one, "auto", 1, 0) == (1, 0)


@pytest.mark.parametrize(
    ("nodes", "asked", "room_for"),
    [
        ([_node(5), _node(3)], (2, 0), 3),
        ([_node(5), _node(3, alive=False)], (2, 0), 2),
        ([_node(64, 8), _node(64)], (4, 1), 8),
        ([_node(8, 8)], (4, 1), 2),
        ([_node(8, 1)], (1, 0.5), 2),
        ([_node(8, 2)], (1, 0.6), 2),
    ],
)
def test_room_is_counted_node_by_node(nodes, asked, room_for):
    assert resources.count_workers_that_fit(nodes, resources.WorkerResources(*asked)) == room_for


@pytest.mark.parametrize(
    ("nodes", "device", "cpus", "gpus", "words"),
    [
        (
            [_node(4)],
            "auto",
            1,
            1,
            "a worker needs 1 CPU and 1 GPU, and the cluster has 4 CPUs and no",
        ),
        (
            [_node(4)],
            "gpu",
            1,
            -1,
            "a worker needs 1 CPU and 1 GPU, and the cluster has 4 CPUs and no",
        ),
        ([_node(4, 2)], "auto", 1, 4, "4 GPUs, and the cluster has 4 CPUs and 2 GPUs on 1 node"),
        ([_node(4, 2)], "auto", 1, 2, "a worker computes on one GPU"),
        ([_node(4), _node(4)], "auto", 8, 0, "no node has as much: the cluster has 8 CPUs"),
        ([_node(4), _node(1, 1)], "auto", 2, 1, "no node has as much"),
        ([_node(4, 2)], "cpu", 1, 1, "--device cpu leaves no use for --gpus-per-worker 1"),
        ([_node(4, 2)], "gpu", 1, 0, "leaves a worker none"),
        ([_node(4, 2)], "gpu:0", 1, -1, "with --engine ray it is auto, cpu or gpu"),
    ],
)
def test_more_than_there_is_is_refused(nodes, device, cpus, gpus, words):
    with pytest.raises(UsageError, match=words):
        resources.choose_worker_resources(nodes, device, cpus, gpus)


def test_processes_of_a_cluster_outlive_the_terminal_until_what_they_finished_is_saved():
    code = "import signal as s; print(*sorted(s.pthread_sigmask(s.SIG_BLOCK, [])))"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with connect._keep_signal_handlers():  # in which Ray starts them
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert {signal.SIGHUP, signal.SIGQUIT} <= set(map(int, child.stdout.split()))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


_LISTEN = """
import pickle, sys
import grpc, psutil
from pathlib import Path
from ganinv_cli.engine.ray import connect

if __name__ == "__main__":
    with connect.connect("local", pickle.loads(Path(sys.argv[1]).read_bytes())) as ray:
        started = psutil.Process().children(recursive=True)
        found = [c for p in started for c in p.net_connections("inet") if c.status == "LISTEN"]
        print(*{c.laddr.ip for c in found}, file=sys.stderr)
        folder = Path(ray._private.worker._global_node.get_temp_dir_path()).parent
        print(folder, oct(folder.stat().st_mode & 0o777), file=sys.stderr)
        with grpc.insecure_channel(ray.get_runtime_context().gcs_address) as stranger:
            call = stranger.unary_unary("/ray.rpc.NodeInfoGcsService/CheckAlive").future(b"")
            print(call.code().name, file=sys.stderr)
"""


@pytest.mark.slow
def test_a_local_cluster_listens_on_this_machine_alone_for_its_user(spec, tmp_path):
    (tmp_path / "spec").write_bytes(pickle.dumps(spec))
    (tmp_path / "listen.py").write_text(_LISTEN)
    run = subprocess.run(
        [sys.executable, "listen.py", "spec"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        | {"PYTHONPATH": str(Path(connect.__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    addresses, place, answer_without_token = run.stderr.splitlines()[-3:]
    assert set(addresses.split()) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert addresses
    folder, mode = place.split()
    assert mode == "0o700"
    assert answer_without_token == "UNAUTHENTICATED"
    assert not Path(folder).exists()
