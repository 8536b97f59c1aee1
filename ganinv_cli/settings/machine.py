"""The machine that a run computes on."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ganinv_cli.errors import UsageError
from ganinv_cli.precision import Precision, read_cpuinfo
from ganinv_cli.settings.declare import MACHINE, Value, declare

MAX_WORKERS = 2**16  # of Ray, and cores of each
NO_GPU = (
    "TensorFlow sees no GPU here; leave --device out, or in the clone type pip install '.[gpu]', "
    "and check with nvidia-smi that there is a GPU"
)
DRIVERS = ("nvidia*", "nvmap", "kfd", "dxg")  # files in /dev of NVIDIA, its Jetson, AMD, and WSL
_DEVICE_PATTERN = re.compile(r"(auto|cpu|gpu)|(cpu|gpu):(\d+(?:,\d+)*)")


class Machine(NamedTuple):
    """The device and precision of a run, as its results file states them."""

    device: str  # the GPU, or the processor and its number of usable cores
    precision: Precision = Precision.float32  # of gradients, if the solver can use it


def read_device(spec: str) -> tuple[str, list[int]]:
    """Return the kind in `auto`, `cpu`, `gpu`, `gpu:0` or `gpu:0,1`, and the numbers, if any.

    Raises UsageError if it is none of these, or a GPU where no driver of one is loaded.
    """
    match = _DEVICE_PATTERN.fullmatch(spec)
    if not match:
        raise UsageError(
            f"there is no device {spec!r}; give auto, cpu, gpu, or some GPUs such as gpu:0,1"
        )
    kind, numbers = match[1] or match[2], match[3].split(",") if match[3] else []
    if kind == "gpu" and not _has_gpu_driver():
        raise UsageError(NO_GPU)
    return kind, list(dict.fromkeys(map(int, numbers)))


def _has_gpu_driver() -> bool:
    """Return whether TensorFlow may see a GPU: on Linux, a driver makes files in /dev."""
    return platform.system() != "Linux" or any(
        file for pattern in DRIVERS for file in Path("/dev").glob(pattern)
    )


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_current_device() -> str:
    """Return the description of the device that tensors are placed on where this is called."""
    import tensorflow as tf  # here: settings load without TensorFlow

    spec = tf.DeviceSpec.from_string(tf.zeros(()).device)
    return describe_device(spec.device_type.lower(), spec.device_index)


def describe_device(kind: str, number: int) -> str:
    """Return the name of a GPU, or that of the processor and its number of usable cores.

    `kind` is cpu or gpu; `number` counts TensorFlow's logical devices of that kind.
    """
    import tensorflow as tf  # here: settings load without TensorFlow

    if kind == "cpu":
        cores = count_cores()
        return f"CPU {_read_processor_name()}, {cores} core{'' if cores == 1 else 's'}"
    gpus = tf.config.list_physical_devices("GPU")
    gpu = gpus[min(number, len(gpus) - 1)]  # a GPU may be several logical devices
    details = tf.config.experimental.get_device_details(gpu)
    return f"GPU {details.get('device_name', gpu.name)}"


def _read_processor_name() -> str:
    """Return the processor's name on Linux, and the architecture on other systems."""
    for line in read_cpuinfo().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _declare_machine(default: Value, **properties: Any) -> Value:
    """Declare a setting of the machine, which may differ when a run goes on."""
    return declare(default, **{"group": MACHINE, "resume": "free"} | properties)


@dataclass(frozen=True)
class MachineSettings:
    """Settings of where a run computes; all may differ when it goes on."""

    device: str = _declare_machine(
        "auto",
        help="Devices. auto: all GPUs, else the CPU. gpu:0,1: these GPUs.",
        metavar="auto|cpu|gpu|gpu:0,1",
    )
    batch_size: int | None = _declare_machine(
        None,
        help="Trials per batch on each device.",
        range=(1, 2**16),
        shown_default="the fastest size, which is measured",
        resume="free unless coupled",
    )
    engine: Literal["local", "ray"] = _declare_machine(
        "local",
        help="local: the devices of this machine. ray: the workers of a Ray cluster (needs "
        "ganinv[ray]).",
    )
    address: str = _declare_machine(
        "local",
        help="Address of the Ray cluster: local starts one here, auto finds the cluster of this "
        "machine.",
        metavar="local|auto|HOST:PORT|ray://HOST:PORT",
    )
    workers: int | None = _declare_machine(
        None,
        help="Number of Ray workers.",
        range=(1, MAX_WORKERS),
        shown_default="as many as fit",
    )
    cpus_per_worker: int = _declare_machine(
        1,
        help="Cores and threads per Ray worker.",
        range=(1, MAX_WORKERS),
    )
    gpus_per_worker: float | None = _declare_machine(
        None,
        help="GPUs per Ray worker; may be a fraction, e.g. 0.5.",
        range=(0, MAX_WORKERS),
        shown_default="1 if the cluster has GPUs, else 0",
    )
    shard: str | None = _declare_machine(
        None,
        help="Run part I of N equal parts, for array jobs. A part has some of the trials, or for "
        "invert some of the images. ganinv merge joins the parts.",
        metavar="I/N",
    )
