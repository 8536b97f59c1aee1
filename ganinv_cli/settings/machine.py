"""The machine a run computes on, and the precision that is fast there."""

import os
from typing import Literal, NamedTuple

from ganinv_cli.settings.names import MIXED_PRECISION_SOLVERS

# flags of processors that multiply in bfloat16; on others it is slower than float32
BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}


class Machine(NamedTuple):
    """Where a run computes, and how: what its results say of that."""

    device: str  # the card, or the processor and how many cores may be used
    precision: Literal["float32", "mixed"] = "float32"  # of its gradients


def count_cores() -> int:
    """How many this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_mixed_precision(precision: str, solver: str, gpu: bool, cpuinfo: str) -> bool:
    """Whether the first gradients may be bfloat16; `cpuinfo` is the text of Linux's /proc/cpuinfo.

    Where `precision` is auto: on a GPU, or on a processor that has the instructions.
    """
    if precision == "float32" or solver not in MIXED_PRECISION_SOLVERS:
        return False
    return precision == "mixed" or gpu or not BFLOAT16_FLAGS.isdisjoint(cpuinfo.split())
