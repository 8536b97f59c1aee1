"""What is disturbed: every command, on generators so small that it takes seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..support import run_ganinv, write_checkpoint

_COMMON = ("--checkpoint", "g", "--batch-size", "1", "--budget", "60", "--precision", "float32")
_CLIP = ("--clip", "none,stochastic")
_RECOVER = ("recover", "--trials", "4", *_CLIP, *_COMMON)
_TRIALS = "10"  # of the shards, which have 8 trials at a time


@dataclass(frozen=True)
class Workload:
    """A command, the files that it reads, and how it is called again after it was stopped."""

    name: str
    build: Callable[[Path], object]  # writes what it reads into a folder
    arguments: tuple[str, ...]  # of ganinv, in that folder
    again: tuple[str, ...] = ()  # more arguments for the second call
    results: str = ""  # the results file whose rows are compared, if there is one


def list_workloads() -> list[Workload]:
    """Return a workload for each command."""
    sample = ("sample", "g", "--out", "pictures/", "--count", "5", "--npz", "z.npz")
    train = ("--size", "16", "--width", "4", "--batch-size", "4", "--steps", "4", "--out", "t")
    encoder = ("train-encoder", "--checkpoint", "g", "--images", "1200", "--batch-size", "300")
    inspect = ("inspect", "g", "--spectrum", "s.png", "--points", "2")
    overwrite = ("--overwrite",)
    return [
        Workload("recover", write_checkpoint, _RECOVER, results="recover.h5"),
        Workload(
            *("noise-sweep", write_checkpoint),
            ("noise-sweep", "--trials", "2", "--clip", "none", "--variances", "0.01,0.1", *_COMMON),
            results="noise-sweep.h5",
        ),
        Workload(
            *("consistency", _write_image),
            ("consistency", "--image", "x.png", "--trials", "3", "--clip", "none", *_COMMON),
            results="consistency.h5",
        ),
        Workload(
            *("invert", _write_image),
            ("invert", "x.png", "y.png", "--starts", "2", "--npz", "z.npz", *_COMMON),
            results="invert.h5",
        ),
        Workload("merge", _write_shards, ("merge", "m.h5", "1.h5", "2.h5"), results="m.h5"),
        Workload("report", _write_results, ("report", "recover.h5")),
        Workload("convert", write_checkpoint, ("convert", "g", "out.keras"), overwrite),
        Workload("train", _write_photographs, ("train", "photographs", *train)),
        Workload("train-encoder", write_checkpoint, encoder),
        Workload("sample", write_checkpoint, sample, overwrite),
        Workload("inspect", write_checkpoint, inspect, overwrite),
        Workload("cache", _write_cache, ("cache", "clear")),
    ]


def _write_image(folder: Path) -> None:
    write_checkpoint(folder)
    random = np.random.default_rng(0)
    for name in ("x.png", "y.png"):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / name)


def _write_photographs(folder: Path) -> None:
    (folder / "photographs").mkdir()
    random = np.random.default_rng(0)
    for number in range(8):
        pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "photographs" / f"{number}.png")


def _write_results(folder: Path) -> None:
    write_checkpoint(folder)
    run_ganinv(folder, *_RECOVER, "--quiet")


def _write_shards(folder: Path) -> None:
    write_checkpoint(folder)
    for number in ("1", "2"):
        shard = ("--shard", f"{number}/2", "--out", f"{number}.h5", "--quiet")
        run_ganinv(folder, "recover", "--trials", _TRIALS, *_CLIP, *_COMMON, *shard)


def _write_cache(folder: Path) -> None:
    """Write measurements into the cache of the workload, beside its current folder."""
    for kind in ("norms", "preconditioner"):
        (folder.parent / "cache" / "ganinv" / kind).mkdir(parents=True)
        for number in range(3):
            np.savez(folder.parent / "cache" / "ganinv" / kind / f"{number}.npz", np.zeros(9))
