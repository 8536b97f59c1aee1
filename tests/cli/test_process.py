"""Commands as processes: what they load, and what happens if their streams cannot be used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "table2-coupled-16.h5"
GANINV = ("-m", "ganinv_cli")
START = """
import os, sys
from ganinv_cli.engine.tensorflow_start import start_tensorflow
start_tensorflow()
import ganinv_cli.experiments.image_plan
import tensorflow as tf
slow = {"keras", "matplotlib", "scipy.integrate", "scipy.optimize", "scipy.spatial", "scipy.stats"}
print(sorted(slow & set(sys.modules)))
print(tf.keras.optimizers.Adam.__module__, "TF_USE_LEGACY_KERAS" in os.environ)
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
