"""What is tortured: the commands that are disturbed, and the files that are mutated."""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from benchmarks.tiny import ROOT, load_support, write_checkpoint
from benchmarks.torture.mutations import Mutation, edit_archive, edit_hdf5

_G = ("--checkpoint", "g", "--precision", "float32", "--batch-size", "1", "--budget", "60")
_ENCODER = ("train-encoder", "--checkpoint", "g", "--images", "1200")
_EXPERIMENTS = {
    "recover": ("--trials", "4", "--clip", "none,stochastic"),
    "noise-sweep": ("--trials", "2", "--clip", "none", "--variances", "0.01,0.1"),
    "consistency": ("--image", "x.png", "--trials", "3", "--clip", "none"),
    "invert": ("x.png", "y.png", "--starts", "2"),
}


@dataclass(frozen=True)
class Workload:
    """A command that is disturbed, and how it is called again after it was stopped."""

    name: str
    arguments: tuple[str, ...]
    again: tuple[str, ...] = ()  # more arguments for the second call
    results: str = ""  # the results file whose rows are compared, if there is one


@dataclass(frozen=True)
class Command:
    """A command that reads a mutated file."""

    arguments: tuple[str, ...]
    outputs: tuple[str, ...] = ()  # patterns of the files it may write if it succeeds


@dataclass(frozen=True)
class Subject:
    """Files that ganinv reads, and how they are mutated."""

    name: str
    kind: str  # the row of the table
    target: str  # pattern of the files to mutate
    commands: tuple[Command, ...]
    edit: Mutation | None = None  # of its structure; bytes are mutated in every file


WORKLOADS = [
    Workload(name, (name, *options, *_G), results=f"{name}.h5")
    for name, options in _EXPERIMENTS.items()
] + [
    Workload("train-encoder", _ENCODER, ("--overwrite",)),
    Workload("sample", ("sample", "g", "--out", "many/", "--npz", "z.npz"), ("--overwrite",)),
]


def list_subjects() -> list[Subject]:
    """Return every kind of file that ganinv reads; `write_originals` writes them."""
    generators = (  # kind, path, files to mutate, edit
        ("TensorFlow checkpoints", "g", "g.data*", None),
        ("SavedModels", "exported", "exported/**/*", None),
        ("Keras files", "g.keras", "g.keras", edit_archive),
        ("Keras HDF5 files", "keras.h5", "keras.h5", edit_hdf5),
        ("PyTorch files", "g.pth", "g.pth", edit_archive),
        ("safetensors files", "g.safetensors", "g.safetensors", None),
        ("ONNX models", "g.onnx", "g.onnx", None),
    )
    subjects = [_make_results(name, options) for name, options in _EXPERIMENTS.items()]
    for kind, path, target, edit in generators:
        subjects.append(Subject(path, kind, target, _list_reading_commands(path), edit))
    arguments = ("recover", "--trials", "1", "--start", "encoder")
    subjects.append(_make_input("encoders", "encoder.npz", *arguments))
    for name in ("x.png", "x.jpg", "x.npz"):
        subjects.append(_make_input("images", name, "invert", name, "--starts", "1"))
    return subjects


def write_inputs(folder: Path) -> None:
    """Write a checkpoint and two images, which the experiments read."""
    write_checkpoint(folder)
    random = np.random.default_rng(0)
    for name in ("x", "y"):
        pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")


def write_originals(folder: Path) -> None:
    """Write all files that are mutated, and what the commands need beside them."""
    write_inputs(folder)
    with Image.open(folder / "x.png") as image:
        image.save(folder / "x.jpg")
        np.savez_compressed(folder / "x.npz", images=np.stack([np.asarray(image)] * 2))
    models, torch = load_support("keras_models"), load_support("torch_files")
    model, state = models.build_model("dcgan_16"), load_support("torch_generators").make_dcgan()
    model.export(folder / "exported", verbose=False)
    for name in ("g.keras", "keras.h5"):
        models.save_model(folder, model, name)
    torch.save_archive(folder / "g.pth", {"epoch": 3, "netG": state.state})
    load_support("safetensors_files").write_safetensors(folder / "g.safetensors", state.state)
    shutil.copy(ROOT / "tests/data/onnx/dcgan-dynamo-free-20.onnx", folder / "g.onnx")
    for arguments in (_ENCODER, *((name, *o, *_G) for name, o in _EXPERIMENTS.items())):
        _run_ganinv(folder, arguments)
        shutil.rmtree(folder / arguments[0], ignore_errors=True)  # its tables and figures


def _run_ganinv(folder: Path, arguments: tuple[str, ...]) -> None:
    """Run a command in this process, in a folder."""
    from ganinv_cli.cli import main

    with contextlib.chdir(folder):
        result = CliRunner().invoke(main, [*arguments, "--quiet"])
    if result.exit_code:
        raise RuntimeError(f"{arguments}: {result.output}{result.exception!r}")


def _make_results(name: str, options: tuple[str, ...]) -> Subject:
    file = f"{name}.h5"
    tables = (f"{name}/*", f"{name}/*/*")
    commands = (
        Command(("report", file), tables),
        Command(("merge", "m.h5", file), ("m.h5", ".m.h5.lock", "m/*", "m/*/*")),
        Command((name, *options, *_G), (f".{file}.lock", f"{file}*", *tables)),
    )
    return Subject(name, "results files", file, commands, edit_hdf5)


def _make_input(kind: str, file: str, *arguments: str) -> Subject:
    """Return the subject of a file that an experiment reads beside the generator."""
    outputs = ("r.h5", ".r.h5.lock", "r/*", "r/*/*")
    edit = edit_archive if file.endswith(".npz") else None
    return Subject(file, kind, file, (Command((*arguments, "--out", "r.h5", *_G), outputs),), edit)


def _list_reading_commands(path: str) -> tuple[Command, ...]:
    sample = Command(("sample", path, "--out", "s.png", "--count", "1"), ("s.png",))
    inspect = Command(("inspect", path)), Command(("inspect", path, "--format", "json"))
    return (*inspect, sample)
