"""TensorFlow starts without unneeded parts, and a message explains slow reading."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganinv_cli import formats
from ganinv_cli.api import read_checkpoint
from ganinv_cli.errors import CheckpointError
from ganinv_cli.progress.reporters import show_on_terminal
from ganinv_cli.settings.conventions import Conventions

CODE = """
import os, sys
from ganinv_cli.api.tensorflow_start import start_tensorflow
start_tensorflow()
import ganinv_cli.experiments.images
import tensorflow as tf
print(sorted({"keras", "scipy.stats", "matplotlib"} & set(sys.modules)))
print(tf.keras.optimizers.Adam.__module__, "TF_USE_LEGACY_KERAS" in os.environ)
"""


def test_keras_is_loaded_when_it_is_used() -> None:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[]", "keras.src.optimizers.adam False"]


def test_slow_reading_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def read(path: Path, conventions: Conventions) -> None:
        time.sleep(0.5)
        raise CheckpointError(f"{path}: no")

    monkeypatch.setattr(formats, "read", read)
    monkeypatch.setattr(formats, "needs_tensorflow", lambda path, conventions: False)
    monkeypatch.setattr(read_checkpoint, "SLOW_READING", 0.05)
    for quiet in (False, True):
        with pytest.raises(CheckpointError), show_on_terminal(quiet) as reporter:
            read_checkpoint.read_checkpoint_lazily(
                tmp_path / "g.safetensors", Conventions(), reporter
            )
        assert ("once for each file" in capsys.readouterr().err) is not quiet
