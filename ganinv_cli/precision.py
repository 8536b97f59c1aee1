"""The precision of gradients: one value, from the setting to the solver and the generator."""

import os
import re
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Literal

from ganinv_cli.errors import ConfigError

Dtype = Literal["bfloat16", "float32", "float64"]  # that a generator computes in
TrainingDtype = Literal["float32", "bfloat16"]
# Processors with one of these flags multiply in bfloat16; on others it is slower than float32.
FLAGS = {"amx_bf16", "avx512_bf16"}
# Limits of oneDNN, TensorFlow's library of products, below its first instructions for bfloat16
_LIMITS_BELOW = re.compile("sse41|avx|avx2.*|avx512_core(_vnni)?", re.IGNORECASE)


class Precision(StrEnum):
    """The precision of the gradients of a run, as its results file states it."""

    float32 = "float32"
    mixed = "mixed"  # low until the objective is too small for that, then float32

    @property
    def low(self) -> Dtype:
        """The dtype of rows that may have low precision, and of J in a preconditioner."""
        return "bfloat16" if self is Precision.mixed else "float32"

    @property
    def description(self) -> str:
        return "bfloat16 then float32" if self is Precision.mixed else "float32"


def choose_precision(setting: str, gpu: bool, fast_gpu: bool = True) -> Precision:
    """Return the precision of this machine for a setting: of `auto`, the faster one.

    `fast_gpu` says whether its GPUs, if it has some, multiply in bfloat16. Raises ConfigError for
    `mixed` on a processor on which it is not fast.
    """
    if setting == Precision.mixed:
        require_fast_dtype(setting, "bfloat16", gpu)
        return Precision.mixed
    is_low = setting != Precision.float32 and (fast_gpu if gpu else has_fast_bfloat16())
    return Precision.mixed if is_low else Precision.float32


def limit_precision(precision: Precision, setting: str, is_possible: bool) -> Precision:
    """Return the precision of a run, for which a mixed one may not be possible.

    Raises ConfigError if the setting asks for it nevertheless.
    """
    if is_possible:
        return precision
    if setting == Precision.mixed:
        raise ConfigError(
            f"precision = {setting}: it is always float32 for first-order methods, for noisy "
            "images and for images outside the generator's range; leave --precision out"
        )
    return Precision.float32


def require_fast_dtype(setting: str, dtype: str, gpu: bool) -> None:
    """Raise ConfigError, which names the setting, if a dtype is not fast on this machine."""
    if dtype == "bfloat16" and not gpu and not has_fast_bfloat16():
        raise ConfigError(
            f"precision = {setting}: TensorFlow has no fast products in {dtype} on this "
            "processor, or its environment (ONEDNN_MAX_CPU_ISA, TF_ENABLE_ONEDNN_OPTS) forbids "
            "them; leave --precision out"
        )


def has_fast_bfloat16() -> bool:
    """Return whether TensorFlow multiplies faster in bfloat16 than in float32 on this processor.

    TensorFlow does not say, and a trial would end the process under a limit such as AVX2.
    """
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA", "")
    is_off = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() in ("0", "false")
    if is_off or _LIMITS_BELOW.fullmatch(limit):
        return False
    return not FLAGS.isdisjoint(read_cpuinfo().split())


def read_cpuinfo() -> str:
    """Return the text of /proc/cpuinfo; empty on systems without it."""
    with suppress(OSError):
        return Path("/proc/cpuinfo").read_text(errors="replace")
    return ""
