"""`ganinv train-encoder` as a process: it can be stopped and continued, and explains misuse."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builders import make_weights, rename_arrays, save_checkpoint
from called import run_ganinv

from ganinv_cli.encoder.model import Encoder
from ganinv_cli.formats import read
from ganinv_cli.network.make_generator import make_generator


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The folder of a small generator."""
    return save_checkpoint(tmp_path / "faces", rename_arrays(make_weights(), "C")).parent


def test_the_encoder_is_written_beside_the_checkpoint_and_its_error_is_said(
    checkpoint: Path,
) -> None:
    path = checkpoint / "encoder.npz"
    options = ("train-encoder", "--checkpoint", checkpoint, "--images", 2000)
    first = run_ganinv(checkpoint.parent, *options)
    encoder = Encoder.load(path, make_generator(read(checkpoint)))
    error = encoder.about["quality"]["error"]
    assert first.stdout.startswith(f"{path}: squared error of a component of z {error:.4f} on")
    assert "guessing gives 0.3333" in first.stdout
    assert "2,000/2,000 images" in first.stderr

    again = run_ganinv(checkpoint.parent, *options, "--quiet")
    assert (again.stdout, again.stderr) == (first.stdout, "")


def test_without_a_number_there_are_ten_images_for_each_value(checkpoint: Path) -> None:
    run_ganinv(checkpoint, "train-encoder", "--checkpoint", checkpoint, "--out", "mine.npz", "-v")
    encoder = Encoder.load(checkpoint / "mine.npz")
    assert encoder.about["run"]["images"] == 10 * (16 * 16 * 3 + 1)
    assert not (checkpoint / "encoder.npz").exists()


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_keeps_what_it_summed_and_says_how_to_go_on(
    checkpoint: Path, stop: signal.Signals
) -> None:
    command = [sys.executable, "-m", "ganinv_cli", "train-encoder", "--images", "1000000"]
    command += ["--checkpoint", str(checkpoint), "--batch-size", "100"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if "images/s" in line:
                break
        process.send_signal(stop)
        said = process.stderr.read()
    path = checkpoint / "encoder.npz"
    assert process.returncode == 130
    assert said.endswith(
        f"interrupted; what was summed is kept for {path}, and the same command goes on\n"
    )
    assert (checkpoint / "encoder.npz.state").exists()
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--images", "0"], "0 is not a whole number of at least 1"),
        (["--batch-size", "0"], "0 is not a whole number of at least 1"),
        (["--seed", "-1"], "a whole number from 0 to 2147483647"),
        (["--ridge", "0"], "a number above 0"),
        (["--ridge", "nan"], "nan is not a number above 0"),
        (["--precision", "float16"], "float16"),
        (["--checkpoint", "nowhere"], "no such checkpoint"),
        (["--out", "."], "is a directory"),
        (["--out", "nowhere/encoder.npz"], "is in a folder that does not exist"),
        (["--out", "/proc/encoder.npz"], "name another file"),
    ],
    ids=str,
)
def test_misuse_is_explained_in_a_sentence(
    checkpoint: Path, arguments: list[str], words: str
) -> None:
    options = ("train-encoder", "--checkpoint", checkpoint, *arguments)
    result = run_ganinv(checkpoint, *options, code=2)
    assert words in result.stderr
    assert result.stdout == ""


def test_another_run_on_the_same_file_is_misuse_unless_it_may_overwrite(checkpoint: Path) -> None:
    options = ("train-encoder", "--checkpoint", checkpoint, "--images", 1000)
    run_ganinv(checkpoint, *options)
    result = run_ganinv(checkpoint, *options, "--seed", 1, code=2)
    assert "seed is 0 in the file, and 1 here. Name another file with --out" in result.stderr
    run_ganinv(checkpoint, *options, "--seed", 1, "--overwrite")
    assert Encoder.load(checkpoint / "encoder.npz").about["run"]["seed"] == 1
