"""Commands run with closed, full and broken streams, and with any encoding."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "table2-coupled-16.h5"
FULL = "stdout cannot be written (No space left on device); nothing else failed"


def run_in_shell(folder: Path, redirection: str, *arguments: object, **environment: str):
    """Run a command in a folder; return the shell's status, and what the streams got."""
    command = [sys.executable, "-m", "ganinv_cli", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {redirection}', "bash", *command],
        cwd=folder,
        capture_output=True,
        encoding="latin-1",
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("arguments", [("--version",), ("inspect", "--help")])
@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        ("<&- >&- 2>&-", 0, ""),
        ("2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        (">/dev/full", 1, f"Error: {FULL}\n"),
        (">/dev/full 2>/dev/full", 1, ""),
        ("| true", 1, ""),
    ],
)
def test_help_runs_whatever_the_streams_are(arguments, redirection, code, said, tmp_path):
    run = run_in_shell(tmp_path, redirection, *arguments)
    assert (run.returncode, run.stderr) == (code, said)


@pytest.mark.parametrize("arguments", [("report", "none.h5"), ("report", "--none")])
@pytest.mark.parametrize("redirection", ["<&- >&- 2>&-", "2>&-", "2>/dev/full", ">/dev/full"])
def test_a_mistake_keeps_its_status(arguments, redirection, tmp_path):
    run = run_in_shell(tmp_path, redirection, *arguments)
    assert run.returncode == 2
    assert ("Error: " in run.stderr) is (redirection == ">/dev/full")
    assert "Traceback" not in run.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a results file."""
    folder = tmp_path_factory.mktemp("output")
    shutil.copy(RESULTS, folder / "run.h5")
    return folder


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        ("<&- >&- 2>&-", 0, ""),
        (">/dev/full", 1, f"Error: {FULL}: the tables and figures are in run/\n"),
        ("2>/dev/full", 0, ""),
        ("| true", 1, ""),
    ],
)
def test_the_folder_is_filled_whatever_the_streams_are(redirection, code, said, folder):
    shutil.rmtree(folder / "run", ignore_errors=True)
    run = run_in_shell(folder, redirection, "report", "run.h5")
    assert (run.returncode, run.stderr) == (code, said)
    assert (folder / "run" / "report.html").exists()


def test_tables_are_printed_in_an_encoding_without_their_signs(folder):
    run = run_in_shell(folder, "", "report", "run.h5", PYTHONIOENCODING="latin-1", COLUMNS="80")
    text = (folder / "run" / "table2.txt").read_text()
    assert not text.isascii()
    assert (run.returncode, run.stdout) == (0, text.encode("latin-1", "replace").decode("latin-1"))


def test_a_run_needs_no_streams(tmp_path):
    given = ("recover", "--checkpoint", "faces16", "--trials", 2, "--clip", "none", "--budget", 9)
    run = run_in_shell(tmp_path, "<&- >&- 2>&-", *given)
    assert run.returncode == 0
    assert (tmp_path / "recover" / "report.html").exists()


def test_an_argument_with_control_characters_is_shown_escaped(tmp_path):
    for arguments in (["report", "\x1b[31m\u202e.h5"], ["report", "a.h5", "--\x1b[31m\u202e"]):
        run = run_in_shell(tmp_path, "", *arguments)
        assert run.returncode == 2
        assert r"\x1b[31m\u202e" in run.stderr
        assert "\x1b" not in run.stderr


@pytest.mark.parametrize("name", ["HDF5_DRIVER", "MPLBACKEND", "SOURCE_DATE_EPOCH"])
def test_a_variable_that_no_command_needs_may_have_any_value(name, folder):
    shutil.rmtree(folder / "run", ignore_errors=True)
    run = run_in_shell(folder, "", "report", "run.h5", **{name: "no such value"})
    assert (run.returncode, "Traceback" in run.stderr) == (0, False)
    assert (folder / "run" / "report.html").exists()


def test_a_file_in_the_place_of_the_folder_is_refused_before_any_work(tmp_path):
    shutil.copy(RESULTS, tmp_path / "run.h5")
    (tmp_path / "run").write_text("")
    for command in (("merge", "run.h5", "a.h5"), ("recover", "--trials", "1", "--out", "run.h5")):
        run = run_in_shell(tmp_path, "", *command)
        assert run.returncode == 2
        assert "run is a file; give the results file another name" in run.stderr
        assert not run.stdout
