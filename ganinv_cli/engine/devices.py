"""The devices that TensorFlow sees on this machine."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.errors import UsageError
from ganinv_cli.precision import choose_precision
from ganinv_cli.settings.machine import NO_GPU, Machine, describe_device, read_device
from ganinv_cli.tensorflow_start import configure_tensorflow

AMPERE = (8, 0)  # the least compute capability of NVIDIA's GPUs with products in bfloat16


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
    kind, numbers = read_device(spec)
    configure_tensorflow()
    counts = {name: len(tf.config.list_logical_devices(name.upper())) for name in ("cpu", "gpu")}
    if kind == "auto":
        kind = "gpu" if counts["gpu"] else "cpu"
    if not counts[kind]:
        raise UsageError(NO_GPU)
    numbers = numbers or list(range(counts[kind]))
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
