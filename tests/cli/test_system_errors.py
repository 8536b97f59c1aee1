"""What the system refuses is said in a sentence, whichever call it was refused to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from called import run_ganinv

LONG = "a" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", f"{LONG}.h5"),
        ("inspect", LONG),
        ("recover", "--checkpoint", LONG),
        ("recover", "--config", f"{LONG}.toml"),
        ("recover", "--checkpoint", "faces16", "--out", f"{LONG}.h5"),
        ("merge", "out.h5", f"{LONG}.h5"),
    ],
)
def test_a_name_that_is_too_long_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = run_ganinv(tmp_path, *arguments, code=2).stderr
    assert "File name too long" in said
    assert "Traceback" not in said


def test_a_folder_that_was_removed_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    script = (
        "import os, sys; os.rmdir(os.getcwd()); from ganinv_cli.cli import main; "
        "main(['recover', '--trials', '2', '--checkpoint', 'faces16'], prog_name='ganinv')"
    )
    source = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == (
        "Error: the current folder was removed; change to another one"
    )
