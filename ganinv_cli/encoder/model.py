"""The encoder: a linear guess of z from an image, fitted once and stored beside its generator."""

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import CheckpointError, explain_failures
from ganinv_cli.files import ArrayFileError, open_replacement, read_arrays
from ganinv_cli.generators.network.generator import Generator

FILE_NAME = "encoder.npz"
MAX_PIXEL = 0.998  # pixels are clipped to ± this before atanh, which is infinite at 1
MAX_VALUES = (
    64 * 64 * 3
)  # values of an image that are fitted; a larger image is averaged over squares of pixels
MAX_BYTES = 2**28  # of an encoder's file


@dataclass(frozen=True, eq=False)
class Encoder:
    """E(x) = atanh(x) weights + bias: images in [-1, 1] -> z (batch, latent), row by row.

    Most generators end in a tanh, and its input is nearer to linear in z than pixels are. The guess
    may lie outside the prior's bounds. Computes in float32, or in float64 for float64 images. May
    be called inside a `tf.function`.
    """

    weights: np.ndarray  # float16 or float32 (values, latent), of the image after averaging
    bias: np.ndarray  # float32 (latent,)
    image_shape: tuple[int, int, int]  # height, width, channels
    bounds: tuple[float, float]  # of the prior it was fitted on
    generator_sha256: str
    about: dict[str, Any]  # how it was fitted and how good it is; can be written as JSON

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        x = extract_features(images)
        weights, bias = self._tensors[x.dtype]
        return tf.matmul(x, weights) + bias

    @cached_property
    def _tensors(self) -> dict[tf.DType, tuple[tf.Tensor, tf.Tensor]]:
        with tf.init_scope():
            return {
                dtype: (tf.constant(self.weights, dtype), tf.constant(self.bias, dtype))
                for dtype in (tf.float32, tf.float64)
            }

    @property
    def sha256(self) -> str:
        """Hash of its numbers, which identifies the encoder in results."""
        return hashlib.sha256(self.weights.tobytes() + self.bias.tobytes()).hexdigest()

    @classmethod
    def load(cls, path: Path, generator: Generator | None = None) -> "Encoder":
        """Read an encoder that `save` wrote; nothing in the file is executed.

        Raises CheckpointError if the file is missing, damaged or too large, or was fitted to
        another generator than the given one.
        """
        with explain_failures(
            f"{path} cannot be read as an encoder",
            "make it with `ganinv train-encoder --overwrite`",
            CheckpointError,
            (OSError, ArrayFileError, KeyError, TypeError, ValueError),
        ):
            encoder = _make_encoder(read_arrays(path, MAX_BYTES))
        if generator is None:
            return encoder
        here = generator.sha256, (generator.prior.low, generator.prior.high)
        there = encoder.generator_sha256, encoder.bounds
        if there != here:
            first, second = (
                f"the generator {sha[:12]}… with z in {[*z]}" for sha, z in (there, here)
            )
            raise CheckpointError(
                f"{path} was fitted to {first}, not to {second}; fit one to this generator with "
                "`ganinv train-encoder`"
            )
        return encoder

    def save(self, path: Path) -> None:
        """Write the encoder to a file, whole or not at all. Raises OSError if that fails."""
        about = {
            "image_shape": self.image_shape,
            "bounds": self.bounds,
            "generator_sha256": self.generator_sha256,
            "about": self.about,
        }
        with open_replacement(path) as written, written.open("wb") as file:
            np.savez(file, weights=self.weights, bias=self.bias, json=np.array(json.dumps(about)))


def encoder_path(checkpoint: Path) -> Path:
    """Return the path of a checkpoint's encoder: in its folder, or beside its file."""
    return (checkpoint if checkpoint.is_dir() else checkpoint.parent) / FILE_NAME


def extract_features(images: tf.Tensor) -> tf.Tensor:
    """Return the features (batch, values) of images (batch, height, width, channels).

    E is linear in them: atanh of the pixels, averaged over squares if there are too many.
    """
    dtype = images.dtype if images.dtype == tf.float64 else tf.float32
    x = tf.atanh(tf.clip_by_value(tf.cast(images, dtype), -MAX_PIXEL, MAX_PIXEL))
    side, shape = pooled_shape(*images.shape[1:])
    if side > 1:
        x = tf.nn.avg_pool2d(x, side, side, "SAME")
    return tf.reshape(x, [-1, int(np.prod(shape))])


def pooled_shape(height: int, width: int, channels: int) -> tuple[int, tuple[int, int, int]]:
    """Return the side of the squares of pixels that are averaged, and the averaged shape."""
    side = 1
    while -(-height // side) * -(-width // side) * channels > MAX_VALUES:
        side += 1
    return side, (-(-height // side), -(-width // side), channels)


def _make_encoder(arrays: dict[str, np.ndarray]) -> Encoder:
    stored = json.loads(str(arrays["json"]))
    weights, bias = arrays["weights"], arrays["bias"]
    height, width, channels = stored.pop("image_shape")
    low, high = stored.pop("bounds")
    shape = (math.prod(pooled_shape(height, width, channels)[1]), *bias.shape)
    if weights.shape != shape or not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise ValueError("its arrays have another shape, or are not finite")
    return Encoder(weights, bias, (height, width, channels), (low, high), **stored)
