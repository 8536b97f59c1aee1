"""The image loss between a generator's own pictures and copies of them in image files.

An image that is reconstructed to such a loss may be a copy of a generated picture. How much a copy
loses depends on the content of the pictures, so it is measured on the generator's own pictures.
"""

import hashlib

import numpy as np
import tensorflow as tf

from ganinv_cli import cache
from ganinv_cli.images import to_floats, to_pixels
from ganinv_cli.images.copies import QUALITIES, make_copy
from ganinv_cli.network.generator import Generator
from ganinv_cli.randomness import Purpose, uniform

VERSION = 1  # of this method; a new number invalidates kept measurements
PICTURES = 64  # draws from the prior, if they are small
MIN_PICTURES = 8
MARGIN = 1.1  # times the largest measured loss; other pictures exceed it slightly (docs/invert.md)
MAX_VALUES = 2**24  # of all pictures together
MAX_MULTIPLY_ADDS = 2**38  # for all pictures together


def find_copy_losses(generator: Generator, mask: np.ndarray | None) -> np.ndarray:
    """Return the losses of `measure_copy_losses`, which are kept between commands."""
    mask_hash = "" if mask is None else hashlib.sha256(mask.tobytes()).hexdigest()
    inputs = (
        *(VERSION, generator.sha256, generator.prior, generator.batch_norm),
        *(QUALITIES, PICTURES, MARGIN, mask_hash),
    )
    kept = cache.load("copies", *inputs)
    if kept is not None and kept.get("loss", np.zeros(0)).shape == (len(QUALITIES),):
        return kept["loss"]
    losses = measure_copy_losses(generator, mask)
    cache.save("copies", {"loss": losses}, *inputs)
    return losses


def measure_copy_losses(generator: Generator, mask: np.ndarray | None = None) -> np.ndarray:
    """Return how much a copy may lose, for each of QUALITIES: float64 (qualities,).

    The loss is the squared error, summed over the pixels that count by the mask (height, width, 1).
    The result is MARGIN times the largest loss of several draws from the prior; labels are taken in
    turn. A lower quality never has a smaller loss.
    """
    images = render_draws(generator)
    counts = np.ones((*images.shape[1:3], 1)) if mask is None else mask
    pixels = to_pixels(images)
    losses = np.zeros((len(images), len(QUALITIES)))
    for row, (image, own) in enumerate(zip(images, pixels, strict=True)):
        for column, quality in enumerate(QUALITIES):
            error = to_floats(make_copy(own, quality)).astype(np.float64) - image
            losses[row, column] = np.sum(error**2 * counts)
    return np.asarray(MARGIN * np.maximum.accumulate(losses.max(axis=0)))


def render_draws(generator: Generator) -> np.ndarray:
    """Return images of draws from the prior; fewer if they are large or slow to compute."""
    values = int(np.prod(generator.image_shape))
    affordable = min(MAX_VALUES // values, MAX_MULTIPLY_ADDS // max(1, generator.multiply_adds))
    numbers = tf.range(min(PICTURES, max(MIN_PICTURES, affordable)), dtype=tf.int64)
    share = uniform(0, numbers, Purpose.copies, tf.zeros_like(numbers), generator.latent)
    labels = numbers.numpy() % generator.labels if generator.labels else None
    z = generator.prior.quantile(share).numpy()
    return generator.render(z, min(len(z), MIN_PICTURES), labels=labels)
