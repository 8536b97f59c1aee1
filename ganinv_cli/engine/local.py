"""The devices of this machine."""

import contextlib
import os
import platform
from pathlib import Path

import tensorflow as tf

from ganinv_cli.errors import UsageError
from ganinv_cli.resources import Machine, mixed


def prepare() -> None:
    """Set what must be set before TensorFlow first computes, and let it compute."""
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # it has computed before: it is as it is
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.zeros(1)


class Device:
    """Where tensors live and graphs run; used as a context."""

    def __init__(self, wanted: str) -> None:
        """`auto` takes the first GPU that TensorFlow sees, and else the CPU."""
        if wanted not in ("auto", "cpu", "gpu"):
            raise UsageError(f"no device {wanted!r}; it is auto, cpu or gpu")
        gpus = tf.config.list_physical_devices("GPU")
        if wanted == "gpu" and not gpus:
            raise UsageError(
                "TensorFlow sees no GPU here; install ganinv[gpu] on a machine that has one, "
                "or use --device cpu"
            )
        prepare()
        self._gpu = gpus[0] if gpus and wanted != "cpu" else None

    def scope(self) -> contextlib.AbstractContextManager[object]:
        """Put what is built and run inside on this device."""
        return tf.device("/GPU:0" if self._gpu else "/CPU:0")  # type: ignore[no-any-return]

    @property
    def description(self) -> str:
        """For the provenance: the card, or the processor and how many cores may be used."""
        if self._gpu:
            details = tf.config.experimental.get_device_details(self._gpu)
            return f"GPU {details.get('device_name', self._gpu.name)}"
        return f"CPU {_processor()}, {_cores()} cores"

    def machine(self, precision: str, solver: str) -> Machine:
        """What a run's results say of where it was computed, and how."""
        in_bfloat16 = mixed(precision, solver, self._gpu is not None, _cpuinfo())
        return Machine(self.description, "mixed" if in_bfloat16 else "float32")


def _cores() -> int:
    """How many this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """The processor's own name where Linux tells it, and else the architecture."""
    for line in _cpuinfo().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _cpuinfo() -> str:
    """What Linux tells of the processor; nothing elsewhere."""
    with contextlib.suppress(OSError):
        return Path("/proc/cpuinfo").read_text()
    return ""
