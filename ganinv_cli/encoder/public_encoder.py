"""An encoder that others made for a generator: an ONNX file, a Keras model or a function."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import UsageError
from ganinv_cli.generators.formats.boundary import explain_reading_errors
from ganinv_cli.generators.formats.interface import UnreadableError
from ganinv_cli.generators.formats.onnx.reading import evaluate_model, read_model
from ganinv_cli.generators.formats.onnx.values import BATCH
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.operations.copy_graph import GraphError
from ganinv_cli.generators.network.operations.generator import TracedGenerator
from ganinv_cli.generators.network.operations.trace_network import trace_network
from ganinv_cli.inversion.objective.ground_truth import draw_true_z
from ganinv_cli.prior import make_normal

CHECKED = 8  # pictures of known z on which an encoder is tried


class PublicEncoder:
    """Images (batch, height, width, channels) in [-1, 1] -> z (batch, latent), row by row."""

    def __init__(self, source: Any, generator: Generator) -> None:
        """Take a path or a callable. Raises UnreadableError."""
        shape = generator.image_shape
        model = read_model(Path(source)) if isinstance(source, str | Path) else None

        def encode(values: tf.Tensor, _: tf.Tensor | None) -> tf.Tensor:
            images = tf.reshape(values, [-1, *shape])
            if model is None:
                z = tf.convert_to_tensor(source(images))
            else:
                (taken, *others) = model.inputs
                if others or len(taken.row) != 3:
                    raise UnreadableError(f"takes {taken.describe()}; pictures were expected")
                if taken.row[0] == shape[2]:
                    images = tf.transpose(images, [0, 3, 1, 2])
                z = evaluate_model(model, [tf.cast(images, taken.dtype)])
            if math.prod(z.shape[1:]) != generator.latent:
                raise UnreadableError(
                    f"makes {z.shape[1:]} of a picture, but the generator takes z of the shape "
                    f"{generator.latent_shape}; export an encoder that returns such z alone"
                )
            return tf.reshape(tf.cast(z, tf.float32), [-1, generator.latent, 1, 1])

        rows = None if model is None else BATCH
        network = trace_network(encode, math.prod(shape), rows=rows)
        self._network = TracedGenerator(network, make_normal(network.latent))
        self._size, self.sha256 = network.latent, network.sha256

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        z = self._network(tf.reshape(images, [-1, self._size]))
        return tf.reshape(z, [tf.shape(images)[0], -1])


def read_encoder(source: Any, generator: Generator) -> PublicEncoder:
    """Return an encoder of the generator's pictures. Raises CheckpointError and UsageError."""
    if not (isinstance(source, str | Path) or callable(source)):
        raise UsageError("encoder is an ONNX file, a Keras model, or a function of a tf.Tensor")
    if generator.labels:
        raise UsageError("an encoder needs one label: name the label with --label")
    name = source if isinstance(source, str | Path) else "the encoder"
    with explain_reading_errors(name, "an encoder"):
        try:
            return PublicEncoder(source, generator)
        except GraphError as error:
            raise UnreadableError(str(error)) from None


def find_doubt(encoder: PublicEncoder, generator: Generator) -> str:
    """Return why an encoder's guesses are of no use, by pictures of known z; empty if they are."""
    z = draw_true_z(generator, 0, np.arange(CHECKED))
    guesses = encoder(tf.constant(generator.render(z, CHECKED))).numpy()
    error, spread = (float(np.sqrt(np.mean(each**2))) for each in (guesses - z, z - z.mean()))
    if error < spread:
        return ""
    return (
        f"the encoder's guesses are {error:.2g} from z of random pictures, whose deviation is "
        f"{spread:.2g}: does it take pixels from 0 to 1, or return z in another scale?"
    )
