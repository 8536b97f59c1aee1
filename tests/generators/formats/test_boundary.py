"""Errors of reading a file become one sentence, with the cause for `-v`."""

import struct
import sys
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from called import run_ganinv
from google.protobuf.message import DecodeError

from ganinv_cli.errors import CheckpointError, ConfigError, OutOfMemoryError
from ganinv_cli.generators import formats
from ganinv_cli.generators.formats.interface import Format, UnfinishedGenerator, UnreadableError
from ganinv_cli.generators.network.graph import make_sequence
from ganinv_cli.generators.network.layers import Activation, Dense, Reshape
from ganinv_cli.settings.conventions import Conventions

ERRORS = [
    *(OSError(22, "Invalid argument"), KeyError("weights"), ValueError("two\nlines \x1b[31m")),
    *(RecursionError("too deep"), zipfile.BadZipFile("no zip"), zlib.error("no data")),
    *(struct.error("no number"), EOFError(), DecodeError("no message")),
    tf.errors.DataLossError(None, None, "no tensor"),
]


@pytest.fixture
def path(tmp_path):
    """A file of a format that is in no tuple yet."""
    path = tmp_path / "generator.matrix"
    path.write_bytes(b"MATRIX\0\0" + np.ones((4, 64), np.float32).tobytes())
    return path


def _add_format(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
    def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
        if error:
            raise error
        weights = np.frombuffer(path.read_bytes()[8:], np.float32).reshape(4, 64)
        layers = [Dense(weights, np.zeros(64, np.float32)), Reshape((8, 8, 1)), Activation("tanh")]
        return UnfinishedGenerator(make_sequence(4, layers), "Matrix", "plain", str(path))

    monkeypatch.setitem(
        sys.modules, "ganinv_cli.generators.formats.matrix", SimpleNamespace(read=read)
    )
    form = Format("a matrix", "matrix", lambda facts: facts.first_bytes.startswith(b"MATRIX"))
    monkeypatch.setattr(formats, "FORMATS", (form, *formats.FORMATS))


@pytest.mark.refusals
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_of_reading_is_a_sentence_that_keeps_its_cause(path, monkeypatch, error):
    _add_format(monkeypatch, error)
    with pytest.raises(CheckpointError) as caught:
        formats.read(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path} cannot be read as a matrix (") and sentence.isprintable()
    assert sentence.endswith("; copy it again from its source")
    assert caught.value.__cause__ is error


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UnreadableError("is no\nmatrix; give one"), r"generator.matrix is no\\nmatrix; give one"),
        (ConfigError("--padding is wrong"), "^--padding is wrong$"),
        (MemoryError(), "the memory ran out"),
        (ValueError("long " * 1000), r"^.{100,600}$"),
    ],
)
def test_a_known_problem_keeps_its_own_sentence(path, monkeypatch, error, expected):
    _add_format(monkeypatch, error)
    with pytest.raises((CheckpointError, ConfigError, OutOfMemoryError), match=expected):
        formats.read(path)


@pytest.mark.refusals
def test_verbose_shows_the_traceback(path, monkeypatch):
    _add_format(monkeypatch, KeyError("weights"))
    (sentence,) = run_ganinv(path.parent, "inspect", path, code=2).stderr.splitlines()
    first, *_, last = run_ganinv(path.parent, "inspect", path, "-v", code=2).stderr.splitlines()
    assert first.startswith("Traceback") and last == sentence
