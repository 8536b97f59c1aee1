"""Generators as PyTorch and Keras export them make ONNX Runtime's pictures, row by row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from exported.onnx_models import EXPORTED, assert_agrees, draw_latents

from ganinv_cli import formats
from ganinv_cli.network.make_generator import make_generator

OFTEN = ("dynamo-free-25", "script-one-13", "export-free")  # the others run at night


def mark(paths: list[Path], *often: str) -> list[Any]:
    """Paths as parameters, of which some run often."""
    nightly = pytest.mark.nightly
    return [
        pytest.param(path, marks=() if path.stem.endswith(often) else nightly, id=path.stem)
        for path in paths
    ]


@pytest.mark.parametrize("path", mark(EXPORTED, *OFTEN))
def test_pictures_are_those_of_onnx_runtime(path):
    assert_agrees(path)


NEWEST = [path for path in EXPORTED if path.stem.endswith("dynamo-free-25")]


@pytest.mark.parametrize("path", mark(NEWEST, "style-dynamo-free-25"))
def test_derivatives_are_differences(path):
    generator = make_generator(formats.read(path))
    z, v = draw_latents(2, generator.latent)[:, None]
    labels = tf.ones([1], tf.int32) if generator.labels else None
    step = np.float32(2e-3)
    difference = (
        generator(z + step * v, labels=labels) - generator(z - step * v, labels=labels)
    ) / (2 * step)
    moved = generator.jvp(z, v, labels=labels)
    wrong = np.abs(moved - difference) > 2e-2 * np.abs(difference).max()
    assert wrong.mean() < 0.1  # beside the kinks of the ReLUs
    with tf.GradientTape() as tape:
        point = tf.constant(z)
        tape.watch(point)
        loss = tf.reduce_sum(generator(point, labels=labels) * moved)
    gradient = tape.gradient(loss, point)  # Jᵀ(Jv)
    np.testing.assert_allclose(tf.reduce_sum(gradient * v), tf.reduce_sum(moved**2), rtol=1e-4)


def test_a_graph_for_one_row_is_run_for_all_rows_at_once():
    one = next(path for path in EXPORTED if path.name.startswith("residual-dynamo-one"))
    free = next(path for path in EXPORTED if path.name.startswith("residual-dynamo-free"))
    assert formats.read(one).network.operations == formats.read(free).network.operations


def test_the_hash_is_of_the_graph_and_the_weights_alone(tmp_path):
    import onnx

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
