"""A type checker knows the settings of each function."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """\
import ganinv_cli as ganinv
from ganinv_cli import Inversion, RunResults, noise_sweep

table: RunResults = ganinv.recover("faces16", trials=3, clip=["none"], gd={"rate": 1.0})
found: Inversion = ganinv.invert("faces16", "a.png", starts=2, clip="none", crop="none")
ganinv.recover(trails=3)
ganinv.recover(trials="3")
ganinv.recover(success="never")
ganinv.recover(variances=[0.1])
noise_sweep(starts=3, variances=[0.1])
"""
WRONG = {6: "trails", 7: "trials", 8: "success", 9: "variances", 10: "starts"}


@pytest.mark.slow
def test_a_wrong_keyword_is_an_error_of_mypy(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    options = ("--strict", "--follow-imports=silent", "--config-file=", "program.py")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--no-pretty", "--hide-error-context"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache"), "PATH": ""},
        capture_output=True,
        encoding="utf-8",
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    assert len(errors) == len(WRONG), run.stdout + run.stderr
    for error, (line, name) in zip(errors, WRONG.items(), strict=True):
        assert error.startswith(f"program.py:{line}: ") and f'"{name}"' in error
