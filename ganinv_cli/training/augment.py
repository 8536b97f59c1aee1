"""Differentiable augmentation of real and generated images alike.

Zhao et al. 2020, *Differentiable Augmentation for Data-Efficient GAN Training* (DiffAugment). Each
function maps images (batch, height, width, channels) in [-1, 1] and a seed (2,) to changed images.
"""

from collections.abc import Callable

import tensorflow as tf

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def colour(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shift brightness by up to 1/4 of the range; scale saturation by 0–2, contrast by .5–1.5."""
    brightness, saturation, contrast = tf.unstack(
        tf.random.stateless_uniform([3, tf.shape(images)[0], 1, 1, 1], seed)
    )
    images += brightness - 0.5
    grey = tf.reduce_mean(images, -1, keepdims=True)
    images = grey + (images - grey) * (2 * saturation)
    mean = tf.reduce_mean(images, [1, 2, 3], keepdims=True)
    return mean + (images - mean) * (contrast + 0.5)


def shift(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Move each image by up to 1/8 of its side; fill new pixels with 0, mid-grey."""
    batch, size = tf.shape(images)[0], images.shape[1]
    limit = max(size // 8, 1)
    offsets = tf.random.stateless_uniform([2, batch], seed, 0, 2 * limit + 1, tf.int32)
    rows, columns = (tf.range(size)[None] + offsets[axis][:, None] for axis in (0, 1))
    padded = tf.pad(images, [[0, 0], [limit, limit], [limit, limit], [0, 0]])
    padded = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(padded, columns, axis=2, batch_dims=1)


AUGMENTATIONS: dict[str, Augmentation] = {
    function.__name__: function for function in (colour, shift)
}


def augment_images(images: tf.Tensor, seed: tf.Tensor, names: tuple[str, ...]) -> tf.Tensor:
    """Apply the named augmentations in turn, each with its own seed.

    Augmentation n, from 0, uses seed + (n, 0); other draws must not use these seeds.
    """
    for number, name in enumerate(names):
        images = AUGMENTATIONS[name](images, seed + tf.constant([number, 0]))
    return images
