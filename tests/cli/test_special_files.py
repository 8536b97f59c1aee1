"""Pipes and devices in the place of files: no command waits for one."""

import os
import shutil
from pathlib import Path

import builders
import numpy as np
import pytest
from called import run_ganinv
from saved_models import draw_small_picture, make_variable, save_module

from ganinv_cli.encoder.model import read_npz
from ganinv_cli.errors import CheckpointError, GaninvError
from ganinv_cli.files.write import replace_file
from ganinv_cli.store.lock import hold_lock
from ganinv_cli.store.running import count_running_trials

pytestmark = [
    pytest.mark.timeout(20),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A TensorFlow checkpoint to copy and spoil."""
    folder = tmp_path_factory.mktemp("whole")
    builders.make_checkpoint(folder / "generator")
    return folder / "generator"


def _replace_by_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize(
    "name",
    ["g.pth", "g.safetensors", "g.onnx", "g.h5", "g.keras", "g.weights.h5", "g.pb", "g.py", "g"],
)
def test_a_checkpoint_that_is_a_pipe_is_refused(name, tmp_path):
    os.mkfifo(tmp_path / name)
    result = run_ganinv(tmp_path, "inspect", name, code=2)
    assert f"{name} cannot be read (it is a pipe, not a file)" in result.stderr


@pytest.mark.parametrize("pattern", ["*.index", "*.data-*", "checkpoint"])
def test_no_file_of_a_tensorflow_checkpoint_may_be_a_pipe(pattern, checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "g")
    (file,) = (tmp_path / "g").glob(pattern)
    _replace_by_pipe(file)
    result = run_ganinv(tmp_path, "inspect", "g", code=2)
    assert "it is a pipe, not a file" in result.stderr


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_no_file_of_a_saved_model_may_be_a_pipe(name, tmp_path):
    scale = make_variable(3)
    save_module(tmp_path / "g", lambda z: draw_small_picture(z) * scale, scale)
    _replace_by_pipe(tmp_path / "g" / name)
    result = run_ganinv(tmp_path, "inspect", "g", code=2)
    assert "it is a pipe, not a file" in result.stderr


def test_conventions_beside_a_checkpoint_may_not_be_a_pipe(checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "g")
    os.mkfifo(tmp_path / "g" / "generator.toml")
    result = run_ganinv(tmp_path, "inspect", "g", code=2)
    assert "generator.toml cannot be read (it is a pipe, not a file)" in result.stderr


def test_latent_vectors_may_not_be_a_pipe(checkpoint, tmp_path):
    os.mkfifo(tmp_path / "z.npy")
    arguments = ("--z", "z.npy", "--out", "a.png")
    result = run_ganinv(tmp_path, "sample", checkpoint, *arguments, code=2)
    assert "z.npy cannot be read (it is a pipe, not a file)" in result.stderr


@pytest.mark.parametrize("option", ["--config", "--out"])
def test_a_pipe_as_an_option_of_a_run_is_refused_and_kept(option, checkpoint, tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    arguments = ("--checkpoint", checkpoint, "--trials", 1, option, "pipe.h5", "--overwrite")
    result = run_ganinv(tmp_path, "recover", *arguments, code=2)
    assert "it is a pipe, not a file" in result.stderr
    assert (tmp_path / "pipe.h5").is_fifo()


@pytest.mark.parametrize("names", [["pipe.png"], ["folder"]])
def test_an_image_that_is_a_pipe_is_left_out(names, checkpoint, tmp_path):
    (tmp_path / "folder").mkdir()
    for place in (tmp_path, tmp_path / "folder"):
        os.mkfifo(place / "pipe.png")
    result = run_ganinv(tmp_path, "invert", *names, "--checkpoint", checkpoint, code=2)
    assert "pipe.png cannot be read (it is a pipe, not a file)" in result.stderr


@pytest.mark.parametrize("images", ["pipe.zip", "folder"])
def test_images_to_train_on_may_not_be_pipes(images, tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "a.png")
    result = run_ganinv(tmp_path, "train", images, "--out", "t", "--steps", 1, code=2)
    assert "it is a pipe, not a file" in result.stderr


def test_files_of_ganinv_itself_may_not_be_pipes(tmp_path):
    out = tmp_path / "a.h5"
    (tmp_path / "a.h5.parts").mkdir()
    os.mkfifo(tmp_path / "a.h5.parts" / "running-0.npz")
    assert count_running_trials(out) == 0
    os.mkfifo(tmp_path / "encoder.npz")
    with pytest.raises(CheckpointError, match="it is a pipe"):
        read_npz(tmp_path / "encoder.npz", 1000)


def test_a_pipe_is_never_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "out")
    with pytest.raises(OSError, match="it is a pipe, not a file"):
        replace_file(tmp_path / "out", b"content")
    with pytest.raises(GaninvError, match="it is a pipe"), hold_lock(tmp_path / "out"):
        pass
    assert (tmp_path / "out").is_fifo()


def test_z_in_an_archive_is_read_as_before(checkpoint, tmp_path):
    np.savez(tmp_path / "z.npz", z=np.zeros((2, 6), np.float32))
    run_ganinv(tmp_path, "sample", checkpoint, "--z", "z.npz", "--out", "a.png", "--quiet")
