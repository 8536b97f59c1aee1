"""The machine that a run computes on, and the precision that is fast on it."""

import os
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
