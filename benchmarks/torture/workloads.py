"""The commands that are disturbed."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.tiny import write_checkpoint
from benchmarks.torture.process import run_command

_G = ("--checkpoint", "g", "--precision", "float32", "--batch-size", "1", "--budget", "60")


class Workload(NamedTuple):
    """A command that is disturbed, and how it is called again after it was stopped."""

    name: str
    arguments: tuple[str, ...]
    again: tuple[str, ...] = ()  # more arguments for the second call
    results: str = ""  # the results file whose rows are compared, if there is one


EXPERIMENTS = {
    "recover": ("recover", "--trials", "4", "--clip", "none,stochastic", *_G),
    "noise-sweep": ("noise-sweep", "--trials", "2", "--variances", "0.01,0.1", *_G),
    "consistency": ("consistency", "--image", "x.png", "--trials", "3", "--clip", "none", *_G),
    "invert": ("invert", "x.png", "y.png", "--starts", "2", *_G),
}
WORKLOADS = [
    *(Workload(name, arguments, (), f"{name}.h5") for name, arguments in EXPERIMENTS.items()),
    Workload(
        "invert-answered",
        ("invert", "own/", "x.png", "--starts", "5", "--checkpoint", "g", "--batch-size", "1"),
        results="invert.h5",
    ),
    Workload(
        "train-encoder",
        ("train-encoder", "--checkpoint", "g", "--images", "1200"),
        ("--overwrite",),
    ),
    Workload("sample", ("sample", "g", "--out", "many/", "--npz", "z.npz"), ("--overwrite",)),
]


def write_inputs(folder: Path) -> None:
    """Write a checkpoint, two images that it did not make, and the folder own/ of two that it did.

    The experiments read them.
    """
    write_checkpoint(folder)
    run_command(("sample", "g", "--count", "2", "--out", "own/"), folder.parent)
    random = np.random.default_rng(0)
    for name in ("x", "y"):
        pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
