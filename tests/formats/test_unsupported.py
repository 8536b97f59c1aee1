"""Files of other programs, and networks not determined by weights alone, get a helpful sentence.

Every file is written by the test, with the names and first bytes of the real files.
"""

import io
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from called import run_ganinv
from PIL import Image
from safetensors_files import write_safetensors
from torch_files import Module, Parameter, save_archive

from ganinv_cli.cli import main

pytestmark = pytest.mark.refusals
ONNX = "torch.onnx.export"
D = "is a discriminator: it takes images and returns one number; give the generator's file"


def _zip(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return stream.getvalue()


def _array(write: Callable[..., None], **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    write(stream, **arrays)
    return stream.getvalue()


def _picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, kind)
    return stream.getvalue()


def _class_pickle(module: str, name: str) -> bytes:
    """The pickle of an object of a class, without the class."""
    text = b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name))
    return b"\x80\x04" + text + b"\x93)\x81}b."


ONE = np.zeros(3)
_CODE = ("g/data.pkl", "g/code/__torch__.py", "g/constants.pkl", "g/version")
_EXPORTED = ("g/data/weights/weight_0", "g/models/model.json", "g/archive_format", "g/byteorder")
_EXPORTED_BEFORE = ("serialized_exported_program.json", "serialized_state_dict.pt", "version")
_PERSISTENT = ("torch_utils.persistence", "_reconstruct_persistent_obj")
FILES: dict[str, tuple[bytes, str, str]] = {  # name -> content, words of the sentence
    "program.pt2": (_zip(*_EXPORTED), "torch.export", ONNX),
    "program-before-2.9.pt2": (_zip(*_EXPORTED_BEFORE), "torch.export", ONNX),
    "script.pt": (_zip(*_CODE), "TorchScript", ONNX),
    "stylegan3.pkl": (_class_pickle(*_PERSISTENT), "StyleGAN", ONNX),
    "stylegan.pkl": (_class_pickle("dnnlib.tflib.network", "Network"), "legacy.py", ONNX),
    "scaler.pkl": (_class_pickle("sklearn.preprocessing", "Scaler"), "not run", "state_dict()"),
    "list.pickle": (pickle.dumps([1, 2]), "not one of torch.save", ONNX),
    "arrays.npz": (_array(np.savez, a=np.zeros(3)), "NumPy arrays", ONNX),
    "old.pkl": (pickle.dumps({"a": 1}, protocol=0), "not run", ONNX),
    "encoder.npz": (
        _array(np.savez, weights=ONE, bias=ONE, json=ONE),
        "encoder",
        "--start encoder",
    ),
    "z.npz": (_array(np.savez, z=ONE, labels=ONE), "latent vectors", "ganinv sample, as --z"),
    "faces.zip": (_zip("faces/", "faces/a.png", "faces/b.JPG", "list.txt"), "images", "train"),
    "run.toml": (b"trials = 3", "config file", "--config"),
    "array.npy": (_array(np.save, arr=np.zeros(3)), "NumPy array", "generator"),
    "generator.tflite": (b"\x1c\0\0\0TFL3\x14\0 \0", "TensorFlow Lite", "Keras file"),
    "generator.mlmodel": (b"\x08\x01\x12\x1a\x0a\x0c", "Core ML", ONNX),
    "params.msgpack": (b"\x81\xa6params\x81", "JAX", "jax2tf"),
    **{
        f"face.{kind}": (_picture(kind), "is an image, not a generator", "ganinv invert IMAGE")
        for kind in ("png", "jpeg", "gif", "webp", "tiff", "bmp")
    },
    "netG.pth.gz": (b"\x1f\x8b\x08\0\0\0\0\0", "compressed", "unpack"),
    "netG.pth": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
    "generator.h5": (b"<!DOCTYPE html><html>", "web page", "download"),
    "models.zip": (_zip("a/readme.txt"), "in no format", "unpack it"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_program_gets_the_way_that_works(tmp_path: Path, name: str) -> None:
    content, *words = FILES[name]
    (tmp_path / name).write_bytes(content)
    _is_refused(tmp_path, tmp_path / name, *words)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("model_index.json", "diffusion pipeline"),
        ("manifest.ocdbt", "jax2tf"),
        ("model.mlpackage", "Core"),
    ],
)
def test_so_does_a_folder(tmp_path: Path, file: str, words: str) -> None:
    (tmp_path / "g" / file).mkdir(parents=True)
    path = tmp_path / "g" / file if file.endswith("mlpackage") else tmp_path / "g"
    _is_refused(tmp_path, path, words)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["a.png", "b.jpg", "list.txt", ".hidden"], "is a folder of images"),
        (["training.json", "samples.png"], "has written no checkpoint yet"),
        ([], "is a folder without a generator"),
        (["notes.doc"], "is a folder without a generator"),
    ],
)
def test_a_folder_without_a_generator_is_answered_with_what_it_is(
    tmp_path: Path, files: list[str], words: str
) -> None:
    (tmp_path / "g").mkdir()
    for file in files:
        (tmp_path / "g" / file).write_bytes(b"")
    _is_refused(tmp_path, tmp_path / "g", words)


