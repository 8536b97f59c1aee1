"""Augmentations change pictures by the seed alone, and gradients pass through them."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.training.augment import AUGMENTATIONS, augment_images


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_keep_the_shape_and_are_differentiable(name, channels):
    pictures = tf.random.stateless_uniform([4, 16, 16, channels], [0, 1], -1, 1)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        changed = augment_images(pictures, tf.constant([5, 6]), (name,))
        total = tf.reduce_sum(changed * tf.cos(tf.range(16.0))[:, None])
    gradient = tape.gradient(total, pictures)
    assert changed.shape == pictures.shape
    assert np.isfinite(gradient).all() and np.all(np.abs(gradient).max((1, 2, 3)) > 0)
    assert np.abs(changed - pictures).max() > 0.01


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_depend_on_the_seed_alone(name):
    pictures = tf.random.stateless_uniform([4, 16, 16, 3], [0, 1], -1, 1)
    same, again, other = (augment_images(pictures, tf.constant([5, s]), (name,)) for s in (6, 6, 7))
    np.testing.assert_array_equal(same, again)
    assert np.abs(same - other).max() > 0.01


def test_a_shift_moves_and_does_nothing_else():
    pictures = tf.random.stateless_uniform([8, 16, 16, 3], [0, 1], 0.5, 1)
    moved = augment_images(pictures, tf.constant([5, 6]), ("shift",)).numpy()
    for before, after in zip(pictures.numpy(), moved, strict=True):
        kept = after[after.any(-1)]
        assert len(kept) >= 14 * 14
        assert set(kept.ravel().tolist()) <= set(before.ravel().tolist())
