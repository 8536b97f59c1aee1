"""Too little memory ends a command with a sentence, not with a traceback, a crash or a hang."""

import errno
import resource
import subprocess
import sys

import builders
import click
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from ganinv_cli.cli import main
from ganinv_cli.errors import OutOfMemoryError
from ganinv_cli.limits import explain_memory_errors

OUT_OF_MEMORY = {
    "python": MemoryError(),
    "numpy": np._core._exceptions._ArrayMemoryError((2**40,), np.dtype(float)),
    "tensorflow": tf.errors.ResourceExhaustedError(None, None, "OOM"),
    "system": OSError(errno.ENOMEM, "Cannot allocate memory"),
    "threads": RuntimeError("can't start new thread"),
    "libraries": ImportError("libtensorflow_cc.so.2: failed to map segment from shared object"),
}


@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
def test_every_error_of_memory_is_one_sentence(kind, monkeypatch):
    def run_out():
        raise OUT_OF_MEMORY[kind]

    monkeypatch.setattr("ganinv_cli.cli.merge.merge", click.Command("merge", callback=run_out))
    result = CliRunner().invoke(main, ["merge"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the memory that ganinv may use ran out; ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), SystemError("a bug")])
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(type(error), match="a bug"), explain_memory_errors():
        raise error


def test_an_error_of_c_code_is_of_memory_only_if_that_is_limited(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (5 << 30, resource.RLIM_INFINITY))
    with pytest.raises(OutOfMemoryError), explain_memory_errors():
        raise SystemError("error return without exception set")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("arguments", "allowed", "needed"),
    [
        (("inspect", "small"), 3000, "4,096"),
        (("inspect", "small"), 1500, "4,096"),
        (("inspect", "small"), 300, "768"),
        (("report", "a.h5"), 300, "768"),
    ],
)
def test_too_few_addresses_are_said_before_a_library_crashes(arguments, allowed, needed, tmp_path):
    builders.make_checkpoint(tmp_path / "small")
    command = [sys.executable, "-m", "ganinv_cli", *arguments]
    size = allowed << 20
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
    )
    said = f"ulimit -v allows {allowed:,} MB of addresses, and this needs {needed}; "
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
