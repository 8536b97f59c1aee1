"""Batch norms show whether a generator has the layers and the prior of its training."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import saved_models
import tensorflow as tf
from exported.onnx_models import build_model, write_model
from keras_networks import save_network
from onnx import helper
from settled import (
    LEAKY,
    check,
    make_definition,
    make_network,
    make_norm,
    replace_layer,
    settle_norms,
)

from ganinv_cli.generators import formats
from ganinv_cli.generators.formats.cached_check import check_norms
from ganinv_cli.generators.network.definition import Convention
from ganinv_cli.generators.network.folding import add_label_input
from ganinv_cli.generators.network.graph import TracedNetwork, make_sequence
from ganinv_cli.generators.network.layers import Activation, BatchNorm, Dense, Reshape
from ganinv_cli.generators.network.norms.check import Moments, NormCheck, StoredNorm, compare_norms
from ganinv_cli.generators.network.operations.norms import find_norms
from ganinv_cli.settings.conventions import Conventions

FIRST, SECOND = Activation("leaky_relu", 0.2), Activation("leaky_relu", 0.2)  # two objects


@pytest.mark.parametrize("prior", ["normal", "normal:1,0.5", "uniform:0,1"])
def test_a_generator_with_statistics_of_its_own_run_is_confirmed(prior):
    """Training draws from the normal distribution without bounds, for each share inside them."""
    result = check(settle_norms(make_network(), prior.partition(",0.5")[0]), prior)
    assert (result.status, result.doubt, result.is_confirmed) == ("confirmed", "", True)
    assert [row.name for row in result.rows] == ["norm1", "norm2"]
    assert max(row.discrepancy.total for row in result.rows) < 0.06
    labelled = settle_norms(add_label_input(make_network(), 3))
    assert check(labelled).is_confirmed  # labels are drawn alike


def test_another_prior_is_found_with_its_scale():
    result = check(settle_norms(make_network(), "normal"), "uniform")
    assert result.status == "contradicted"
    found = float(result.doubt.split("z of ")[1].split()[0])
    assert found == pytest.approx(1.73, rel=0.03)
    assert result.doubt.endswith("e.g. --prior normal")
    assert not result.rows[0].discrepancy.fits


@pytest.mark.parametrize(
    ("place", "wrong", "fits"),
    [
        (0, Activation("tanh"), [True, False]),
        (1, Activation("relu"), [True, True]),  # behind the last norm, nothing is seen
    ],
)
def test_a_wrong_slope_contradicts_exactly_the_next_norm(place, wrong, fits):
    settled = settle_norms(make_network(FIRST, SECOND))
    result = check(replace_layer(settled, (FIRST, SECOND)[place], wrong))
    assert [row.discrepancy.fits for row in result.rows] == fits
    assert result.is_confirmed == all(fits)
    if not all(fits):
        assert "norm2" in result.doubt and "norm1" not in result.doubt


def test_statistics_as_initialised_are_unsettled():
    result = check(make_network())
    assert (result.status, result.is_confirmed) == ("unsettled", False)
    assert "never settled (means 0 and variances 1 as initialised)" in result.doubt


def test_statistics_that_no_prior_explains_had_not_settled():
    settled = settle_norms(make_network())
    norm = next(node.layer for node in settled.nodes if isinstance(node.layer, BatchNorm))
    result = check(replace_layer(settled, norm, replace(norm, mean=norm.mean + 1)))
    assert result.doubt == "its moving averages at norm1 had not settled, as early in training"


@pytest.mark.parametrize("variance", [np.inf, 1e-90, np.nan])
def test_variances_that_overflow_are_compared_without_a_warning(variance):
    def measure(scale: float) -> list[Moments]:
        return [Moments(np.zeros(3), np.full(3, variance))]

    stored = Moments(np.zeros(3, np.float32), np.array([1e-40, 1, 1e38], np.float32))
    result = compare_norms([StoredNorm("norm", stored)], measure, 1.0)
    assert result.status == "unexplained"
    assert result.doubt.startswith("no prior fits its moving averages")


def test_norms_of_single_values_are_compared_without_sampling_error():
    """Each has as few values as there are z, and the covariances of z are the prior's."""
    random = np.random.default_rng(0)
    weights = random.normal(size=(8, 96)).astype(np.float32)
    bias = random.normal(size=96).astype(np.float32)
    exact = replace(make_norm(random, 96), mean=bias, variance=(weights**2).sum(0))  # normal z
    result = check(make_sequence(8, [Dense(weights, bias), exact, Reshape((4, 8, 3))]))
    assert result.rows[0].discrepancy.total < 1e-4


def test_a_generator_without_norms_is_not_checked_and_not_doubted():
    dense = Dense(np.ones((8, 12), np.float32), np.zeros(12, np.float32))
    definition = make_definition(make_sequence(8, [dense, Reshape((2, 2, 3))]))
    result = check_norms(definition)
    assert (result.status, result.is_confirmed, result.doubt) == ("unchecked", None, "")
    assumed = (
        Convention("prior", "", "normal", "assumed"),
        Convention("activation", "0", "relu", "assumed"),
    )
    doubted = check_norms(replace(definition, conventions=assumed))
    assert doubted.doubt.endswith("what is assumed about its layers (activation)")


def test_a_check_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    definition = make_definition(settle_norms(make_network(LEAKY, LEAKY)))
    measured = check_norms(definition)
    monkeypatch.setattr(
        "ganinv_cli.generators.network.norms.measure.prepare_norms", None
    )  # cannot be called
    assert check_norms(definition) == measured
    with pytest.raises(TypeError):
        check_norms(make_definition(definition.network, "uniform"))


RELU = Activation("relu")
NORMS = 2


def write_keras_export(folder: Path, prior: str) -> Path:
    """Two norms with statistics from the generator and a prior."""
    network = settle_norms(make_network(RELU, RELU), prior)
    save_network(make_definition(network, prior), folder / "generator.keras")
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
    return check_norms(formats.read(path, Conventions(prior=prior)))


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
