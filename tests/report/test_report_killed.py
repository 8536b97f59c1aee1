"""A report that is killed while it writes, and written again."""

import subprocess
import sys
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "faces16-code-frozen.h5"
_KILLED_IN_A_FILE = """
import os, pathlib, sys
ending, write = sys.argv.pop(), pathlib.Path.write_bytes
def write_half(path, content):
    write(path, content[: len(content) // 2])
    if path.name.endswith(ending + ".tmp"):
        os._exit(9)
    return write(path, content)
pathlib.Path.write_bytes = write_half
sys.argv[0] = "ganinv"
from ganinv_cli.cli import main
main(prog_name='ganinv')
"""


@pytest.mark.nightly
def test_a_report_that_was_killed_leaves_nothing_after_the_next(tmp_path: Path) -> None:
    command = ["report", str(RESULTS), "--out", str(tmp_path / "report")]
    whole = tmp_path / "whole"
    subprocess.run(
        [sys.executable, "-m", "ganinv_cli", *command[:3], str(whole)],
        check=True,
        capture_output=True,
    )
    for ending in (".md", ".png", ".pdf", ".html"):
        killed = subprocess.run([sys.executable, "-c", _KILLED_IN_A_FILE, *command, ending])
        assert killed.returncode == 9
        assert len([*(tmp_path / "report").glob(".*.tmp")]) == 1
    subprocess.run([sys.executable, "-m", "ganinv_cli", *command], check=True, capture_output=True)
    names = [sorted(p.name for p in folder.rglob("*")) for folder in (whole, tmp_path / "report")]
    assert names[0] == names[1]
