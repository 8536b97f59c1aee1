"""A file without a generator gets one sentence and exit status 2; nothing is run or unpacked."""

import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_models
import numpy as np
import pytest
import torch_files
from builders import make_weights, rename_arrays, save_checkpoint
from called import run_ganinv

pytestmark = [
    pytest.mark.refusals,
    # of Keras, while it writes
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
MARKER = "ran"
Make = Callable[[Path], Path]
MADE: dict[str, tuple[Make, str]] = {}  # by name: what makes the file, and words of the sentence
WITHOUT_TENSORFLOW = ("empty", "text", "index alone", "torch", "zip bomb", "keras", "pickle")


def refused(name: str, words: str) -> Callable[[Make], Make]:
    def note(make: Make) -> Make:
        MADE[name] = (make, words)
        return make

    return note


@refused("empty file", "is empty")
def _(folder: Path) -> Path:
    (folder / "generator.pt").touch()
    return folder / "generator.pt"


@refused("text file", "is in no format that ganinv reads")
def _(folder: Path) -> Path:
    (folder / "notes").write_text("latent 100\n" * 50)
    return folder / "notes"


@refused("text file with a known ending", "is in no format that ganinv reads")
def _(folder: Path) -> Path:
    (folder / "generator.h5").write_text("404: not found")
    return folder / "generator.h5"


@refused("index alone", "DCGAN.model-7.data-00000-of-00001 is not")
def _(folder: Path) -> Path:
    prefix = save_checkpoint(folder, rename_arrays(make_weights(), "C"))
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").unlink()
    return prefix


@refused("truncated data", "the file is damaged or incomplete")
def _(folder: Path) -> Path:
    prefix = save_checkpoint(folder, rename_arrays(make_weights(), "C"))
    os.truncate(prefix.with_name(f"{prefix.name}.data-00000-of-00001"), 1000)
    return prefix


@refused("discriminator alone", "is a discriminator: it takes images and returns one number")
def _(folder: Path) -> Path:
    arrays = {f"discriminator/d_h{n}_conv/w": np.ones((5, 5, 3, 4), np.float32) for n in range(2)}
    return save_checkpoint(folder, arrays)


@refused("torch discriminator alone", "is a discriminator")
def _(folder: Path) -> Path:
    shapes = {"main.0.weight": (8, 3, 4, 4), "main.2.weight": (16, 8, 4, 4)}
    state = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    state["main.5.weight"] = np.ones((1, 16, 4, 4), np.float32)
    return torch_files.save_archive(folder / "netD.pth", state)


@refused("NaN weights", "not finite float32 numbers")
def _(folder: Path) -> Path:
    arrays = make_weights()
    arrays["g_h1/w"][0] = np.nan
    return save_checkpoint(folder, rename_arrays(arrays, "C"))


@refused("zip bomb called keras", "config.json")
def _(folder: Path) -> Path:
    return _bomb(folder / "generator.keras", "config.json")


@refused("zip bomb called torch", "data.pkl")
def _(folder: Path) -> Path:
    return _bomb(folder / "generator.pt", "generator/data.pkl")


def _bomb(path: Path, name: str) -> Path:
    """A gigabyte of nothing in a megabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as to:
        for _ in range(1024):
            to.write(b" " * (1 << 20))
    return path


class _Runs:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@refused("pickle that runs a command", "os")
def _(folder: Path) -> Path:
    evil = pickle.dumps({"netG": _Runs(f"touch {folder / MARKER}")}, 2)
    return torch_files.write_archive(folder / "netG.pth", evil)


@refused("keras Lambda", "is code")
def _(folder: Path) -> Path:
    return keras_models.save_model(folder, _lambda())


@refused("keras Lambda in HDF5", "is code")
def _(folder: Path) -> Path:
    return keras_models.save_model(folder, _lambda(), "generator.h5")


def _lambda() -> keras.Model:
    keras.utils.clear_session()
    z = keras.Input((4,))
    x = keras.layers.Reshape((4, 4, 3))(keras.layers.Dense(48)(z))
    return keras.Model(z, keras.layers.Lambda(lambda x: x * 2, name="doubled")(x))


@refused("keras with two outputs", "2 outputs")
def _(folder: Path) -> Path:
    z = keras.Input((4,))
    x = keras.layers.Reshape((4, 4, 3))(keras.layers.Dense(48)(z))
    return keras_models.save_model(folder, keras.Model(z, [x, keras.layers.ReLU()(x)]))


@refused("keras with numbers for pictures", "makes 48 of a latent vector, but a picture")
def _(folder: Path) -> Path:
    z = keras.Input((4,))
    return keras_models.save_model(folder, keras.Model(z, keras.layers.Dense(48)(z)))


@refused("layers that do not chain", "does not fit")
def _(folder: Path) -> Path:
    arrays = make_weights()
    arrays["g_h2/w"] = arrays["g_h2/w"][..., :3]
    return save_checkpoint(folder, rename_arrays(arrays, "C"))


@refused("torch layers that do not chain", "main.3 [5, 3, 4, 4] expects 5")
def _(folder: Path) -> Path:
    shapes = {"main.0.weight": (6, 8, 4, 4), "main.3.weight": (5, 3, 4, 4)}
    state = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    return torch_files.save_archive(folder / "netG.pth", state)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every file, by its name."""
    return {
        name: make(tmp_path_factory.mktemp(name.replace(" ", "-")))
        for name, (make, _) in MADE.items()
    }


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("command", ["recover", "inspect"])
def test_it_is_refused_in_a_sentence(
    tmp_path: Path, made: dict[str, Path], name: str, command: str
) -> None:
    path = made[name]
    given = ("--checkpoint", path, "--trials", 1) if command == "recover" else (path,)
    result = run_ganinv(tmp_path, command, *given, code=2)
    assert result.stdout == ""
    sentence, *more = result.stderr.splitlines()
    assert not more and sentence.startswith("Error: ")
    assert str(path) in sentence and MADE[name][1] in sentence
    assert not list(path.parent.glob(MARKER)) and not list(tmp_path.iterdir())


def test_the_file_alone_is_enough_where_it_can_be(made: dict[str, Path]) -> None:
    """Refusing a file needs neither TensorFlow nor much memory."""
    paths = [str(path) for name, path in made.items() if name.startswith(WITHOUT_TENSORFLOW)]
    assert len(paths) > 10
    code = (
        "import resource, sys\nfrom click.testing import CliRunner\nfrom ganinv_cli.cli import "
        "main\nimport h5py, ganinv_cli.formats\nresource.setrlimit(resource.RLIMIT_DATA, (800 << "
        "20, 800 << 20))\nfor path in sys.argv[1:]:\n    result = CliRunner().invoke(main, "
        "['recover', '--checkpoint', path])\n    assert result.exit_code == 2, result.output\n    "
        "assert 'tensorflow' not in sys.modules, path\n"
    )
    run = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
