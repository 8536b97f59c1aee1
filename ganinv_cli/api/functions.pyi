"""Written by docs/generate.py from the declarations of the experiments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from numpy.typing import NDArray

from ganinv_cli.api.experiments import GeneratorLike
from ganinv_cli.api.results import Inversion, RunResults
from ganinv_cli.progress import Reporter

__all__ = ["consistency", "invert", "noise_sweep", "recover"]

class _Settings(TypedDict, total=False):
    prior: str | None
    latent: str | None
    encoder: str | None
    latents: str | None
    range: str | None
    activation: str | None
    strides: NDArray[Any] | Sequence[int]
    padding: NDArray[Any] | Sequence[int]
    epsilon: NDArray[Any] | Sequence[float]
    upsampling: Sequence[str]
    norm: Sequence[str]
    key: str | None
    labels: int | None
    trust: bool
    device: str
    batch_size: int | None
    engine: Literal["local", "ray"]
    address: str
    workers: int | None
    cpus_per_worker: int
    gpus_per_worker: float | None
    shard: str | None
    checkpoint: str
    label: int | None
    trials: int
    clip: str | Sequence[str]
    solver: str
    loss: Literal["preconditioned", "plain"]
    start: Literal["random", "encoder"]
    restarts: int
    budget: float
    tolerance: float
    precision: Literal["auto", "float32", "mixed"]
    batch_norm: Literal["frozen", "batch"]
    seed: int
    note: str | None
    adam: dict[str, Any]
    gd: dict[str, Any]
    lbfgs: dict[str, Any]

class _RecoverSettings(_Settings, total=False):
    compare: Literal["lbfgs", "none"]
    success: Literal["end", "ever"]
    snapshots: NDArray[Any] | Sequence[int]
    threshold: float
    polish: Literal["none", "float64"]

def recover(
    generator: GeneratorLike = None,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Unpack[_RecoverSettings],
) -> RunResults: ...

class _NoiseSweepSettings(_Settings, total=False):
    noise: str
    variances: NDArray[Any] | Sequence[float]
    levels: NDArray[Any] | Sequence[float]
    clip_pixels: bool
    stationary: float

def noise_sweep(
    generator: GeneratorLike = None,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Unpack[_NoiseSweepSettings],
) -> RunResults: ...

class _ConsistencySettings(_Settings, total=False):
    image: Sequence[str]
    crop: str
    mask: str | None
    stationary: float

def consistency(
    generator: GeneratorLike,
    images: Any,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Unpack[_ConsistencySettings],
) -> RunResults: ...

class _InvertSettings(_Settings, total=False):
    starts: int | None
    image: Sequence[str]
    crop: str
    mask: str | None
    stationary: float
    align: Literal["auto", "none"]
    polish: Literal["float32", "float64"]

def invert(
    generator: GeneratorLike,
    images: Any,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Unpack[_InvertSettings],
) -> Inversion: ...
