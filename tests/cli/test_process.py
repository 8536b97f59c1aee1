"""Commands as processes: what they load, and what happens if their streams cannot be used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from called import save_image
from torch_files import write_archive

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "table2-coupled-16.h5"
GANINV = ("-m", "ganinv_cli")
START = """
import os, sys
from ganinv_cli.tensorflow_start import start_tensorflow
start_tensorflow()
import ganinv_cli.experiments.image_plan
import tensorflow as tf
slow = {"keras", "matplotlib", "scipy.integrate", "scipy.optimize", "scipy.spatial", "scipy.stats"}
print(sorted(slow & set(sys.modules)))
print(tf.keras.optimizers.Adam.__module__, "TF_USE_LEGACY_KERAS" in os.environ)
"""

REFUSED = {  # command -> its sentence
    "invert text.png empty.png": "text.png is not an image of a known format",
    "consistency --image empty.png": "empty.png is empty; leave",
    "consistency --image objects.npy": "objects.npy cannot be read as NumPy arrays",
    "invert good.png --mask text.png": "text.png is not an image of a known format",
    "invert good.png --crop 0,0,99": "the square 0,0,99 reaches outside",
    "recover --out text.png": "text.png is not an HDF5 file",
    "noise-sweep --out text.png/r.h5": "text.png/r.h5 cannot be written (Not a directory)",
    "invert good.png --out text.png/r.h5": "text.png/r.h5 cannot be written (Not a directory)",
    "sample faces16 --out text.png/a.png": "text.png/a.png cannot be written",
    "sample faces16 --out a.png --z text.png": "text.png cannot be read",
    "sample faces16 --out a.png --between objects.npy text.png": "objects.npy cannot be read",
    "inspect bomb.pt": "has a pickle of more than 500,000 operations",
    "recover --device tpu": "there is no device 'tpu'; give auto, cpu, gpu",
    "recover --device gpu": "TensorFlow sees no GPU here; leave --device out, or in the clone",
    "train none --out out": "none does not exist",
    "train empty --out out": "empty holds no image",
    "train . --size 16 --out text.png": "text.png is a file; name a folder",
}
REFUSE = """
import sys
from ganinv_cli.cli import main
from ganinv_cli.settings import machine
machine._has_gpu_driver = bool  # no: as on a machine without a GPU
for line in sys.stdin.read().splitlines():
    try:
        main(line.split())
    except SystemExit as end:
        assert end.code == 2, line
    assert "tensorflow" not in sys.modules, line
"""


def run_in_shell(folder, redirection, *arguments, **environment):
    """Run Python in a folder; return the shell's status, and what the streams got."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {redirection}', "bash", *command],
        cwd=folder,
        capture_output=True,
        encoding="latin-1",
        timeout=120,
        env={**os.environ, **environment},
    )


def test_the_folder_is_filled_before_anything_is_printed(tmp_path):
    """Also with Jupyter's backend of Matplotlib, which is not used, and with no folder for it."""
    shutil.copy(RESULTS, tmp_path / "run.h5")
    matplotlib = {"MPLBACKEND": "other", "MPLCONFIGDIR": "/dev/null/none"}
    environment = {**matplotlib, "PYTHONUNBUFFERED": ""}
    run = run_in_shell(tmp_path, "<&- >/dev/full", *GANINV, "report", "run.h5", **environment)
    assert run.returncode == 1
    assert [line[:6] for line in run.stderr.splitlines()] == ["Error:"]
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_a_closed_stderr_changes_nothing(tmp_path):
    shutil.copy(RESULTS, tmp_path / "run.h5")
    run = run_in_shell(tmp_path, "2>&-", *GANINV, "report", "run.h5")
    assert run.returncode == 0 and (tmp_path / "run" / "report.html").exists()
    assert run.stdout == run_in_shell(tmp_path, "", *GANINV, "report", "run.h5").stdout


def test_a_mistake_is_told_with_a_closed_stdout(tmp_path):
    run = run_in_shell(tmp_path, ">&-", *GANINV, "report", "no.h5")
    assert run.returncode == 2
    assert [line[:6] for line in run.stderr.splitlines()] == ["Error:"]


def test_a_mistake_keeps_its_status_and_is_one_line(tmp_path):
    run = run_in_shell(tmp_path, "", *GANINV, "inspect", "\x1b[31m\u202e.pt")
    assert (run.returncode, run.stdout) == (2, "")
    assert r"\x1b[31m\u202e" in run.stderr and "\x1b" not in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_what_needs_no_generator_is_refused_before_tensorflow_is_imported(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([None, "a"]), allow_pickle=True)
    save_image(tmp_path / "good.png", np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    (tmp_path / "empty").mkdir()
    write_archive(tmp_path / "bomb.pt", b"\x80\x02" + 600_000 * b"]" + b".")
    command = [sys.executable, "-c", REFUSE]
    typed = "\n".join(REFUSED)
    run = subprocess.run(
        command, input=typed, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120
    )
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    for said, sentence in zip(run.stderr.splitlines(), REFUSED.values(), strict=True):
        assert said.startswith("Error: ") and sentence in said
    assert not (tmp_path / "out").exists()


def test_characters_that_the_encoding_lacks_are_replaced(tmp_path):
    latin = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    shutil.copy(RESULTS, tmp_path / "‖.h5")
    run = run_in_shell(tmp_path, "", *GANINV, "report", "‖.h5", **latin)
    assert run.returncode == 0 and "?" in run.stdout
    assert "Traceback" not in run.stderr


def test_a_pipe_that_is_closed_ends_without_a_traceback(tmp_path):
    said = run_in_shell(tmp_path, "| true", *GANINV, "--help").stderr
    assert "Traceback" not in said and len(said.splitlines()) <= 1


@pytest.mark.slow
def test_a_run_starts_without_slow_imports():
    run = subprocess.run([sys.executable, "-c", START], capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[]", "keras.src.optimizers.adam False"]
