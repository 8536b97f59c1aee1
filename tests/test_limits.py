"""Too little memory ends a command with a sentence, not with a traceback."""

import errno

import click
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from ganinv_cli.cli import main
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


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="a bug"), explain_memory_errors():
        raise RuntimeError("a bug")
