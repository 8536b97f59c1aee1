"""A format is one file: dropped into the package, it is recognised and read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ganinv_cli import formats
from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats.detect import list_formats

MODULE = """
import numpy as np

from ganinv_cli.formats.detect import Format
from ganinv_cli.formats.interface import UnfinishedGenerator
from ganinv_cli.network.graph import chain
from ganinv_cli.network.layers import Activation, Dense, Reshape


def read(path, conventions):
    weights = np.frombuffer(path.read_bytes()[8:], np.float32).reshape(4, 64)
    layers = [Dense(weights, np.zeros(64, np.float32)), Reshape((8, 8, 1)), Activation("tanh")]
    return UnfinishedGenerator(chain(4, layers, ["", "", ""]), "Matrix", "plain", str(path))


FORMAT = Format("matrix", read, lambda facts: facts.first_bytes.startswith(b"MATRIX\\0\\0"))
"""


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "matrix_file.py").write_text(MODULE)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    list_formats.cache_clear()
    yield
    list_formats.cache_clear()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "generator.matrix"
    path.write_bytes(b"MATRIX\0\0" + np.ones((4, 64), np.float32).tobytes())
    return path


@pytest.mark.usefixtures("dropped_in")
def test_a_file_of_a_new_format_is_read(file: Path) -> None:
    checkpoint = formats.read(file)
    assert (checkpoint.format, checkpoint.network.shapes[-1]) == ("Matrix", (8, 8, 1))


def test_without_the_module_it_is_refused(file: Path) -> None:
    with pytest.raises(CheckpointError, match="is in no format that ganinv reads"):
        formats.read(file)
