"""`ganinv train` as a process: it can be stopped and continued, and explains misuse."""

import signal
import subprocess
import sys
from pathlib import Path

import builders
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

from ganinv_cli.cli import main
from ganinv_cli.formats import read

SMALL = ("--size", "16", "--batch-size", "2")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train") / "pictures"
    builders.save_images(folder, 4)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_saves_what_it_trained_and_says_how_to_go_on(
    pictures: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ganinv_cli", "train", str(pictures), "--out", str(out)]
    with subprocess.Popen([*command, *SMALL], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if "generator" in line:  # the first steps are done
                break
        process.send_signal(stop)
        said = process.stderr.read()
    assert process.returncode == 130
    assert said.endswith(f"interrupted; what was saved is in {out}, and the same command goes on\n")
    assert "Traceback" not in said
    step = int(read(out).path.rpartition("-")[2])

    more = ["train", str(pictures), "--out", str(out), *SMALL, "--steps", str(step + 1)]
    result = CliRunner().invoke(main, more)
    assert result.exit_code == 0, result.output
    assert f"resuming at step {step + 1:,}\n" in result.stderr
    assert f"{step + 1:,}/{step + 1:,} steps" in result.stderr
    assert read(out).path == str(out / f"DCGAN.model-{step + 1}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "48"], "use 16, 32, 64, 128 or 256"),
        (["--batch-size", "1"], "1 is not a whole number of at least 2"),
        (["--steps", "0"], "0 is not a whole number of at least 1"),
        (["--seed", "-1"], "a whole number from 0 to 2000000"),
        (["--seed", "2000001"], "a whole number from 0 to 2000000"),
        (["--average", "1"], "from 0, below 1"),
        (["--average", "nan"], "nan is not a number from 0, below 1"),
        (["--keep-every", "0"], "0 is not a whole number of at least 1"),
        (["--crop-side", "0"], "above 0, at most 1"),
        (["--crop-side", "nan"], "nan is not a number above 0, at most 1"),
        (["--crop-center", "1"], "is not X,Y"),
        (["--crop-center", "5,5"], "between 0 and 1, not 5.0,5.0"),
        (["--precision", "float16"], "float16"),
        (["--width", "0"], "from 1 to 1024"),
        (["--exclude", "nowhere.txt"], "does not exist"),
    ],
    ids=str,
)
def test_misuse_is_explained_in_a_sentence(
    pictures: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["train", str(pictures), "--out", str(out), *arguments])
    assert result.exit_code == 2
    assert words in result.stderr
    assert not out.exists()


def test_width_and_held_out_images_decide_what_is_trained(pictures: Path, tmp_path: Path) -> None:
    held_out, out = tmp_path / "held-out.txt", tmp_path / "out"
    held_out.write_text("2.png\n\n")
    arguments = ["--width", "3", "--exclude", str(held_out), "--steps", "1"]
    result = CliRunner().invoke(
        main, ["train", str(pictures), "--out", str(out), *SMALL, *arguments]
    )
    assert result.exit_code == 0, result.output
    assert "3 images of 16x16 pixels" in result.stderr
    checkpoint = tf.train.load_checkpoint(str(next(out.glob("*.index")).with_suffix("")))
    assert checkpoint.get_tensor("generator/g_h2/w").shape == (5, 5, 3, 3)
    assert checkpoint.get_tensor("generator/g_h1/w").shape == (5, 5, 3, 6)
    held_out.write_text("5.png\n")
    result = CliRunner().invoke(main, ["train", str(pictures), "--out", str(out), *arguments])
    assert result.exit_code == 2
    assert "has no image '5.png'" in result.stderr


def test_an_out_that_is_a_file_is_misuse(pictures: Path) -> None:
    file = pictures / "0.png"
    before = np.asarray(Image.open(file))
    result = CliRunner().invoke(main, ["train", str(pictures), "--out", str(file), *SMALL])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"Error: {file} is a file; name a folder with --out\n")
    np.testing.assert_array_equal(np.asarray(Image.open(file)), before)
