"""A generator that is a function in a Python file: run if it is trusted, traced, explained."""

import pickle
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from called import run_ganinv

from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.generators import formats
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.settings.conventions import Conventions

DOCUMENT = Path(__file__).parents[3] / "docs" / "checkpoints.md"
TRUSTED = Conventions(trust=True)
START = """
import tensorflow as tf
LATENT = 6
matrix = tf.reshape(tf.sin(tf.range(6 * 48, dtype=tf.float32) ** 2), (6, 48))
"""
DRAW = "    return tf.tanh(tf.reshape(z @ matrix, (-1, 4, 4, 3)))\n"
PLAIN = f"{START}\ndef generate(z):\n{DRAW}"
Z = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)


def _write(folder: Path, text: str, name: str = "generator.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _read(folder: Path, text: str) -> Definition:
    return formats.read(_write(folder, text), TRUSTED)


def _draw(definition: Definition) -> np.ndarray:
    pictures: np.ndarray = make_generator(definition)(tf.constant(Z)).numpy()
    return pictures


def _expected() -> np.ndarray:
    names: dict[str, Any] = {}
    exec(PLAIN, names)
    pictures: np.ndarray = names["generate"](tf.constant(Z)).numpy()
    return pictures


def test_the_example_of_the_manual_is_a_conditional_generator(tmp_path):
    text = DOCUMENT.read_text(encoding="utf-8").partition("## Python files")[2]
    definition = _read(tmp_path, re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0])
    network = definition.network
    assert (network.latent, network.labels, network.image_shape) == (100, 10, (16, 16, 3))
    assert str(definition.prior).startswith("uniform")
    assert (definition.format, definition.layout, definition.assumed) == ("Python", "traced", ())


def test_without_trust_the_file_is_not_run(tmp_path):
    path = _write(tmp_path, f"open({str(tmp_path / 'marker')!r}, 'w')")
    said = run_ganinv(tmp_path, "inspect", path, code=2).output
    assert "is a Python file, which must be run to get its generator; --trust runs it" in said
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "definition",
    [
        f"def generate(z):\n{DRAW}",
        f"@tf.function\ndef generate(z):\n    if z.shape[1] == 6:\n        z = z + 0\n{DRAW}",
        f"class Draw:\n  def __call__(self, z):\n{DRAW}\ngenerate = Draw()",
        "import keras\ngenerate = keras.Sequential([keras.Input((6,)), keras.layers.Dense(48, "
        "activation='tanh', use_bias=False), keras.layers.Reshape((4, 4, 3))])\n"
        "generate.set_weights([matrix])",
    ],
    ids=["function", "tf.function", "callable", "keras"],
)
def test_generate_may_be_anything_that_can_be_called(definition, tmp_path):
    np.testing.assert_allclose(_draw(_read(tmp_path, START + definition)), _expected(), atol=1e-6)


@pytest.mark.slow
def test_a_keras_file_with_classes_of_a_module_beside_it(tmp_path):
    layers = "import keras\n@keras.saving.register_keras_serializable()\nclass Half(keras.Layer):\n"
    _write(tmp_path, f"{layers}    def call(self, x): return x / 2", "half_layer.py")
    chain = "[keras.Input((6,)), keras.layers.Dense(48), Half(), keras.layers.Reshape((4, 4, 3))]"
    start = "import keras\nfrom half_layer import Half\nfile = __file__.replace('.py', '.keras')\n"
    script = f"{start}keras.Sequential({chain}).save(file)"
    subprocess.run([sys.executable, _write(tmp_path, script)], check=True, capture_output=True)
    with pytest.raises(CheckpointError, match=r"a Half layer.*load it in a Python file"):
        formats.read(tmp_path / "generator.keras", TRUSTED)
    definition = _read(tmp_path, f"{start}LATENT = 6\ngenerate = keras.saving.load_model(file)")
    assert definition.network.image_shape == (4, 4, 3)


def test_modules_beside_the_file_are_imported_and_forgotten(tmp_path, capsys):
    path = list(sys.path)
    for number, folder in enumerate((tmp_path / "a", tmp_path / "b"), 1):
        folder.mkdir()
        _write(folder, f"{START}\ndef draw(z):\n    z = z * {number}\n{DRAW}", "part_of_it.py")
        later = "def generate(z):\n    from part_of_it import draw\n    return draw(z)"
        definition = _read(folder, f"print('loading')\nfrom part_of_it import LATENT\n{later}")
        assert np.allclose(_draw(definition), _expected(), atol=1e-6) == (number == 1)
    assert "part_of_it" not in sys.modules and sys.path == path
    assert capsys.readouterr() == ("", "loading\n" * 2)  # stdout is for results


WRONG = {
    "syntax": ("def generate(z:\n", r"does not run \(SyntaxError: .*line 1"),
    "own error": (
        "class E(Exception): pass\n\nraise E('text')",
        r"\(E: text\); correct the file \(-v shows the line",
    ),
    "no function": ("LATENT = 3", "does not define both generate and LATENT; define"),
    "arguments": (f"{PLAIN}\nLABELS = 2", r"generate that fails \(.*TypeError: .*2 were given"),
    "in the function": (
        f"{START}\ndef generate(z):\n    return z.real_part",
        r"fails \(AttributeError: .*real_part",
    ),
    "state": (
        f"{START}\ncount = tf.Variable(1.0)\n@tf.function\ndef generate(z):\n"
        f"    z = z * count.assign_add(1.0)\n{DRAW}",
        r"changes a variable whenever it makes a picture \(AssignAddVariableOp\); .* z alone",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_sentence(name, tmp_path):
    text, words = WRONG[name]
    with pytest.raises((CheckpointError, ConfigError), match=words) as caught:
        _read(tmp_path, text)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 700


def test_a_worker_needs_neither_the_file_nor_its_modules(tmp_path):
    build = pickle.dumps(partial(make_generator, _read(tmp_path, PLAIN)))
    (tmp_path / "generator.py").unlink()
    pictures = pickle.loads(build)()(tf.constant(Z))
    np.testing.assert_allclose(pictures, _expected(), atol=1e-6)
