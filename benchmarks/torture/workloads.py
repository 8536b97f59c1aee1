"""What is disturbed: every command, on generators so small that it takes seconds."""

import contextlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from click.testing import CliRunner
from PIL import Image

ROOT = Path(__file__).parents[2]
_TINY = ("--checkpoint", "g", "--precision", "float32")
_COMMON = (*_TINY, "--batch-size", "1", "--budget", "60")
_CLIP = ("--clip", "none,stochastic")
_RECOVER = ("recover", "--trials", "4", *_CLIP, *_COMMON)
_SHARDED = ("recover", "--trials", "10", *_CLIP, *_COMMON)  # a block of a shard has 8 trials


@dataclass(frozen=True)
class Workload:
    """A command, the files that it reads, and how it is called again after it was stopped."""

    name: str
    build: Callable[[Path], object]  # writes what it reads into a folder
    arguments: tuple[str, ...]  # of ganinv, in that folder
    again: tuple[str, ...] = ()  # more arguments for the second call
    results: str = ""  # the results file whose rows are compared, if there is one


def list_workloads() -> list[Workload]:
    """Return a workload for each command that writes files."""
    sweep = ("noise-sweep", "--trials", "2", "--clip", "none", "--variances", "0.01,0.1", *_COMMON)
    consistency = ("consistency", "--image", "x.png", "--trials", "3", "--clip", "none", *_COMMON)
    invert = ("invert", "x.png", "y.png", "--starts", "2", "--npz", "z.npz", *_COMMON)
    sample = ("sample", "g", "--out", "pictures/", "--count", "5", "--npz", "z.npz")
    train = ("--size", "16", "--width", "4", "--batch-size", "4", "--steps", "4", "--out", "t")
    encoder = ("train-encoder", "--checkpoint", "g", "--images", "1200", "--batch-size", "300")
    overwrite = ("--overwrite",)
    return [
        Workload("recover", write_checkpoint, _RECOVER, results="recover.h5"),
        Workload("noise-sweep", write_checkpoint, sweep, results="noise-sweep.h5"),
        Workload("consistency", _write_images, consistency, results="consistency.h5"),
        Workload("invert", _write_images, invert, results="invert.h5"),
        Workload("merge", _write_shards, ("merge", "m.h5", "1.h5", "2.h5"), results="m.h5"),
        Workload("report", _write_results, ("report", "recover.h5")),
        Workload("convert", write_checkpoint, ("convert", "g", "out.keras"), overwrite),
        Workload("train", _write_photographs, ("train", "photographs", *train)),
        Workload("train-encoder", write_checkpoint, encoder),
        Workload("sample", write_checkpoint, sample, overwrite),
    ]


def make_descent() -> Workload:
    """Return a long run of gradient descent whose batch size is left to be measured."""
    descent = ("recover", "--solver", "gd", "--trials", "200", "--budget", "4000", "--clip", "none")
    return Workload("descent", write_checkpoint, (*descent, *_TINY), results="recover.h5")


def load_support(name: str) -> Any:
    """Return a module of tests/support, which builds small generators in every format."""
    folder = str(ROOT / "tests" / "support")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def write_checkpoint(folder: Path, name: str = "g", **shape: Any) -> Path:
    """Write a tiny TensorFlow checkpoint; return its prefix."""
    builders = load_support("builders")
    weights = builders.make_weights(**({"latent": 4, "widths": (2, 2)} | shape))
    return Path(builders.save_checkpoint(folder, builders.rename_arrays(weights, "C"), name))


def run_ganinv(folder: Path, *arguments: str, status: int = 0) -> None:
    """Run a command in this process, in a folder; its tables and figures are not written."""
    from ganinv_cli.cli import main

    unwritten = mock.patch("ganinv_cli.report.folder.write_report", return_value="")
    with contextlib.chdir(folder), unwritten:
        result = CliRunner().invoke(main, [*arguments, "--quiet"])
    if result.exit_code != status:
        raise RuntimeError(f"{arguments}: {result.output}{result.exception!r}")


def _write_images(folder: Path) -> None:
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
    run_ganinv(folder, *_RECOVER)


def _write_shards(folder: Path) -> None:
    write_checkpoint(folder)
    for number in ("1", "2"):
        run_ganinv(folder, *_SHARDED, "--shard", f"{number}/2", "--out", f"{number}.h5")
