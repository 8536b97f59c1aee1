"""The devices that TensorFlow sees on this machine."""

import contextlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.errors import UsageError
from ganinv_cli.precision import choose_precision
from ganinv_cli.settings.machine import Machine, describe_device

AMPERE = (8, 0)  # the least compute capability of NVIDIA's GPUs with products in bfloat16
_DEVICE_PATTERN = re.compile(r"(auto|cpu|gpu)|(cpu|gpu):(\d+(?:,\d+)*)")


def configure_tensorflow(threads: int = 0, gpus: bool = True) -> None:
    """Configure TensorFlow, and initialise it.

    GPU memory is allocated as it is needed, and float32 is not rounded to TF32. `threads` limits
    the CPU threads, 0: one per core; `gpus` False hides all GPUs.
    """
    if not gpus:
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # TensorFlow is initialised already
            tf.config.experimental.set_memory_growth(gpu, True)
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.zeros(1)


class Device(NamedTuple):
    """A logical device of TensorFlow."""

    kind: str  # cpu or gpu
    number: int  # index among the logical devices of that kind

    def scope(self) -> contextlib.AbstractContextManager[object]:
        """Return a context in which tensors and graphs are placed on this device."""
        name = f"/{self.kind.upper()}:{self.number}"
        return tf.device(name)  # type: ignore[no-any-return]

    @property
    def description(self) -> str:
        """The GPU, or the processor and its number of usable cores."""
        return describe_device(self.kind, self.number)


def find_devices(spec: str) -> list[Device]:
    """Return the devices that `auto`, `cpu`, `gpu`, `gpu:0` or `gpu:0,1` names.

    Configures TensorFlow. `auto` is every GPU that TensorFlow sees, or the CPU if there is none.
    Raises UsageError if there are no such devices.
    """
    match = _DEVICE_PATTERN.fullmatch(spec)
    if not match:
        raise UsageError(f"no device {spec!r}; it is auto, cpu, gpu, or some GPUs such as gpu:0,1")
    configure_tensorflow()
    kind, number_list = match[1] or match[2], match[3]
    counts = {name: len(tf.config.list_logical_devices(name.upper())) for name in ("cpu", "gpu")}
    if kind == "auto":
        kind = "gpu" if counts["gpu"] else "cpu"
    if not counts[kind]:
        raise UsageError(
            "TensorFlow sees no GPU here; install ganinv[gpu] on a machine that has one, "
            "or use --device cpu"
        )
    named = map(int, number_list.split(",")) if number_list else range(counts[kind])
    numbers = list(dict.fromkeys(named))
    if max(numbers) >= counts[kind]:
        raise UsageError(
            f"--device {spec}: there is no {kind}:{max(numbers)}; the first is {kind}:0, and "
            f"TensorFlow sees {counts[kind]}"
        )
    return [Device(kind, number) for number in numbers]


def describe_machine(devices: Sequence[Device], precision: str) -> Machine:
    """Return the devices and the precision of a run, as its results file states them.

    Raises ConfigError if the precision is not fast on the devices.
    """
    names = [device.description for device in devices]
    parts = [f"{count} × {name}" if count > 1 else name for name, count in Counter(names).items()]
    gpu = devices[0].kind == "gpu"
    return Machine("; ".join(parts), choose_precision(precision, gpu, gpus_multiply_bfloat16()))


def gpus_multiply_bfloat16() -> bool:
    """Return whether all GPUs that TensorFlow sees multiply in bfloat16; older ones convert it."""
    gpus = tf.config.list_physical_devices("GPU")
    details = map(tf.config.experimental.get_device_details, gpus)
    return all(each.get("compute_capability", AMPERE) >= AMPERE for each in details)
