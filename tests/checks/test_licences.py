"""`make licences` refuses a package whose licence is unknown or asks to publish ganinv's code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "metadata",
    ["License-Expression: GPL-3.0-only", "License-Expression: MIT AND AGPL-3.0-only", "Summary: x"],
)
def test_a_package_with_another_licence_is_refused(metadata, tmp_path):
    run = _run_beside(tmp_path, metadata)
    assert run.returncode == 1
    assert "for package odd:1.0" in run.stderr


def test_a_package_with_an_allowed_licence_is_listed(tmp_path):
    run = _run_beside(tmp_path, "License-Expression: BSD-2-Clause")
    assert run.returncode == 0, run.stderr
    assert "odd" in run.stdout


def _run_beside(folder, metadata):
    """Run pip-licenses as the project sets it, with a package beside those that are installed."""
    package = folder / "odd-1.0.dist-info"
    package.mkdir()
    text = f"Metadata-Version: 2.4\nName: odd\nVersion: 1.0\n{metadata}\n"
    (package / "METADATA").write_text(text, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "piplicenses"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
