"""Ray, connected to a cluster by its address."""

import contextlib
import logging
import os
import pickle
import secrets
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganinv_cli.errors import UsageError
from ganinv_cli.settings.machine import cores

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import Recipe

PROBE_SECONDS = 5.0  # that an address has to answer
STORE = 2**28  # bytes that workers of a local cluster can share, besides generators
_CALLS = {
    True: "/ray.rpc.RayletDriver/ClusterInfo",
    False: "/ray.rpc.NodeInfoGcsService/CheckAlive",
}
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # what calls to a lost worker end with
    "RAY_ENABLE_AUTO_CONNECT": "0",  # to a new cluster, where one was lost
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "3",
    "RAY_NUM_REDIS_GET_RETRIES": "3",
}


@contextlib.contextmanager
def connected(address: str, recipe: "Recipe") -> Iterator[Any]:
    """The module ray, while it is connected.

    `local` is a cluster of this process, which has room for the recipe and ends with it; `auto` one
    that this machine is part of. Ray says nothing meanwhile, and stdout is not to be used. Raises
    UsageError where Ray is not installed or nobody answers.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if address == "local" and "RAY_AUTH_MODE" not in os.environ:  # else it writes one to ~/.ray
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(
            "--engine ray needs Ray, which is not installed here; pip install 'ganinv[ray]'"
        ) from error
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        nothing = stack.enter_context(Path(os.devnull).open("w"))
        stack.enter_context(contextlib.redirect_stdout(nothing))  # where Ray says who died
        folder = stack.enter_context(_short_folder()) if address == "local" else ""
        stack.callback(ray.shutdown)
        if folder:
            _start(ray, folder, STORE + 2 * len(pickle.dumps(recipe)))
        else:
            _join(ray, address)
        yield ray


def _short_folder() -> tempfile.TemporaryDirectory[str]:
    """For a cluster of one's own; a socket's path, which has the folder's in it, must be short."""
    return tempfile.TemporaryDirectory(prefix="gi-", dir="/tmp", ignore_cleanup_errors=True)


def _start(ray: Any, folder: str, store: int) -> None:
    with _own_signals():
        ray.init(
            address="local",
            num_cpus=cores(),
            object_store_memory=store,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
            **_SILENT,
        )


def _join(ray: Any, address: str) -> None:
    known = address if address != "auto" else _known()
    if known or address != "auto":
        _probe(known)
    for last in (False, True):
        try:
            with _own_signals():
                ray.init(address=address, **_SILENT)
            return
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            ray.shutdown()
            if last or not known:
                raise UsageError(_nobody(address, str(error))) from error


_SILENT = {"log_to_driver": False, "logging_level": "CRITICAL"}


def _known() -> str:
    """What `auto` will try first: the environment's, or that of the last cluster started here."""
    if given := os.environ.get("RAY_ADDRESS"):
        return given
    with contextlib.suppress(OSError):
        folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
        return (folder / "ray" / "ray_current_cluster").read_text().strip()
    return ""


def _probe(address: str) -> None:
    """Raises UsageError where no Ray cluster answers: Ray itself would try for a minute."""
    import grpc

    client = address.startswith("ray://")
    place = address.removeprefix("ray://")
    if not place.rpartition(":")[0] or not place.rpartition(":")[2].isdecimal():
        raise UsageError(
            f"--address {address}: it is local, auto, HOST:PORT or ray://HOST:PORT, "
            "such as ray://head:10001"
        )
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(place, options=options) as channel:
        try:
            channel.unary_unary(_CALLS[client])(b"", timeout=PROBE_SECONDS)
            return
        except grpc.RpcError as error:
            code = error.code()
    if code is grpc.StatusCode.UNAUTHENTICATED:
        if os.environ.get("RAY_AUTH_MODE") != "token":
            raise UsageError(
                f"the Ray cluster at {address} asks for its token; set RAY_AUTH_MODE=token, and "
                "RAY_AUTH_TOKEN where it is not in ~/.ray/auth_token"
            )
    elif code is grpc.StatusCode.UNIMPLEMENTED:
        other = "HOST:PORT" if client else "ray://HOST:PORT"
        raise UsageError(
            f"what answers at {address} is no Ray cluster, or one that wants {other} here"
        )
    elif code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        raise UsageError(_nobody(address))


def _nobody(address: str, why: str = "") -> str:
    if address == "auto":
        return (
            "--address auto: this machine is part of no Ray cluster that answers; start one "
            "(ray start --head), name another, or use --address local"
        )
    reason = why.strip().splitlines()[0].rstrip(".") if why.strip() else "nobody answers there"
    return f"no Ray cluster at {address}: {reason}; is it running, and can this machine reach it?"


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Ray puts handlers of its own in place of those that were there."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
