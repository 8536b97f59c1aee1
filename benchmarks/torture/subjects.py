"""What is mutated: files of every kind that ganinv reads, and the commands that read them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from .mutations import Mutation, edit_archive, edit_hdf5
from .workloads import ROOT, load_support, run_ganinv, write_checkpoint

_RUN = ("--checkpoint", "g", "--batch-size", "1", "--budget", "20", "--quiet")
_CHECKPOINTS = "TensorFlow checkpoints"
_EXPERIMENTS = {  # command -> its arguments
    "recover": ("recover", "--trials", "3", "--clip", "none,stochastic"),
    "noise-sweep": ("noise-sweep", "--trials", "2", "--clip", "none", "--variances", "0.1"),
    "consistency": ("consistency", "--image", "x.png", "--trials", "2", "--clip", "none"),
    "invert": ("invert", "x.png", "--starts", "2"),
}


@dataclass(frozen=True)
class Command:
    """A command that reads the mutated file."""

    arguments: tuple[str, ...]  # of ganinv, in the case's folder
    outputs: tuple[str, ...] = ()  # patterns of the files it may write if it succeeds
    published: bool = False  # whether it writes its folder of tables and figures


@dataclass(frozen=True)
class Subject:
    """Files that ganinv reads, and how they are mutated."""

    name: str
    kind: str  # the row of the table
    build: Callable[[Path], None]  # writes the files, unmutated, into a folder
    targets: tuple[str, ...]  # patterns of the files to mutate
    commands: tuple[Command, ...]
    edits: tuple[Mutation, ...] = ()  # of its structure; bytes are mutated in every file
    weight: int = 1  # share of the cases


def list_subjects(only: str = "") -> list[Subject]:
    """Return all subjects with `only` in their name or kind."""
    every = [*_list_results(), *_list_checkpoints(), *_list_inputs()]
    return [each for each in every if only in each.name or only in each.kind]


def _list_results() -> list[Subject]:
    subjects = []
    for name, experiment in _EXPERIMENTS.items():
        for is_finished in (True, False):
            file = f"{name}.h5"
            outputs = (f".{file}.lock", f"{file}*")
            report = Command(("report", file, "--format", "json"))
            commands = (
                *(report, report),
                Command(("report", file), (f"{name}/*", f"{name}/*/*"), published=True),
                Command(("merge", "m.h5", file, "--format", "json"), ("m.h5", ".m.h5.lock")),
                Command((*experiment, *_RUN, "--format", "json"), outputs),
            )
            subjects.append(
                Subject(
                    name if is_finished else f"{name}-log",
                    "results files" if is_finished else "logs of unfinished runs",
                    _make_results_builder(name, is_finished),
                    (file if is_finished else f"{file}.log",),
                    commands,
                    (edit_hdf5,) if is_finished else (),
                    weight=4 if is_finished else 2,
                )
            )
    return subjects


def _make_results_builder(name: str, is_finished: bool) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        write_checkpoint(folder)
        pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
        Image.fromarray(pixels).save(folder / "x.png")
        if is_finished:
            run_ganinv(folder, *_EXPERIMENTS[name], *_RUN)
        else:
            with mock.patch("ganinv_cli.store.Run.finish", side_effect=KeyboardInterrupt):
                run_ganinv(folder, *_EXPERIMENTS[name], *_RUN, status=130)
        for lock in folder.glob(".*.lock"):
            lock.unlink()

    return build


def _list_checkpoints() -> list[Subject]:
    edits: tuple[tuple[str, str, Callable[[Path], None], str, str, tuple[Mutation, ...]], ...] = (
        ("tensorflow-v2", _CHECKPOINTS, lambda at: _ignore(write_checkpoint(at)), "g", "g.*", ()),
        ("tensorflow-v1", _CHECKPOINTS, _write_v1, "g", "g", ()),
        ("saved-model", "SavedModels", _write_saved_model, "exported", "exported/**/*", ()),
        ("keras", "Keras files", _make_keras_writer("g.keras"), "g.keras", "*", (edit_archive,)),
        ("keras-hdf5", "Keras files", _make_keras_writer("g.h5"), "g.h5", "*", (edit_hdf5,)),
        ("torch", "PyTorch files", _write_torch, "g.pth", "g.pth", (edit_archive,)),
        ("safetensors", "safetensors files", _write_safetensors, "g.safetensors", "*", ()),
        ("onnx", "ONNX models", _copy_onnx, "g.onnx", "*", ()),
        ("sidecar", "TOML files", _write_sidecar, "g.pth", "*.toml", ()),
    )
    return [
        Subject(name, kind, build, (target,), _list_reading_commands(path), edit)
        for name, kind, build, path, target, edit in edits
    ]


def _list_reading_commands(path: str) -> tuple[Command, ...]:
    sample = Command(("sample", path, "--out", "s.png", "--count", "1"), ("s.png",))
    convert = Command(("convert", path, "o.keras"), ("o.keras", "o.keras.toml"))
    return Command(("inspect", path)), Command(("inspect", path, "--json")), sample, convert


def _list_inputs() -> list[Subject]:
    recover = ("recover", "--trials", "1", "--clip", "none", "--out", "r.h5", *_RUN)
    outputs = ("r.h5", ".r.h5.lock")
    config = Command((*recover, "--config", "c.toml"), outputs)
    encode = Command((*recover, "--start", "encoder"), outputs)
    sample = Command(("sample", "g", "--out", "s.png", "--count", "1", "--z", "z.npz"), ("s.png",))
    arrays = "encoders and arrays of z"
    return [
        Subject("config", "TOML files", _write_config, ("c.toml",), (config,)),
        Subject("encoder", arrays, _write_encoder, ("encoder.npz",), (encode,), (edit_archive,)),
        Subject("z-npz", arrays, _write_z, ("z.npz",), (sample,), (edit_archive,)),
        *(_make_image(ending) for ending in ("png", "jpg", "gif", "tif", "webp", "npz")),
    ]


def _make_image(ending: str) -> Subject:
    file = f"x.{ending}"

    def build(folder: Path) -> None:
        write_checkpoint(folder)
        pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
        if ending == "npz":
            np.savez_compressed(folder / file, images=np.stack([pixels] * 2))
        else:
            Image.fromarray(pixels).save(folder / file)

    invert = ("invert", file, "--starts", "1", "--restarts", "0", "--out", "i.h5", *_RUN)
    edits = (edit_archive,) if ending == "npz" else ()
    command = Command(invert, ("i.h5", ".i.h5.lock"))
    return Subject(f"image-{ending}", "images", build, (file,), (command,), edits)


def _ignore(_: object) -> None:
    """Return nothing."""


def _write_v1(folder: Path) -> None:
    builders = load_support("builders")
    builders.write_v1(folder / "g", builders.rename_arrays(builders.make_weights(latent=4), "A"))


def _write_saved_model(folder: Path) -> None:
    load_support("keras_models").build_model("dcgan_16").export(folder / "exported", verbose=False)


def _make_keras_writer(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        models = load_support("keras_models")
        models.save_model(folder, models.build_model("dcgan_16"), name)

    return write


def _write_torch(folder: Path) -> None:
    state = load_support("torch_generators").make_dcgan().state
    load_support("torch_files").save_archive(folder / "g.pth", {"epoch": 3, "netG": state})


def _write_safetensors(folder: Path) -> None:
    state = load_support("torch_generators").make_dcgan().state
    load_support("safetensors_files").write_safetensors(folder / "g.safetensors", state)


def _copy_onnx(folder: Path) -> None:
    path = ROOT / "tests" / "data" / "onnx" / "dcgan-dynamo-free-20.onnx"
    shutil.copy(path, folder / "g.onnx")


def _write_sidecar(folder: Path) -> None:
    _write_torch(folder)
    text = 'prior = "normal"\nrange = "tanh"\nactivation = "relu"\nstrides = [1, 2, 2, 2]\n'
    (folder / "g.pth.toml").write_text(text)


def _write_config(folder: Path) -> None:
    write_checkpoint(folder)
    shutil.copy(ROOT / "configs" / "recover.toml", folder / "c.toml")


def _write_encoder(folder: Path) -> None:
    write_checkpoint(folder)
    run_ganinv(folder, "train-encoder", "--checkpoint", "g", "--images", "2000")


def _write_z(folder: Path) -> None:
    write_checkpoint(folder)
    run_ganinv(folder, "sample", "g", "--out", "s.png", "--count", "3", "--npz", "z.npz")
    (folder / "s.png").unlink()
