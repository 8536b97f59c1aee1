"""TensorFlow starts without what no command needs at first."""

import subprocess
import sys

CODE = """
import os, sys
from ganinv_cli.cli import startup
startup.start_tensorflow()
import ganinv_cli.experiments.images
import tensorflow as tf
print(sorted({"keras", "scipy.stats", "matplotlib"} & set(sys.modules)))
print(tf.keras.optimizers.Adam.__module__, "TF_USE_LEGACY_KERAS" in os.environ)
"""


def test_keras_is_loaded_when_it_is_used() -> None:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[]", "keras.src.optimizers.adam False"]
