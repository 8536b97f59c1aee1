"""What is tortured: the commands that are disturbed, and the files that are mutated."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from click.testing import CliRunner
from PIL import Image

from benchmarks.tiny import ROOT, load_support, write_checkpoint
from benchmarks.torture.mutations import Mutation, edit_archive, edit_hdf5

Build = Callable[[Path], Any]  # writes files into a folder

_G = ("--checkpoint", "g", "--precision", "float32", "--batch-size", "1", "--budget", "60")
_RULES = ("--clip", "none,stochastic")
_RECOVER = ("recover", "--trials", "4", *_RULES, *_G)
_SWEEP = ("noise-sweep", "--trials", "2", "--clip", "none", "--variances", "0.01,0.1", *_G)
_CONSISTENCY = ("consistency", "--image", "x.png", "--trials", "3", "--clip", "none", *_G)
_INVERT = ("invert", "x.png", "y.png", "--starts", "2", *_G)
_TRAIN = ("train", "pictures", "--size", "16", "--width", "4", "--batch-size", "4", "--steps", "4")
_ENCODER = ("train-encoder", "--checkpoint", "g", "--images", "1200", "--batch-size", "300")
_ONE = ("recover", "--trials", "1", "--clip", "none", "--out", "r.h5", *_G)
_EXPERIMENTS = {
    "recover": _RECOVER,
    "noise-sweep": _SWEEP,
    "consistency": _CONSISTENCY,
    "invert": _INVERT,
}


@dataclass(frozen=True)
class Workload:
    """A command that is disturbed, and how it is called again after it was stopped."""

    name: str
    build: Build  # writes what it reads
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
    build: Build  # writes the files, unmutated
    target: str  # pattern of the files to mutate
    commands: tuple[Command, ...]
    edit: Mutation | None = None  # of its structure; bytes are mutated in every file


def list_workloads() -> list[Workload]:
    """Return a workload for each command that writes files."""
    sample = ("sample", "g", "--out", "pictures/", "--count", "5", "--npz", "z.npz")
    return [
        *(
            Workload(name, write_inputs, arguments, results=f"{name}.h5")
            for name, arguments in _EXPERIMENTS.items()
        ),
        Workload("merge", _write_shards, ("merge", "m.h5", "1.h5", "2.h5"), results="m.h5"),
        Workload("report", partial(_write_results, "recover"), ("report", "recover.h5")),
        Workload("convert", write_inputs, ("convert", "g", "out.keras"), ("--overwrite",)),
        Workload("train", write_inputs, (*_TRAIN, "--out", "t")),
        Workload("train-encoder", write_inputs, _ENCODER),
        Workload("sample", write_inputs, sample, ("--overwrite",)),
    ]


def list_subjects() -> list[Subject]:
    """Return every kind of file that ganinv reads."""
    checkpoints = (  # name, kind, builder, path, files to mutate, edit
        ("tensorflow-v2", "TensorFlow checkpoints", write_inputs, "g", "g.*", None),
        ("saved-model", "SavedModels", _write_saved_model, "exported", "exported/**/*", None),
        ("keras", "Keras files", partial(_write_keras, "g.keras"), "g.keras", "*", edit_archive),
        ("keras-hdf5", "Keras files", partial(_write_keras, "g.h5"), "g.h5", "*", edit_hdf5),
        ("torch", "PyTorch files", _write_torch, "g.pth", "g.pth", edit_archive),
        ("safetensors", "safetensors files", _write_safetensors, "g.safetensors", "*", None),
        ("onnx", "ONNX models", _copy_onnx, "g.onnx", "*", None),
    )
    outputs = ("r.h5", ".r.h5.lock", "r/*", "r/*/*")
    encode = Command((*_ONE, "--start", "encoder"), outputs)
    return [
        *(_make_results(name, log) for name in _EXPERIMENTS for log in (False, True)),
        *(
            Subject(name, kind, build, target, _list_reading_commands(path), edit)
            for name, kind, build, path, target, edit in checkpoints
        ),
        Subject("encoder", "encoders", _write_encoder, "encoder.npz", (encode,), edit_archive),
        *(_make_image(ending) for ending in ("png", "jpg", "npz")),
    ]


def run_ganinv(folder: Path, *arguments: str, status: int = 0) -> None:
    """Run a command in this process, in a folder."""
    from ganinv_cli.cli import main

    with contextlib.chdir(folder):
        result = CliRunner().invoke(main, [*arguments, "--quiet"])
    if result.exit_code != status:
        raise RuntimeError(f"{arguments}: {result.output}{result.exception!r}")


def write_inputs(folder: Path) -> None:
    """Write a checkpoint, two images, and a folder of pictures to train on."""
    write_checkpoint(folder)
    (folder / "pictures").mkdir()
    random = np.random.default_rng(0)
    for name in ("x", "y", *(f"pictures/{number}" for number in range(8))):
        pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")


def _make_results(name: str, log: bool) -> Subject:
    file = f"{name}.h5"
    tables = (f"{name}/*", f"{name}/*/*")
    commands = (
        Command(("report", file), tables),
        Command(("merge", "m.h5", file), ("m.h5", ".m.h5.lock", "m/*", "m/*/*")),
        Command(_EXPERIMENTS[name], (f".{file}.lock", f"{file}*", *tables)),
    )
    if log:
        build, kind = partial(_write_results, name, finished=False), "logs of unfinished runs"
        return Subject(f"{name}-log", kind, build, f"{file}.log", commands)
    return Subject(name, "results files", partial(_write_results, name), file, commands, edit_hdf5)


def _list_reading_commands(path: str) -> tuple[Command, ...]:
    sample = Command(("sample", path, "--out", "s.png", "--count", "1"), ("s.png",))
    convert = Command(("convert", path, "o.keras"), ("o.keras", "o.keras.toml"))
    return Command(("inspect", path)), Command(("inspect", path, "--json")), sample, convert


def _make_image(ending: str) -> Subject:
    file, edit = f"x.{ending}", edit_archive if ending == "npz" else None
    arguments = ("invert", file, "--starts", "1", "--restarts", "0", "--out", "i.h5", *_G)
    command = Command(arguments, ("i.h5", ".i.h5.lock", "i/*", "i/*/*"))
    build = partial(_write_image, file)
    return Subject(f"image-{ending}", "images", build, file, (command,), edit)


def _write_image(name: str, folder: Path) -> None:
    write_checkpoint(folder)
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    if name.endswith(".npz"):
        np.savez_compressed(folder / name, images=np.stack([pixels] * 2))
    else:
        Image.fromarray(pixels).save(folder / name)


def _write_results(name: str, folder: Path, finished: bool = True) -> None:
    """Write a results file, or the log of a run that was stopped at its end."""
    write_inputs(folder)
    if finished:
        run_ganinv(folder, *_EXPERIMENTS[name])
    else:
        with mock.patch("ganinv_cli.store.Run.finish", side_effect=KeyboardInterrupt):
            run_ganinv(folder, *_EXPERIMENTS[name], status=130)
    for lock in folder.glob(".*.lock"):
        lock.unlink()


def _write_shards(folder: Path) -> None:
    write_checkpoint(folder)
    for number in ("1", "2"):  # a block of a shard has 8 trials
        shard = ("--shard", f"{number}/2", "--out", f"{number}.h5")
        run_ganinv(folder, "recover", "--trials", "10", *_RULES, *_G, *shard)


def _write_saved_model(folder: Path) -> None:
    load_support("keras_models").build_model("dcgan_16").export(folder / "exported", verbose=False)


def _write_keras(name: str, folder: Path) -> None:
    models = load_support("keras_models")
    models.save_model(folder, models.build_model("dcgan_16"), name)


def _write_torch(folder: Path) -> None:
    state = load_support("torch_generators").make_dcgan().state
    load_support("torch_files").save_archive(folder / "g.pth", {"epoch": 3, "netG": state})


def _write_safetensors(folder: Path) -> None:
    state = load_support("torch_generators").make_dcgan().state
    load_support("safetensors_files").write_safetensors(folder / "g.safetensors", state)


def _copy_onnx(folder: Path) -> None:
    path = ROOT / "tests" / "data" / "onnx" / "dcgan-dynamo-free-20.onnx"
    shutil.copy(path, folder / "g.onnx")


def _write_encoder(folder: Path) -> None:
    write_checkpoint(folder)
    run_ganinv(folder, *_ENCODER)
