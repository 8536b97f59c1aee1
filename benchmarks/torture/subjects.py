"""What is tortured: the commands that are disturbed, and the files whose bytes are changed."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.tiny import ROOT, load_support, write_checkpoint
from benchmarks.torture.process import run_command

Arguments = tuple[str, ...]
_G = ("--checkpoint", "g", "--precision", "float32", "--batch-size", "1", "--budget", "60")


class Workload(NamedTuple):
    """A command that is disturbed, and how it is called again after it was stopped."""

    name: str
    arguments: Arguments
    again: Arguments = ()  # more arguments for the second call
    results: str = ""  # the results file whose rows are compared, if there is one


class Subject(NamedTuple):
    """Files that ganinv reads, and the commands that read them."""

    name: str
    kind: str  # the row of the table
    target: str  # pattern of the files whose bytes are changed
    commands: tuple[Arguments, ...]


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
        (),
        "invert.h5",
    ),
    Workload(
        "train-encoder",
        ("train-encoder", "--checkpoint", "g", "--images", "1200"),
        ("--overwrite",),
    ),
    Workload("sample", ("sample", "g", "--out", "many/", "--npz", "z.npz"), ("--overwrite",)),
]
_KILLED = (*EXPERIMENTS["recover"], "--out", "killed.h5")  # leaves killed.h5.log
_GENERATORS = {  # path -> kind, files whose bytes are changed
    "g": ("TensorFlow checkpoints", "g.data*"),
    "exported": ("SavedModels", "exported/**/*"),
    "g.keras": ("Keras files", "g.keras"),
    "keras.h5": ("Keras HDF5 files", "keras.h5"),
    "g.pth": ("PyTorch files", "g.pth"),
    "g.safetensors": ("safetensors files", "g.safetensors"),
    "g.onnx": ("ONNX models", "g.onnx"),
}


def list_subjects() -> list[Subject]:
    """Return the kinds of files; `write_originals` writes them."""
    return [
        *(_make_results(name, "results files", "", each) for name, each in EXPERIMENTS.items()),
        _make_results("killed", "logs", ".log", _KILLED),
        *(_make_generator(path, *each) for path, each in _GENERATORS.items()),
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


def write_originals(place: Path) -> None:
    """Write the files of all subjects to place/work."""
    folder = place / "work"
    for name in ("work", "tmp", "cache"):
        (place / name).mkdir(parents=True)
    write_inputs(folder)
    models, torch = load_support("keras_models"), load_support("torch_files")
    model, state = models.build_model("dcgan_16"), load_support("torch_generators").make_dcgan()
    model.export(folder / "exported", verbose=False)
    for name in ("g.keras", "keras.h5"):
        models.save_model(folder, model, name)
    torch.save_archive(folder / "g.pth", {"epoch": 3, "netG": state.state})
    load_support("safetensors_files").write_safetensors(folder / "g.safetensors", state.state)
    shutil.copy(ROOT / "tests/data/onnx/dcgan-dynamo-free-20.onnx", folder / "g.onnx")
    for arguments in EXPERIMENTS.values():
        run_command(arguments, place)
    for kill_at in range(20, 100, 5):
        run_command(_KILLED, place, kill_at)
        if (folder / "killed.h5.log").exists():
            return
    raise RuntimeError("no kill has left a log")


def _make_results(name: str, kind: str, suffix: str, arguments: Arguments) -> Subject:
    file = f"{name}.h5"
    return Subject(
        name, kind, f"{file}{suffix}", (("report", file), ("merge", "m.h5", file), arguments)
    )


def _make_generator(path: str, kind: str, target: str) -> Subject:
    sample = ("sample", path, "--out", "s.png", "--count", "1")
    return Subject(path, kind, target, (("inspect", path), sample))
