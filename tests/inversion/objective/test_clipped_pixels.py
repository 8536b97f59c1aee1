"""Pictures of a generator without bounds are clipped when they are stored; the loss knows that."""

import numpy as np
import pytest
import tensorflow as tf
from exported.decoders import write_decoder

import ganinv_cli as ganinv
from ganinv_cli.images import to_floats, to_pixels
from ganinv_cli.inversion.objective.clipped_pixels import find_decisive
from ganinv_cli.inversion.objective.problem import Problem


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """A decoder whose last operation bounds nothing."""
    path = tmp_path_factory.mktemp("linear") / "decoder.onnx"
    return ganinv.load(write_decoder(path, (2, 2), "Identity", scale=0.1))


def evaluate(generator, z, target):
    unknown = tf.constant([np.inf])
    problem = Problem(generator.build(), tf.constant(target), unknown)
    return problem.evaluate(tf.constant(z.reshape(1, -1)))


def test_a_value_beyond_white_is_stored_as_white_and_costs_nothing(generator):
    z = generator.draw_z(1)
    picture = generator(z)
    stored = to_floats(to_pixels(picture))
    beyond = np.abs(picture) > 1
    assert 0.05 < beyond.mean() < 0.95
    at_true_z = evaluate(generator, z, stored)
    rounding = np.sum((picture - stored)[~beyond] ** 2)
    assert at_true_z.image_loss.numpy() == pytest.approx([rounding], rel=1e-4)
    decisive = find_decisive(generator.build(), z.reshape(-1), -1, stored[0])
    assert (decisive == ~beyond.ravel()).mean() > 0.99
    inside = 0.1 * generator.draw_z(1, seed=1)  # where every pixel is on the wrong side or free
    assert (np.abs(generator(inside)) < 1).all()
    plain = np.sum((generator(inside) - stored) ** 2)
    assert evaluate(generator, inside, stored).image_loss.numpy() == pytest.approx([plain], 1e-4)


@pytest.mark.parametrize("as_floats", [False, True])
def test_a_picture_beyond_the_range_is_made_by_its_z(generator, as_floats):
    z = generator.draw_z(1, seed=2)
    picture = generator(z)
    assert np.abs(picture).max() > 1
    found = ganinv.invert(generator, picture if as_floats else to_pixels(picture), starts=4)
    assert found.verdict == ["made"]
    error = np.abs(found.z - z)
    assert (error <= np.maximum(5 * found.z_deviation, 1e-5)).all()


def test_a_generator_that_a_function_bounds_is_as_before(tmp_path):
    bounded = ganinv.load(write_decoder(tmp_path / "d.onnx", (2, 2)))
    assert not bounded.build().is_clipped
    with pytest.raises(ganinv.ImageError, match="scale them to -1 to 1"):
        ganinv.invert(bounded, np.full((8, 8, 3), 1.1), starts=1)
    assert bounded.definition.seen_range is None