def test_a_results_file_is_no_generator(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file.attrs.update({"command": "recover", "identity": "{}", "schema": 1})
        file.create_group("none")
    _is_refused(tmp_path, tmp_path / "r.h5", "ganinv report")


def test_a_misspelt_name_is_answered_with_the_one_that_it_resembles(tmp_path: Path) -> None:
    (tmp_path / "netG.pth").write_bytes(b"")
    _is_refused(tmp_path, "netG.pt", "did you mean netG.pth?")
    _is_refused(tmp_path, "portrait64", "did you mean portraits64?")
    _is_refused(tmp_path, "other", "the name of a checkpoint that ships: faces16, faces32,")


NETWORKS = {  # name -> shapes, words
    "residual": ({"fc": (64, 8), "res.0": (4, 4, 3, 3), "out": (3, 4, 3, 3)}, "branch", ONNX),
    "shortcut": ({"fc": (64, 8), "b1.shortcut": (4, 4, 1, 1), "out": (3, 4, 3, 3)}, "branch", ONNX),
    "downsample": ({"0": (8, 4, 4, 4), "downsample.0": (4, 4, 1, 1)}, "branch", ONNX),
    "attention": ({"fc": (64, 8), "attn1.query": (4, 4, 1, 1)}, "branch", ONNX),
    "stylegan": ({"mapping.fc0": (8, 8), "synthesis.b4.conv1": (3, 8, 3, 3)}, "StyleGAN", ONNX),
    "diffusion": ({"time_embedding.linear_1": (8, 4), "conv_in": (8, 4, 3, 3)}, "diffusion", "GAN"),
    "transformer": ({"embed_tokens": (99, 8), "l.0.self_attn.q": (8, 8)}, "transformer", ONNX),
    "discriminator": ({"0": (8, 3, 4, 4), "2": (16, 8, 4, 4), "5": (1, 256)}, D, ""),
    "flattened": ({"0": (8, 3, 4, 4), "5": (1, 512)}, D, ""),
    "encoder": (
        {"0": (8, 3, 4, 4), "5": (100, 512)},
        "a discriminator or an encoder: it takes",
        "",
    ),
    "grey": ({"c1": (8, 1, 3, 3), "c2": (8, 8, 3, 3), "fc": (1, 392)}, D, ""),
    "dense": ({"0": (512, 784), "2": (256, 512), "4": (1, 256)}, D, ""),
    "strides": ({"fc": (64, 10), "a": (3, 4, 3, 3)}, "simply follow one another", ONNX),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["state dict", "Lightning", "module", "safetensors"])
def test_weights_that_do_not_say_the_network_are_not_guessed(
    tmp_path: Path, name: str, kind: str
) -> None:
    shapes, *words = NETWORKS[name]
    random = np.random.default_rng(0)
    state = {f"{n}.weight": random.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    path = tmp_path / "net.pt"
    if kind == "safetensors":
        write_safetensors(path, state)
    elif kind == "module":
        save_archive(path, Module(parameters={n: Parameter(each) for n, each in state.items()}))
    elif kind == "Lightning":
        save_archive(path, {"pytorch-lightning_version": "2.6", "state_dict": state})
    else:
        save_archive(path, state)
    _is_refused(tmp_path, path, *words)


def test_the_lines_that_a_sentence_refers_to_are_in_the_help() -> None:
    help_text = main.get_command(None, "inspect").help  # type: ignore[arg-type]
    assert help_text and ONNX in help_text


def test_to_say_so_takes_no_tensorflow(tmp_path: Path) -> None:
    for name, (content, *_) in FILES.items():
        (tmp_path / name).write_bytes(content)
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom ganinv_cli.cli import main\nfor "
        "path in sys.argv[1:]:\n    result = CliRunner().invoke(main, ['inspect', path])\n    "
        "assert result.exit_code == 2, result.output\n    assert 'tensorflow' not in sys.modules, "
        "path\n"
    )
    paths = map(str, tmp_path.iterdir())
    run = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def _is_refused(folder: Path, path: object, *words: str) -> None:
    result = run_ganinv(folder, "inspect", path, code=2)
    assert result.stdout == ""
    sentence, *more = result.stderr.splitlines()
    assert not more and sentence.startswith(f"Error: {path}"), result.stderr
    assert all(word in sentence for word in words), sentence
