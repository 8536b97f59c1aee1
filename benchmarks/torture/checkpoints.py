"""Generators in every format that ganinv reads."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from .archive_mutations import edit_archive, edit_npy
from .hdf5_mutations import edit_hdf5
from .message_mutations import edit_graph, edit_onnx, edit_safetensors, edit_saved_model
from .pickle_mutations import mutate_pickle
from .subject import Command, Material, Mutation, Subject
from .support import ROOT, load_support, run_ganinv, write_checkpoint
from .text_mutations import edit_json_file, edit_toml_file

_RECOVER = (
    *("recover", "--checkpoint", "g", "--trials", "1", "--clip", "none", "--batch-size", "1"),
    *("--budget", "20", "--start", "encoder", "--out", "r.h5", "--quiet"),
)
_ONNX = (
    "dcgan-dynamo-free-20",
    "attention-script-free-17",
    "style-script-free-11",
    "keras-export-free",
)


def list_checkpoints() -> list[Subject]:
    """Return a subject for each format."""
    tensorflow, keras, torch = "TensorFlow checkpoints", "Keras files", "PyTorch files"
    return [
        _make("tensorflow-v2", tensorflow, _write_v2, "g", ("g.*", "checkpoint"), weight=2),
        _make("tensorflow-v1", tensorflow, _write_v1, "g", ("g",)),
        _make("tensorflow-objects", tensorflow, _write_objects, "ckpt-1", ("ckpt-1.*",)),
        _make(
            *("saved-model", "SavedModels and graphs", _write_saved_model, "exported"),
            *(("exported/saved_model.pb", "exported/variables/*"), edit_saved_model),
            weight=2,
        ),
        _make(
            "frozen-graph", "SavedModels and graphs", _write_graph, "g.pb", ("g.pb",), edit_graph
        ),
        _make(
            "keras", keras, _write_keras("g.keras"), "g.keras", ("*.keras",), edit_archive, weight=2
        ),
        _make("keras-hdf5", keras, _write_keras("g.h5"), "g.h5", ("*.h5",), edit_hdf5),
        _make(
            *("keras-weights", keras, _write_keras("g.weights.h5"), "g.weights.h5"),
            *(("*.h5", "*.json"), _edit_by_ending),
        ),
        _make("torch", torch, _write_torch_archive, "g.pth", ("g.pth",), edit_archive, weight=2),
        _make("torch-stream", torch, _write_torch_stream, "g.tar", ("g.tar",), mutate_pickle),
        _make(
            *("safetensors", "safetensors files", _write_safetensors, "g.safetensors"),
            *(("g.safetensors",), edit_safetensors),
        ),
        *(
            _make(
                f"onnx-{number}", "ONNX models", _copy_onnx(name), "g.onnx", ("*.onnx",), edit_onnx
            )
            for number, name in enumerate(_ONNX)
        ),
        _make("sidecar", "TOML files", _write_sidecar, "g.pth", ("*.toml",), edit_toml_file),
        Subject(
            *("encoder", "encoders and arrays of z", _write_encoder, ("encoder.npz",)),
            commands=(Command(_RECOVER, ("r.h5", ".r.h5.lock")),),
            edits=(edit_archive,),
        ),
        Subject(
            *("z-npy", "encoders and arrays of z", _write_z_npy, ("z.npy",)),
            commands=(_draw("g", "--z", "z.npy"),),
            edits=(edit_npy,),
        ),
        Subject(
            *("z-npz", "encoders and arrays of z", _write_z_npz, ("z.npz",)),
            commands=(_draw("g", "--z", "z.npz"),),
            edits=(edit_archive,),
        ),
    ]


def _draw(path: str, *more: str) -> Command:
    return Command(("sample", path, "--out", "s.png", "--count", "1", *more), ("s.png",))


def _make(
    name: str,
    kind: str,
    build: Callable[[Path], None],
    path: str,
    targets: tuple[str, ...],
    *edits: Mutation,
    weight: int = 1,
) -> Subject:
    commands = (
        Command(("inspect", path)),
        Command(("inspect", path, "--json")),
        _draw(path),
        _draw(path),
        Command(("convert", path, "out.keras"), ("out.keras", "out.keras.toml")),
    )
    return Subject(name, kind, build, targets, commands, edits, weight)


def _write_v2(folder: Path) -> None:
    write_checkpoint(folder)


def _write_v1(folder: Path) -> None:
    builders = load_support("builders")
    builders.write_v1(folder / "g", builders.rename_arrays(builders.make_weights(latent=4), "A"))


def _write_objects(folder: Path) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(generator=_build_keras()).save(str(folder / "ckpt"))


def _write_saved_model(folder: Path) -> None:
    _build_keras().export(folder / "exported", verbose=False)


def _write_graph(folder: Path) -> None:
    support = load_support("saved_models")
    support.write_graph(folder / "g.pb", support.draw_small_picture)


def _write_keras(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        model = _build_keras()
        if name.endswith(".weights.h5"):
            (folder / "g.json").write_text(model.to_json())
        load_support("keras_models").save_model(folder, model, name)

    return write


def _build_keras() -> Any:
    return load_support("keras_models").build_model("dcgan_16")


def _write_torch_archive(folder: Path) -> None:
    state = load_support("torch_generators").make_dcgan().state
    load_support("torch_files").save_archive(folder / "g.pth", {"epoch": 3, "netG": state})


def _write_torch_stream(folder: Path) -> None:
    state = load_support("torch_generators").make_dcgan().state
    load_support("torch_files").save_stream(folder / "g.tar", state)


def _write_safetensors(folder: Path) -> None:
    state = load_support("torch_generators").make_dcgan().state
    load_support("safetensors_files").write_safetensors(folder / "g.safetensors", state)


def _copy_onnx(name: str) -> Callable[[Path], None]:
    def copy(folder: Path) -> None:
        shutil.copy(ROOT / "tests" / "data" / "onnx" / f"{name}.onnx", folder / "g.onnx")

    return copy


def _write_sidecar(folder: Path) -> None:
    _write_torch_archive(folder)
    text = 'prior = "normal"\nrange = "tanh"\nactivation = ["relu"]\nstrides = [1, 2, 2, 2]\n'
    (folder / "g.pth.toml").write_text(text)
    (folder / "generator.toml").write_text("padding = [0, 1, 1, 1]\nepsilon = 1e-5\n")


def _write_encoder(folder: Path) -> None:
    write_checkpoint(folder)
    run_ganinv(folder, "train-encoder", "--checkpoint", "g", "--images", "2000", "--quiet")


def _write_z_npy(folder: Path) -> None:
    write_checkpoint(folder)
    np.save(folder / "z.npy", np.zeros((3, 4), np.float32))


def _write_z_npz(folder: Path) -> None:
    write_checkpoint(folder)
    run_ganinv(folder, "sample", "g", "--out", "s.png", "--count", "3", "--npz", "z.npz")
    (folder / "s.png").unlink()


def _edit_by_ending(random: Random, path: Path, material: Material) -> str:
    edit = edit_json_file if path.suffix == ".json" else edit_hdf5
    return edit(random, path, material)
