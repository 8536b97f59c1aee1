"""The norms of every format are compared, and errors are detected in every format."""

from pathlib import Path

import keras
import numpy as np
import pytest
import saved_models
import tensorflow as tf
from exported.onnx_models import build_model, write_model
from onnx import helper
from settled import make_checkpoint, make_network, settle_norms

from ganinv_cli import formats
from ganinv_cli.conversion.write import write_generator
from ganinv_cli.formats.cached_check import measure_check
from ganinv_cli.network.layers import Activation, BatchNorm
from ganinv_cli.network.norms.check import NormCheck
from ganinv_cli.network.norms.visible import find_norms
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.settings.conventions import Conventions

RELU = Activation("relu")
NORMS = 2


def write_keras_export(folder: Path, prior: str) -> Path:
    """Two norms with statistics from the generator and a prior."""
    network = settle_norms(make_network(RELU, RELU), prior)
    write_generator(make_checkpoint(network, prior), folder / "generator.keras")
    model = keras.models.load_model(folder / "generator.keras")
    model.export(folder / "exported", verbose=False)
    return folder / "exported"


def write_fused(folder: Path, prior: str) -> Path:
    """As TensorFlow 1 and Keras 2 compute a norm."""
    network = settle_norms(make_network(RELU, RELU), prior)
    dense, _, norm, _, up, second, _, last, _ = (node.layer for node in network.nodes)

    def normalize(x: tf.Tensor, layer: BatchNorm) -> tf.Tensor:
        moments = (layer.gamma, layer.beta, layer.mean, layer.variance)
        return tf.compat.v1.nn.fused_batch_norm(x, *moments, layer.epsilon, is_training=False)[0]

    def run(z: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(z @ dense.weights + dense.bias, (-1, 2, 2, 24))
        x = tf.nn.relu(normalize(x, norm))
        x = tf.nn.conv2d_transpose(x, up.weights, (tf.shape(z)[0], 4, 4, 16), 2) + up.bias
        x = tf.nn.relu(normalize(x, second))
        x = tf.nn.conv2d_transpose(x, last.weights, (tf.shape(z)[0], 8, 8, 3), 2) + last.bias
        return tf.tanh(x)

    signature = [tf.TensorSpec((None, 8), tf.float32, "z")]
    module = tf.Module()
    module.function = tf.function(run, input_signature=signature)
    tf.saved_model.save(module, str(folder / "saved"), signatures=module.function)
    return folder / "saved"


def write_onnx(folder: Path, prior: str) -> Path:
    """As PyTorch's exporter writes the same network: channels first."""
    network = settle_norms(make_network(RELU, RELU), prior)
    dense, _, norm, _, up, second, _, last, _ = (node.layer for node in network.nodes)
    weights = {"matrix": dense.weights, "bias": dense.bias, "shape": np.array([0, 2, 2, 24])}
    nodes = [
        helper.make_node("Gemm", ["z", "matrix", "bias"], ["values"]),
        helper.make_node("Reshape", ["values", "shape"], ["map"]),
        helper.make_node("Transpose", ["map"], ["x0"], perm=(0, 3, 1, 2)),
    ]
    for n, (each, convolution) in enumerate(((norm, up), (second, last))):
        moments = {"gamma": each.gamma, "beta": each.beta, "mean": each.mean, "var": each.variance}
        weights |= {f"{name}{n}": array for name, array in moments.items()}
        weights[f"kernel{n}"] = convolution.weights.transpose(3, 2, 0, 1)
        weights[f"added{n}"] = convolution.bias
        taken = [f"x{n}", *(f"{name}{n}" for name in moments)]
        nodes.append(helper.make_node("BatchNormalization", taken, [f"y{n}"]))
        nodes.append(helper.make_node("Relu", [f"y{n}"], [f"z{n}"]))
        taken = [f"z{n}", f"kernel{n}", f"added{n}"]
        upwards = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
        nodes.append(helper.make_node("ConvTranspose", taken, [f"x{n + 1}"], **upwards))
    nodes.append(helper.make_node("Tanh", ["x2"], ["picture"]))
    return write_model(folder / "generator.onnx", build_model(nodes, weights))


WRITERS = (write_keras_export, write_fused, write_onnx)


def check_file(path: Path, prior: str) -> NormCheck:
    return measure_check(formats.read(path, Conventions(prior=prior)))


@pytest.mark.parametrize("write", WRITERS)
def test_a_files_norms_are_confirmed_and_another_prior_is_found(tmp_path, write):
    path = write(tmp_path, "uniform")
    result = check_file(path, "uniform")
    assert (result.status, len(result.rows)) == ("confirmed", NORMS)
    assert max(row.discrepancy.total for row in result.rows) < 0.06
    other = check_file(path, "normal")
    assert [row.discrepancy.fits for row in other.rows] == [False, True]
    assert "e.g. --prior uniform:-1,1" in other.doubt


def test_what_normalizes_otherwise_is_no_visible_norm(tmp_path):
    """An instance norm has no statistics, and a scale and shift are no norm."""
    scale, shift = tf.Variable(tf.ones(8)), tf.Variable(tf.zeros(8))
    matrix = saved_models.make_variable(saved_models.LATENT, 128)
    last = saved_models.make_variable(4, 4, 3, 8)

    def run(z: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(z @ matrix, (-1, 4, 4, 8)) * scale + shift
        mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
        x = tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)
        return tf.tanh(tf.nn.conv2d_transpose(x, last, (tf.shape(z)[0], 8, 8, 3), 2))

    path = saved_models.save_module(tmp_path / "saved", run, matrix, scale, shift, last)
    network = formats.read(path).network
    assert isinstance(network, TracedNetwork)
    assert find_norms(network) == []
    assert check_file(path, "normal").status == "unchecked"
