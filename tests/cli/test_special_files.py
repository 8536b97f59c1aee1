"""Pipes and devices in the place of files: no command waits for one."""

import os
import shutil
from pathlib import Path

import builders
import h5py
import numpy as np
import pytest
from called import run_ganinv, save_image
from saved_models import draw_small_picture, make_variable, save_module

from ganinv_cli.encoder.model import read_npz
from ganinv_cli.errors import CheckpointError, GaninvError, to_printable
from ganinv_cli.files.write import replace_file
from ganinv_cli.store.lock import hold_lock, is_locked
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


@pytest.mark.parametrize("name", ["mask.png", "mask.npy"])
def test_a_mask_may_not_be_a_pipe(name, checkpoint, tmp_path):
    os.mkfifo(tmp_path / name)
    save_image(tmp_path / "a.png", np.zeros((16, 16, 3), np.uint8))
    arguments = ("--checkpoint", checkpoint, "--mask", name)
    result = run_ganinv(tmp_path, "invert", "a.png", *arguments, code=2)
    assert f"{name} cannot be read (it is a pipe, not a file)" in result.stderr


def test_the_layers_of_keras_weights_may_not_be_a_pipe(tmp_path):
    with h5py.File(tmp_path / "g.weights.h5", "w") as file:
        file.create_group("layers")
    os.mkfifo(tmp_path / "config.json")
    result = run_ganinv(tmp_path, "inspect", "g.weights.h5", code=2)
    assert "config.json beside it cannot be read (it is a pipe, not a file)" in result.stderr


def test_the_description_of_a_training_may_not_be_a_pipe(tmp_path):
    (tmp_path / "t").mkdir()
    os.mkfifo(tmp_path / "t" / "training.json")
    save_image(tmp_path / "a.png", np.zeros((16, 16, 3), np.uint8))
    result = run_ganinv(tmp_path, "train", ".", "--out", "t", "--steps", 1, code=2)
    assert "training.json cannot be written (it is a pipe, not a file)" in result.stderr


def test_a_lock_waits_for_no_pipe_and_empties_no_other_file(tmp_path):
    os.mkfifo(tmp_path / ".a.h5.lock")
    with hold_lock(tmp_path / "a.h5"):
        assert is_locked(tmp_path / "a.h5")
    (tmp_path / "other").write_text("kept")
    (tmp_path / ".b.h5.lock").symlink_to("other")
    with pytest.raises(GaninvError, match=r"b\.h5 cannot be written"), hold_lock(tmp_path / "b.h5"):
        pass
    (tmp_path / ".c.h5.lock").mkdir()
    with pytest.raises(GaninvError, match=r"c\.h5 cannot be written"), hold_lock(tmp_path / "c.h5"):
        pass
    assert (tmp_path / "other").read_text() == "kept"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inspect", "loop"), "loop is a link that leads to no file"),
        (("recover", "--config", "loop"), "loop is a link that leads to no file"),
        (("invert", "loop", "--checkpoint", "g"), "loop cannot be read (Too many levels of"),
        (("sample", "g", "--z", "loop", "--out", "a.png"), "File 'loop' does not exist"),
        (("report", "loop.h5"), "loop.h5"),
        (("recover", "--checkpoint", "g", "--trials", "1", "--out", "loop.h5"), "loop.h5"),
    ],
)
def test_a_circle_of_links_is_said(arguments, words, checkpoint, tmp_path):
    (tmp_path / "g").symlink_to(checkpoint)
    for name in ("loop", "loop.h5"):
        (tmp_path / name).symlink_to("back")
    (tmp_path / "back").symlink_to("loop")
    result = run_ganinv(tmp_path, *arguments, code=2)
    assert words in result.stderr
    assert "did you mean" not in result.stderr
    assert (tmp_path / "loop.h5").is_symlink()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stem", [b"a\nb", b"a\xffb", b"\x1b[31m", b"-" + b"n" * 200], ids=repr)
def test_a_file_may_have_any_name(stem, checkpoint, tmp_path):
    image, out = (os.fsdecode(stem + ending) for ending in (b".png", b".h5"))
    save_image(tmp_path / image, np.zeros((16, 16, 3), np.uint8))
    arguments = ("--checkpoint", checkpoint, "--starts", 1, "--out", out, "--quiet")
    invert = ("invert", f"./{image}", *arguments)
    first, again = run_ganinv(tmp_path, *invert), run_ganinv(tmp_path, *invert)
    shown = to_printable(os.fsdecode(stem[:5]))
    for result in (first, again, run_ganinv(tmp_path, "report", f"./{out}")):
        assert shown[:4] in result.stdout
        assert result.stdout.replace("\n", "").isprintable()


def test_a_name_that_leaves_no_place_for_temporary_ones_is_refused(checkpoint, tmp_path):
    out = "n" * 252 + ".h5"
    result = run_ganinv(tmp_path, "recover", "--checkpoint", checkpoint, "--out", out, code=2)
    assert "cannot be written (File name too long)" in result.stderr
    assert not list(tmp_path.iterdir())
