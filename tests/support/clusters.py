"""A Ray cluster of several nodes on this machine, and its processes."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RAY = Path(sys.executable).with_name("ray")


class LocalCluster:
    """Started by `ray start`; without a token."""

    def __init__(self, cpus: int) -> None:
        """So many CPUs on its first node."""
        self._folder = tempfile.mkdtemp(prefix="gt-", dir="/tmp")
        self._environment = os.environ | {
            "RAY_AUTH_MODE": "disabled",
            "RAY_TMPDIR": self._folder,
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self._nodes: list[subprocess.Popen[bytes]] = []
        port, client = find_free_port(), find_free_port()
        self.address, self.client = f"127.0.0.1:{port}", f"ray://127.0.0.1:{client}"
        self._start_node(
            *("--head", f"--port={port}", f"--ray-client-server-port={client}"),
            *("--node-ip-address=127.0.0.1", f"--num-cpus={cpus}", "--include-dashboard=false"),
        )
        for each in (port, client):
            wait_until(lambda each=each: _accepts_connections(each), 40)

    @property
    def pid(self) -> int:
        """Of the first node, below which its processes are."""
        return self._nodes[0].pid

    def add_node(self, cpus: int) -> subprocess.Popen[bytes]:
        """Another node."""
        return self._start_node(f"--address={self.address}", f"--num-cpus={cpus}")

    def kill_node(self, node: subprocess.Popen[bytes]) -> None:
        """Kill a node at once, like a power failure."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.pid, signal.SIGKILL)
        node.wait()
        self._nodes.remove(node)

    def stop(self) -> None:
        for node in reversed(self._nodes[:]):
            self.kill_node(node)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start_node(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [RAY, "start", *arguments, "--num-gpus=0", "--block", "--disable-usage-stats"]
        command += ["--object-store-memory=150000000"]
        node = subprocess.Popen(
            command,
            env=self._environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._nodes.append(node)
        return node


@contextlib.contextmanager
def start_cluster(cpus: int) -> Iterator[LocalCluster]:
    """One that ends with the context."""
    started = LocalCluster(cpus)
    try:
        yield started
    finally:
        started.stop()


def find_free_port() -> int:
    """An address without a server."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until(holds: object, seconds: float) -> object:
    """Wait until `holds()` is true, and return its value."""
    end = time.monotonic() + seconds
    while not (found := holds()):  # type: ignore[operator]
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return found


def list_descendants(pid: int) -> dict[int, str]:
    """Processes below one, and the first word of how each calls itself."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            number = int(folder.name)
            parents[number] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            names[number] = (folder / "cmdline").read_bytes().split(b"\0")[0].decode().strip()
    found: dict[int, str] = {}
    wanted = {pid}
    while wanted:
        wanted = {child for child, parent in parents.items() if parent in wanted}
        found |= {child: names.get(child, "") for child in wanted}
    return found


def list_workers(pid: int) -> list[int]:
    """The processes of workers below one."""
    return [
        child for child, name in list_descendants(pid).items() if name.startswith("ray::RayWorker")
    ]


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _accepts_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
