"""Sampled pictures tell of conventions that are assumed and look wrong."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import ganinv_cli as ganinv
from ganinv_cli.inspection.facts import describe_definition
from ganinv_cli.inspection.text import format_facts


@pytest.fixture(scope="module")
def dotted(tmp_path_factory):
    """Weights alone of a generator of 16 pixels a side, whose last stride is 1 and assumed as 2."""
    up = partial(layers.Conv2DTranspose, padding="same", use_bias=False)
    norm, relu, random = layers.BatchNormalization, layers.ReLU, np.random.default_rng(2)
    stack = [
        *(layers.Input((8,)), layers.Dense(4 * 4 * 12), norm(), relu(), layers.Reshape((4, 4, 12))),
        *(up(10, 4, strides=2), norm(), relu(), up(8, 4, strides=2), norm(), relu()),
        up(3, 3, activation="tanh"),
    ]
    model = keras.Sequential(stack)
    taps = {4: np.array([1, 3, 3, 1]) / 4, 3: np.array([0, 1, 0])}  # smooth, and of one pixel
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            layer.kernel.assign(random.normal(0, 0.5, layer.kernel.shape))
        elif isinstance(layer, layers.Conv2DTranspose):
            size, _, *channels = layer.kernel.shape
            grid = np.outer(taps[size], taps[size])[..., None, None]
            layer.kernel.assign(grid * random.normal(0, 0.5, channels))
        elif isinstance(layer, norm):
            layer.momentum = 0.9
    for seed in range(60):
        model(keras.random.normal((256, 8), seed=seed), training=True)
    return tf.train.Checkpoint(generator=model).save(str(tmp_path_factory.mktemp("dotted") / "c"))


def describe(generator: ganinv.LoadedGenerator) -> str:
    facts = describe_definition(generator.definition) | {"arguments": "FILE"}
    return " ".join(format_facts(facts).split())


@pytest.mark.slow
def test_a_grid_of_the_last_stride_is_noted_with_its_option(dotted):
    said = describe(ganinv.load(dotted))
    assert "pictures 32 x 32 pixels, assumed (--strides, --padding), colour" in said
    assert "a grid of every second pixel" in said and "--strides 2,2,1 " in said
    right = describe(ganinv.load(dotted, strides=(2, 2, 1)))
    assert "pictures 16 x 16 pixels" in right and "grid" not in right


@pytest.mark.slow
def test_layers_have_one_activation_unless_the_statistics_refute_it(dotted):
    rows = ganinv.load(dotted).definition.conventions
    assert {row.value for row in rows if row.name == "activation"} == {"relu"}


def test_values_in_half_of_the_range_are_noted_with_its_option():
    def make(z: tf.Tensor) -> tf.Tensor:
        return tf.abs(tf.sin(tf.tile(z[:, :, None, None], (1, 1, 8, 3))))

    (note,) = ganinv.load(make, latent=8).definition.notes
    assert "upper half of its range -1 to 1" in note and "--range 0,1" in note
    assert not ganinv.load(make, latent=8, range="0,1").definition.notes
