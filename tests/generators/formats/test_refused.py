"""A file without a generator gets one sentence and exit status 2; nothing in it is run."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch_generators as known
from builders import make_weights, rename_arrays, save_checkpoint
from called import run_ganinv
from click.testing import CliRunner
from safetensors_files import write_safetensors
from torch_files import MAGIC, Tensor, save_archive, save_stream, write_archive

from ganinv_cli.cli import main
from ganinv_cli.generators.formats import read

pytestmark = pytest.mark.refusals
Build = Callable[[Path], Path]
ONNX = "torch.onnx.export"
DISCRIMINATOR = "is a discriminator: it takes images and returns one number; give the generator"


class _Runs:
    """An object whose pickle runs a command."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


EVIL = pickle.dumps({"netG": _Runs("ran"), "x": [_Runs("ran")]}, 2)
STREAM = b"".join(pickle.dumps(each, 2) for each in (MAGIC, 1001, {}))


def _file(name: str, content: bytes | str) -> Build:
    def build(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return build


def _empty_folder(folder: Path) -> Path:
    (folder / "g").mkdir()
    return folder / "g"


def _zip(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return stream.getvalue()


def _class_pickle(module: str) -> bytes:
    """The pickle of an object of a class G, without the class."""
    return b"\x80\x04\x8c" + bytes([len(module)]) + module.encode() + b"\x8c\x01G\x93)\x81}b."


def _archive(data: bytes) -> Build:
    return lambda folder: write_archive(folder / "g.pt", data)


def _state(**shapes: tuple[int, ...]) -> Build:
    random = np.random.default_rng(0)
    state = {
        f"{name.replace('__', '.')}.weight": random.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    return lambda folder: save_archive(folder / "net.pt", state)


def _changed(**arrays: Any) -> Build:
    """A DCGAN in which some weights are others."""
    state = known.make_dcgan().state
    new = {name.replace("__", "."): array for name, array in arrays.items()}
    return lambda folder: save_archive(folder / "g.pt", state | new)


def _header(**entries: Any) -> Build:
    """A DCGAN in safetensors in which the header describes some tensors otherwise."""
    state = known.make_dcgan().state
    new = {name.replace("__", "."): entry for name, entry in entries.items()}
    return lambda folder: write_safetensors(folder / "g.safetensors", state, **new)


def _entry(dtype: object, shape: object, *offsets: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def _view(shape: tuple[int, ...], strides: tuple[int, ...], array: np.ndarray) -> Tensor:
    return Tensor(array, np.lib.stride_tricks.as_strided(array, shape, strides))


def _cut(write: Callable[..., Path], name: str) -> Build:
    def build(folder: Path) -> Path:
        path = write(folder / name, known.make_dcgan().state)
        path.write_bytes(path.read_bytes()[:-500])
        return path

    return build


def _without_shard(folder: Path) -> Path:
    prefix = save_checkpoint(folder, rename_arrays(make_weights(), "C"))
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").unlink()
    return prefix


def _results(folder: Path) -> Path:
    with h5py.File(folder / "r.h5", "w") as file:
        file.attrs.update({"command": "recover", "identity": "{}", "schema": 1})
    return folder / "r.h5"


REFUSED: dict[str, tuple[Build, str]] = {  # file -> its builder, words of the sentence
    "empty": (_file("g.pt", b""), "is empty; copy it"),
    "text": (_file("notes", "latent 100\n" * 50), "is in no format that ganinv reads"),
    "program": (_file("g.pt2", _zip("g/models/model.json")), f"torch.export program|{ONNX}"),
    "TorchScript": (_file("g.pt", _zip("g/data.pkl", "g/constants.pkl")), f"TorchScript|{ONNX}"),
    "StyleGAN": (_file("g.pkl", _class_pickle("dnnlib")), "StyleGAN|legacy.py|not run"),
    "pickle that runs": (_file("g.pth", EVIL), "not run"),
    "LFS": (_file("g.pth", "version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "web page": (_file("g.h5", "<!DOCTYPE html><html>"), "web page|download"),
    "damaged zip": (_file("g.pt", b"PK\3\4" + b"\0" * 99), "cannot be read as a generator|copy it"),
    "empty folder": (_empty_folder, "is a folder without a generator"),
    "index alone": (_without_shard, "DCGAN.model-7.data-00000-of-00001; No such file"),
    "results": (_results, "ganinv report"),
    "image": (_file("made.png", b"\x89PNG"), "is an image, not a generator"),
    "zip": (_file("g.whl", _zip("g/a.txt")), "is a zip archive: unzip it"),
    "archive that runs": (_archive(EVIL), "no weights by their names"),
    "stream that runs": (_file("g.pt", STREAM + EVIL + b"\x80\x02]."), "no weights by their names"),
    "empty pickle": (_archive(b""), "cannot be read as PyTorch (EOFError())"),
    "pickle with an extension": (_archive(b"\x80\x02\x82\x01."), "unregistered extension code 1"),
    "deep pickle": (_archive(b"\x80\x02)" + b"\x85" * 100_000 + b"."), "maximum recursion depth"),
    "cut archive": (_cut(save_archive, "g.pt"), "cannot be read as a generator (File is not a zip"),
    "cut stream": (_cut(save_stream, "g.pt"), "cannot be read as PyTorch"),
    "view beyond its storage": (
        _changed(main__0__weight=_view((5, 8, 4, 4), (4, 4, 4, 4), np.ones(7, np.float32))),
        "cannot be read as PyTorch (a tensor lies outside its storage)",
    ),
    "view of 400 million": (
        _changed(main__0__weight=_view((20_000, 20_000), (0, 0), np.ones(1, np.float32))),
        "g.pt",
    ),
    "integers": (
        _changed(main__3__weight=np.ones((8, 6, 4, 4), np.int8)),
        "holds int8, but",
    ),
    "cut safetensors": (_cut(write_safetensors, "g.safetensors"), "be read as safetensors"),
    "header beyond the file": (_file("g.safetensors", b"\xff" * 8 + b"{}"), "in no format"),
    "no place": (_header(main__0__weight={"dtype": "F32", "shape": [2]}), "data_offsets"),
    "place beyond": (_header(main__0__weight=_entry("F32", [2], 1 << 60, 1 << 61)), "safetensors"),
    "float of 8 bits": (
        _header(main__0__weight=_entry("F8_E4M3", [5, 8, 4, 4], 0, 640)),
        "F8_E4M3",
    ),
    "residual": (_state(fc=(64, 8), res__0=(4, 4, 3, 3), out=(3, 4, 3, 3)), f"branch|{ONNX}"),
    "StyleGAN's weights": (_state(mapping__fc0=(8, 8)), f"StyleGAN|{ONNX}"),
    "diffusion's weights": (_state(time_embedding__linear_1=(8, 4)), "diffusion|GAN"),
    "discriminator": (_state(a=(8, 3, 4, 4), b=(16, 8, 4, 4), c=(1, 16, 4, 4)), DISCRIMINATOR),
    "numbers that are not finite": (
        _changed(main__3__weight=np.full((8, 6, 4, 4), np.nan, np.float32)),
        "variances below 0; the training diverged",
    ),
    "a first layer that is not finite": (
        _changed(main__0__weight=np.full((5, 8, 4, 4), np.nan, np.float32)),
        "variances below 0; the training diverged",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_sentence(tmp_path, tmp_path_factory, name):
    build, words = REFUSED[name]
    path = build(tmp_path_factory.mktemp("file"))
    result = run_ganinv(tmp_path, "inspect", path, code=2)
    sentence, *more = result.stderr.splitlines()
    assert not (result.stdout or more) and sentence.startswith("Error: ")
    assert str(path) in sentence and all(word in sentence for word in words.split("|")), sentence
    assert not list(tmp_path.iterdir())  # as the commands in pickles write there


def test_a_generator_beside_something_to_run_is_read_and_the_rest_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = known.make_dcgan().state
    plain = save_archive(tmp_path / "plain.pt", state)
    with zipfile.ZipFile(plain) as archive:
        members = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    data = members.pop("data.pkl")
    both = data[:2] + b"(" + data[2:-1] + EVIL[2:-1] + b"l."  # [generator, evil]
    path = write_archive(tmp_path / "g.pt", both, **{f"_{key}": members[key] for key in members})
    assert read(path).sha256 == read(plain).sha256
    assert not Path("ran").exists()
    pickle.loads(EVIL)
    assert Path("ran").exists()


def test_a_misspelt_name_is_answered_with_the_one_that_it_resembles(tmp_path):
    (tmp_path / "netG.pth").touch()
    for name, words in (
        ("netG.pt", "did you mean netG.pth?"),
        ("portrait64", "did you mean portraits64?"),
        (
            "other.pth",
            "give a path, e.g. netG.pth, or the name of a checkpoint that ships: faces16",
        ),
        ("other", "the name of a checkpoint that ships: faces16, faces32,"),
    ):
        assert words in run_ganinv(tmp_path, "inspect", name, code=2).stderr


def test_the_lines_that_a_sentence_refers_to_are_in_the_help():
    assert ONNX in CliRunner().invoke(main, ["inspect", "--help"]).stdout
