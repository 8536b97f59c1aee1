"""Settings that a traced generator does not support are refused."""

from unittest import mock

import builders
import pytest
from called import run_ganinv

from ganinv_cli import formats


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("recover", "--precision", "mixed"), "precision = mixed: here was read as TensorFlow"),
        (("recover", "--polish", "float64"), "polish = float64: here was read as TensorFlow"),
        (("noise-sweep", "--variances", "0,1", "--precision", "mixed"), "in bfloat16; leave"),
        (("train-encoder", "--precision", "bfloat16"), "could be computed in bfloat16; leave"),
    ],
)
def test_what_needs_layers_is_refused_in_a_sentence(tmp_path, easy, arguments, sentence):
    traced = builders.trace_layers(builders.read(easy.folder))
    with (
        mock.patch.object(formats, "read", return_value=traced),
        mock.patch.object(formats, "find_format"),
    ):
        said = run_ganinv(tmp_path, *arguments, "--checkpoint", ".", code=2).output
    (last,) = [line for line in said.splitlines() if line.startswith("Error")]
    assert sentence in last
    assert not list(tmp_path.iterdir())
