"""Each rule acts as in the paper, on its own rows."""

import numpy as np
import tensorflow as tf
from small import clip_rows

from ganinv_cli.clipping import RULES
from ganinv_cli.prior import Uniform

Z = tf.constant([[0.5, 1.5, -2.0, 1.0, -1.0]])


def test_a_component_at_a_bound_is_redrawn_and_one_beyond_is_clamped_too():
    z = tf.constant([[0.5, -0.5], [0.5, 1.0], [-1.5, 0.5], [np.nan, 0.5]])
    counts = clip_rows(*["none"] * 4).find_actions(z).numpy()
    assert counts.tolist() == [[0, 0], [0, 1], [1, 1], [1, 0]]


def test_standard_clipping_sets_to_the_bound_that_was_crossed():
    assert clip_rows("standard").clip_to_bounds(Z).numpy().tolist() == [[0.5, 1, -1, 1, -1]]


def test_stochastic_clipping_redraws_what_is_at_or_beyond_a_bound_and_nothing_else():
    drawn = clip_rows("stochastic").replace(Z, tf.zeros(1, tf.int64)).numpy()[0]
    assert drawn[0] == 0.5
    assert (abs(drawn[1:]) < 1).all()
    assert len(set(drawn.tolist())) == 5  # each its own draw


def test_a_component_outside_is_set_to_the_centre_or_mirrored_at_the_bound():
    for prior, centre, mirrored in (
        (Uniform(), 0, [0.5, 0.5, 0, 1, -1]),
        (Uniform(0, 1), 0.5, [0.5, 0.5, 1, 1, 1]),
    ):
        count = tf.zeros(1, tf.int64)
        zero, reflect = (clip_rows(rule, prior=prior) for rule in ("zero", "reflect"))
        assert zero.replace(Z, count).numpy().tolist() == [[0.5, *[centre] * 4]]
        assert reflect.replace(Z, count).numpy().tolist() == [mirrored]


def test_rows_of_one_batch_follow_their_own_rules():
    z = tf.repeat(Z, 3, axis=0)
    clip = clip_rows("none", "standard", "stochastic")
    acted = clip.replace(clip.clip_to_bounds(z), tf.zeros(3, tf.int64)).numpy()
    assert (acted[0] == Z.numpy()[0]).all()
    assert acted[1].tolist() == [0.5, 1, -1, 1, -1]
    alone = clip_rows("stochastic", trials=[2]).replace(Z, tf.zeros(1, tf.int64)).numpy()
    assert np.array_equal(acted[2], alone[0])


def test_a_row_is_outside_beyond_a_bound_under_a_rule_that_keeps_it():
    at, beyond = tf.constant([[1.0, -1.0]]), tf.constant([[1.0, -1.5]])
    keeping = {"standard", "stochastic", "zero", "reflect"}
    for rule in RULES:
        assert not clip_rows(rule).find_outside(at).numpy().any()
        assert clip_rows(rule).find_outside(beyond).numpy().any() == (rule in keeping)
    assert clip_rows("none").measure_excess(at).numpy() == [0]
    assert clip_rows("none").measure_excess(beyond).numpy() == [0.5**2 / 2]
