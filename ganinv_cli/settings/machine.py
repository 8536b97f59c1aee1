"""The machine that a run computes on, and the precision that is fast on it."""

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

# Processors with one of these flags multiply in bfloat16; on others it is slower than float32.
BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}


class Machine(NamedTuple):
    """The device and precision of a run, as its results file states them."""

    device: str  # the GPU, or the processor and its number of usable cores
    precision: Literal["float32", "mixed"] = "float32"  # of gradients, if the solver uses both


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_mixed_precision(precision: str, gpu: bool, cpuinfo: str) -> bool:
    """Return whether the first gradients may be in bfloat16.

    With `precision` auto they are on a GPU, and on a processor with one of BFLOAT16_FLAGS;
    `cpuinfo` is the text of Linux's /proc/cpuinfo.
    """
    if precision == "auto":
        return gpu or not BFLOAT16_FLAGS.isdisjoint(cpuinfo.split())
    return precision == "mixed"


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


def read_cpuinfo() -> str:
    """Return the text of /proc/cpuinfo; empty on systems without it."""
    with suppress(OSError):
        return Path("/proc/cpuinfo").read_text(errors="replace")
    return ""
