"""A generator gives the pictures its definition says."""

import logging

import numpy as np
import pytest
import reference
import tensorflow as tf
from builders import make_definition, make_weights
from conditional import make_conditional_definition

from ganinv_cli.generators.network import convolutions
from ganinv_cli.generators.network.generator import MAX_LAYER_VALUES
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.tensorflow_start import start_tensorflow

SHAPES = [
    {"widths": (8, 4)},
    {"widths": (6, 5, 4), "channels": 1, "kernel": (3, 3)},
    {"widths": (6, 4), "kernel": (4, 4), "side": 5},
    {"widths": (6,), "kernel": (1, 1)},
]


@pytest.fixture
def z():
    return np.random.default_rng(1).uniform(-1, 1, (5, 6)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("mode", ["frozen", "batch"])
def test_pictures_are_those_of_the_moving_statistics_or_of_the_batch(tmp_path, z, shape, mode):
    arrays = make_weights(**shape)
    expected = reference.render_images(arrays, z, training=mode == "batch")
    assert 0.1 < np.abs(expected).mean() < 0.9  # neither flat nor cut off
    generator = make_generator(make_definition(tmp_path, **shape), mode)
    np.testing.assert_allclose(generator(z), expected, atol=1e-5)
    exact = generator(z.astype(np.float64))
    assert exact.dtype == tf.float64
    tolerance = 1e-6 if mode == "frozen" else 1e-12  # folded weights are rounded to float32
    np.testing.assert_allclose(exact, expected, atol=tolerance)


@pytest.mark.bfloat16
def test_bfloat16_rounds_neither_z_nor_the_picture_if_it_is_inside(tmp_path, z):
    generator = make_generator(make_definition(tmp_path))
    expected = reference.render_images(make_weights(), z)
    inside, throughout = generator(z, tf.bfloat16), generator(tf.cast(z, tf.bfloat16))
    assert (inside.dtype, throughout.dtype) == (tf.float32, tf.bfloat16)
    errors = [tf.norm(tf.cast(each, tf.float32) - expected) for each in (inside, throughout)]
    assert 1e-3 < errors[0] < errors[1] < 1


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_pictures_are_rendered_alike_in_blocks(tmp_path, z, precision):
    generator = make_generator(make_definition(tmp_path))
    rounding = {"float32": 1e-6, "float64": 1e-14}[precision]
    for block in (2, 5, 9):
        found = generator.render(z.astype(np.float64), block, precision)
        assert found.dtype == precision
        np.testing.assert_allclose(found, generator(z.astype(precision)), atol=rounding)


@pytest.mark.parametrize(("mode", "sizes"), [("frozen", [2, 2, 2]), ("batch", [5])])
def test_pictures_of_a_large_generator_are_rendered_by_few(tmp_path, z, monkeypatch, mode, sizes):
    generator, found = make_generator(make_definition(tmp_path), mode), []

    def render(rows, _):
        found.append(len(rows))
        return np.zeros((len(rows), *generator.image_shape))

    monkeypatch.setitem(vars(generator), "largest_layer", MAX_LAYER_VALUES // 2)
    monkeypatch.setitem(vars(generator), "_render_functions", {"float32": render})
    assert len(generator.render(z, 5)) == 5
    assert found == sizes


@pytest.mark.parametrize("blocks", [(3, 100), (100, 2), (3, 2)], ids=str)
def test_pictures_do_not_depend_on_how_channels_are_cut(tmp_path, z, monkeypatch, blocks):
    # no multiples of the blocks, and wide enough to be cut; of a seed that no other test compiles
    shape = {"widths": (5, 10, 8), "seed": sum(blocks)}
    monkeypatch.setattr(convolutions, "BLOCK_SIZES", {tf.float32: blocks})
    found = make_generator(make_definition(tmp_path, **shape))(z)
    expected = reference.render_images(make_weights(**shape), z)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_many_generators_of_a_program_bring_no_advice_from_tensorflow(caplog, monkeypatch):
    start_tensorflow()
    monkeypatch.setattr(logging.getLogger("tensorflow"), "propagate", True)
    for _ in range(6):  # from the fifth on, TensorFlow takes them for one function, traced anew
        generator = make_generator(make_conditional_definition())
        generator.render(np.zeros((1, generator.latent)), 1, labels=np.zeros(1))
    assert not caplog.messages
