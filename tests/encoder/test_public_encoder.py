"""An encoder that others made gives the first start."""

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from exported.onnx_models import write_model
from onnx import TensorProto, helper, numpy_helper

import ganinv_cli as ganinv
from ganinv_cli.cli import main

SHAPE = (3, 2, 2)


def write_graph(path, nodes, weights, given, made):
    """Write an ONNX file from x to y, of rows of these shapes."""
    ends = zip("xy", (given, made), strict=True)
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", *s]) for n, s in ends)
    values = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "graph", [x], [y], values)
    opset = [helper.make_opsetid("", 20)]
    return write_model(path, helper.make_model(graph, opset_imports=opset, ir_version=8))


def write_encoder(path, scale):
    nodes = [
        helper.make_node("AveragePool", ["x"], ["mean"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Mul", ["mean", "scale"], ["y"]),
    ]
    weights = {"scale": np.array([scale], np.float32)}
    return write_graph(path, nodes, weights, (3, 8, 8), SHAPE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A decoder that enlarges z, its encoder, and one in a wrong scale."""
    folder = tmp_path_factory.mktemp("autoencoder")
    up = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    nodes = [
        helper.make_node("Resize", ["x", "", "sizes"], ["large"], nearest_mode="floor", **up),
        helper.make_node("Mul", ["large", "scale"], ["y"]),
    ]
    weights = {"sizes": np.array([1, 1, 4, 4], np.float32), "scale": np.array([0.25], np.float32)}
    write_graph(folder / "decoder.onnx", nodes, weights, SHAPE, (3, 8, 8))
    write_encoder(folder / "encoder.onnx", 4.0)
    write_encoder(folder / "wrong.onnx", 40.0)
    return folder


def encode(images):
    means = 4 * tf.nn.avg_pool2d(images, 4, 4, "SAME")
    return tf.transpose(means, [0, 3, 1, 2])


@pytest.mark.parametrize("source", ["encoder.onnx", encode])
def test_the_guess_is_the_first_start(folder, source):
    encoder = folder / source if isinstance(source, str) else source
    generator = ganinv.load(folder / "decoder.onnx", latent=SHAPE, encoder=encoder)
    columns = ganinv.recover(generator, trials=2, clip="none").columns("none")
    assert columns["z_start"] == pytest.approx(columns["z_found"], abs=1e-3)


def test_a_guess_in_a_wrong_scale_is_said(folder):
    arguments = ("--latent", "3,2,2", "--encoder", folder / "wrong.onnx", "--trials", 1)
    more = ("--checkpoint", folder / "decoder.onnx", "--out", folder / "recover.h5")
    said = CliRunner().invoke(main, ["recover", *map(str, (*arguments, *more))])
    assert said.exit_code == 0 and "does it take pixels from 0 to 1" in said.output


def test_an_encoder_of_another_generator_is_refused(folder):
    for source, words in ((folder / "decoder.onnx", "of a picture"), (3, "encoder is an ONNX")):
        generator = ganinv.load(folder / "decoder.onnx", latent=SHAPE, encoder=source)
        with pytest.raises(ganinv.GaninvError, match=words):
            ganinv.recover(generator, trials=1)
