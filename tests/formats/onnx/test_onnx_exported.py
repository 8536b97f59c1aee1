"""Generators as PyTorch and Keras export them make ONNX Runtime's pictures, row by row."""

import onnx
import pytest
from exported.onnx_models import EXPORTED, assert_agrees

from ganinv_cli import formats

OFTEN = ("dynamo-free-25", "script-one-13", "export-free")  # the others run at night
PATHS = [
    pytest.param(path, marks=() if path.stem.endswith(OFTEN) else pytest.mark.nightly, id=path.stem)
    for path in EXPORTED
]


@pytest.mark.parametrize("path", PATHS)
def test_pictures_are_those_of_onnx_runtime(path):
    assert_agrees(path)


def test_a_graph_for_one_row_is_run_for_all_rows_at_once():
    one = next(path for path in EXPORTED if path.name.startswith("residual-dynamo-one"))
    free = next(path for path in EXPORTED if path.name.startswith("residual-dynamo-free"))
    assert formats.read(one).network.operations == formats.read(free).network.operations


def test_the_hash_is_of_the_graph_and_the_weights_alone(tmp_path):
    first = formats.read(EXPORTED[0])
    model = onnx.load(EXPORTED[0])
    for number, node in enumerate(model.graph.node):
        node.name, node.doc_string = f"renamed{number}", "with a story"
    (tmp_path / "renamed.onnx").write_bytes(model.SerializeToString())
    assert formats.read(tmp_path / "renamed.onnx").network.sha256 == first.network.sha256
    tensor = model.graph.initializer[0]
    tensor.raw_data = bytes(reversed(tensor.raw_data[:4])) + tensor.raw_data[4:]
    (tmp_path / "changed.onnx").write_bytes(model.SerializeToString())
    assert formats.read(tmp_path / "changed.onnx").network.sha256 != first.network.sha256
