"""Connect to a Ray cluster by its address, or start one on this machine."""

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
from ganinv_cli.files.regular_file import read_regular_file
from ganinv_cli.files.temporary import make_temporary_folder
from ganinv_cli.settings.machine import count_cores

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import GeneratorSpec

PROBE_SECONDS = 5.0  # until an address must have answered
OBJECT_STORE_BYTES = 2**28  # of a local cluster, besides the weights
_PROBE_METHODS = {
    True: "/ray.rpc.RayletDriver/ClusterInfo",
    False: "/ray.rpc.NodeInfoGcsService/CheckAlive",
}
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of calls to a lost worker
    "RAY_ENABLE_AUTO_CONNECT": "0",  # do not start a cluster in place of a lost one
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "3",
    "RAY_NUM_REDIS_GET_RETRIES": "3",
}


@contextlib.contextmanager
def connect(address: str, spec: "GeneratorSpec") -> Iterator[Any]:
    """Return the module ray, connected until exit.

    `local` starts a cluster that can hold `spec` and ends on exit; `auto` is the cluster that this
    machine is part of. Stdout goes nowhere, since Ray prints on it. Raises UsageError if Ray is not
    installed or no cluster answers.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if address == "local":
        os.environ |= _LOOPBACK_ALONE
        if "RAY_AUTH_MODE" not in os.environ:  # or Ray writes a token to ~/.ray
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(
            "--engine ray needs Ray, which is not installed here; pip install 'ganinv[ray]'"
        ) from error
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        devnull = stack.enter_context(Path(os.devnull).open("w"))
        stack.enter_context(
            contextlib.redirect_stdout(devnull)
        )  # Ray prints there which worker died
        # The paths of sockets in it must be short.
        folder = stack.enter_context(make_temporary_folder(SHORT)) if address == "local" else None
        stack.callback(ray.shutdown)
        if folder:
            _start_cluster(ray, folder, OBJECT_STORE_BYTES + 2 * len(pickle.dumps(spec)))
        else:
            _join_cluster(ray, address)
        yield ray


def _start_cluster(ray: Any, folder: Path, object_store_bytes: int) -> None:
    with _keep_signal_handlers():
        ray.init(
            address="local",
            num_cpus=count_cores(),
            object_store_memory=object_store_bytes,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(folder / "r"),
            **_INIT_OPTIONS,
        )


def _join_cluster(ray: Any, address: str) -> None:
    known_address = address if address != "auto" else _find_cluster_address()
    if known_address or address != "auto":
        _check_cluster_answers(known_address)
    for last in (False, True):
        try:
            with _keep_signal_handlers():
                ray.init(address=address, **_INIT_OPTIONS)
            return
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            ray.shutdown()
            if last or not known_address:
                raise UsageError(_describe_missing_cluster(address, str(error))) from error


SHORT = Path("/tmp")
_LOOPBACK_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # else services listen everywhere
_INIT_OPTIONS = {"log_to_driver": False, "logging_level": "CRITICAL"}


def _find_cluster_address() -> str:
    """Return the address that Ray tries first for `auto`; empty if there is none."""
    if given := os.environ.get("RAY_ADDRESS"):
        return given
    with contextlib.suppress(OSError, UnicodeDecodeError):
        folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
        return read_regular_file(folder / "ray" / "ray_current_cluster", 4096).decode().strip()
    return ""


def _check_cluster_answers(address: str) -> None:
    """Raise UsageError if no Ray cluster answers; Ray itself would try for a minute."""
    import grpc

    is_client = address.startswith("ray://")
    host_port = address.removeprefix("ray://")
    if not host_port.rpartition(":")[0] or not host_port.rpartition(":")[2].isdecimal():
        raise UsageError(
            f"--address {address}: it is local, auto, HOST:PORT or ray://HOST:PORT, "
            "such as ray://head:10001"
        )
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(host_port, options=options) as channel:
        try:
            channel.unary_unary(_PROBE_METHODS[is_client])(b"", timeout=PROBE_SECONDS)
            return
        except grpc.RpcError as error:
            code = error.code()
    if code is grpc.StatusCode.UNAUTHENTICATED:
        if os.environ.get("RAY_AUTH_MODE") != "token":
            raise UsageError(
                f"the Ray cluster at {address} asks for its token; set RAY_AUTH_MODE=token, and "
                "RAY_AUTH_TOKEN if ~/.ray/auth_token does not have it"
            )
    elif code is grpc.StatusCode.UNIMPLEMENTED:
        other = "HOST:PORT" if is_client else "ray://HOST:PORT"
        raise UsageError(
            f"what answers at {address} is no Ray cluster, or one that wants {other} here"
        )
    elif code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        raise UsageError(_describe_missing_cluster(address))


def _describe_missing_cluster(address: str, cause: str = "") -> str:
    if address == "auto":
        return (
            "--address auto: this machine is part of no Ray cluster that answers; start one "
            "(ray start --head), name another, or use --address local"
        )
    reason = cause.strip().splitlines()[0].rstrip(".") if cause.strip() else "no answer"
    return f"no Ray cluster at {address}: {reason}; is it running, and can this machine reach it?"


@contextlib.contextmanager
def _keep_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers on exit; `ray.init` replaces them.

    The processes that it starts ignore the end of the terminal, Ctrl-\\ and SIGTERM for the process
    group, as Ray lets them ignore Ctrl-C: they end with this process, which saves what they have
    finished. Otherwise Ray would wait for them a minute, and then end this process.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
