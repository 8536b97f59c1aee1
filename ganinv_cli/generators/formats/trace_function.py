"""Trace any TensorFlow function to a network: find the roles of its inputs, and check it."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import shorten_error, to_printable
from ganinv_cli.generators.formats.interface import (
    IMAGE_NETWORK,
    MAX_LATENT,
    UnreadableError,
    is_image_shape,
)
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.operations.copy_graph import GraphError
from ganinv_cli.generators.network.operations.generator import TracedGenerator
from ganinv_cli.generators.network.operations.trace_network import (
    PictureFunction,
    find_label_count,
    purify,
    trace_network,
)
from ganinv_cli.prior import make_normal

LABEL_NAME = re.compile(
    r"label|class|one_?hot|categor|digit|(^|[/_])(cond|[yc](_|$))", re.IGNORECASE
)
CHECKED_ROWS = 2  # latent vectors on which a new network is evaluated
COUPLING = 1e-3  # difference of pixels, as a share of their range, beyond rounding


class FunctionInput(NamedTuple):
    """One input of a function."""

    name: str
    dtype: tf.DType
    shape: tuple[int | None, ...] | None  # with the batch axis; None: unknown

    @property
    def row(self) -> tuple[int | None, ...]:
        """The shape without the batch axis; one unknown size if the shape is unknown."""
        return (self.shape or (None, None))[1:]

    @property
    def is_one_hot(self) -> bool:
        """Whether a label is not one number, which Keras also takes as a float."""
        return not self.dtype.is_integer and self.row != (1,)

    def describe(self) -> str:
        """Return the name and the shape, for messages."""
        sizes = ["any" if size is None else str(size) for size in self.row]
        return f"{to_printable(self.name)[:80]} ({', '.join(['batch', *sizes])})"


def trace_function(
    function: Callable[..., tf.Tensor],
    inputs: Sequence[FunctionInput],
    labels: int = 0,
    rows: int | None = None,
    latent_shape: tuple[int, ...] = (),
) -> TracedNetwork:
    """Return the network of a function that takes one tensor per input and returns pictures.

    The inputs are a latent vector of floats, and at most one label: an integer, or one-hot floats
    with the name of a label. Booleans (training flags) are set to False. `labels` is the number of
    labels; 0 if the graph states it. `latent_shape` is that of one z, if it is given. Pictures may
    have their channels first. A picture must depend on its own latent vector alone. A function that
    makes the same graph for any number of rows may be called with a known number, `rows`, if its
    operations are pure. Raises UnreadableError; exceptions of the function itself are not caught.
    """
    try:
        return _check_pictures(_trace(function, inputs, labels, rows, latent_shape))
    except GraphError as error:
        raise UnreadableError(str(error)) from None
    except tf.errors.OpError as error:
        reason = " ".join(error.message.split())[:200]
        raise UnreadableError(f"makes no pictures of random latent vectors ({reason})") from None


def _trace(
    function: Callable[..., tf.Tensor],
    inputs: Sequence[FunctionInput],
    labels: int,
    rows: int | None,
    latent_shape: tuple[int, ...],
) -> TracedNetwork:
    z_place, label_place = _find_places(inputs)
    z_input = inputs[z_place]
    label_input = None if label_place is None else inputs[label_place]
    shape = _read_latent_shape(z_input, latent_shape)
    latent, labels = math.prod(shape), _read_labels(label_input) or labels

    def call_function(z: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        arguments: list[tf.Tensor] = [tf.constant(False)] * len(inputs)
        shaped = z if len(shape) == 1 else tf.reshape(z, [-1, *shape])
        arguments[z_place] = tf.cast(shaped, z_input.dtype)
        if label_place is not None and label_input is not None:
            arguments[label_place] = _encode_labels(label, label_input, labels)
        output = function(*arguments)
        if not output.dtype.is_floating:
            raise UnreadableError(
                f"makes pictures of {output.dtype.name}, which have no derivative; make them of "
                "floats"
            )
        return _put_channels_last(tf.cast(output, tf.float32))

    pictures: PictureFunction = call_function
    is_labelled, batch = label_input is not None, z_input.shape[0] if z_input.shape else None
    if batch is not None and rows is None:
        # purified, because not every operation with a state can be vectorised
        pictures = purify(call_function, latent, batch, is_labelled)
        if is_labelled and labels == 0:
            labels = find_label_count(pictures, latent, batch)
        pictures = _repeat_batches(pictures, batch)
    network = trace_network(pictures, latent, labels, is_labelled=is_labelled, rows=rows)
    if label_input is not None and network.labels == 0:
        raise UnreadableError(
            f"does not say how many labels {label_input.describe()} can be; export it with a "
            "one-hot label"
        )
    is_vector = sum(size > 1 for size in shape) < 2  # also one of the shape (100, 1, 1)
    return network if is_vector else replace(network, latent_shape=shape)


def _find_places(inputs: Sequence[FunctionInput]) -> tuple[int, int | None]:
    flags = [n for n, each in enumerate(inputs) if each.dtype == tf.bool]
    labels = [n for n, each in enumerate(inputs) if each.dtype.is_integer]
    floats = [n for n, each in enumerate(inputs) if each.dtype.is_floating]
    if not labels and len(floats) == 2:
        labels = [n for n in floats if inputs[n].row == (1,)]
        labels = labels or [n for n in floats if LABEL_NAME.search(inputs[n].name)][:1]
        floats = [n for n in floats if n not in labels]
    if len(floats) != 1 or len(labels) > 1 or len(inputs) > len(floats + labels + flags):
        shown = ", ".join(each.describe() for each in inputs) or "none"
        raise UnreadableError(
            f"has the inputs {shown[:400]}; expected a latent vector of floats and at most a label "
            "(integers, or floats by the name of label); export such a function"
        )
    return floats[0], labels[0] if labels else None


def _read_latent_shape(z_input: FunctionInput, given: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one z, whose free sizes are given."""
    free = z_input.row
    if not given and is_image_shape(free):
        raise UnreadableError(IMAGE_NETWORK)
    if given and z_input.shape and not _fits(given, free):
        raise UnreadableError(f"takes {z_input.describe()}, which --latent contradicts")
    if not given and None in free:
        example = ",".join(str(size or 4) for size in free) if len(free) > 1 else "100"
        raise UnreadableError(
            f"takes {z_input.describe()}: give the shape of z by --latent, e.g. --latent {example}"
        )
    shape = given or tuple(size or 0 for size in free)
    if not 1 <= math.prod(shape) <= MAX_LATENT or not shape:
        raise UnreadableError(
            f"takes {z_input.describe()}, but a latent vector of 1 to {MAX_LATENT:,} values "
            "was expected; export the generator with the shape (None, LATENT)"
        )
    return shape


def _fits(sizes: tuple[int, ...], free: tuple[int | None, ...]) -> bool:
    pairs = zip(sizes, free, strict=False)
    return len(sizes) == len(free) and all(own in (None, size) for size, own in pairs)


def _read_labels(label: FunctionInput | None) -> int:
    """Return the length of a one-hot label, or 0 for a number."""
    if label is None:
        return 0
    if not label.is_one_hot and all(size in (1, None) for size in label.row):
        return 0
    length, *ones = label.row or (None,)
    if label.is_one_hot and length and set(ones) <= {1}:
        return length
    raise UnreadableError(
        f"takes a label {label.describe()}; expected one integer per picture, or a one-hot vector"
    )


def _encode_labels(labels: tf.Tensor | None, label: FunctionInput, count: int) -> tf.Tensor:
    if label.is_one_hot:
        hot = tf.one_hot(labels, count, dtype=label.dtype)
        return hot if len(label.row) == 1 else tf.reshape(hot, [-1, *label.row])
    row = [1 for _ in (label.shape or (None,))[1:]]
    return tf.reshape(tf.cast(labels, label.dtype), [-1, *row])


def _put_channels_last(output: tf.Tensor) -> tf.Tensor:
    """Return pictures with their channels last.

    The channels are first if the first axis has 1 or 3 and the last axis has not.
    """
    sizes = output.shape.as_list() if output.shape.rank == 4 else ()
    if sizes and sizes[1] in (1, 3) and sizes[3] not in (1, 3):
        return tf.transpose(output, [0, 2, 3, 1])
    return output


def _repeat_batches(render: PictureFunction, batch: int) -> PictureFunction:
    def make_all(z: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        rows = tf.shape(z)[0]
        missing = -rows % batch
        parts = [tf.reshape(tf.pad(z, [[0, missing], [0, 0]]), [-1, batch, z.shape[1]])]
        if label is not None:
            parts.append(tf.reshape(tf.pad(label, [[0, missing]]), [-1, batch]))
        level = tf.get_logger().level
        tf.get_logger().setLevel("CRITICAL")  # else it also logs the exception with its stack
        try:
            pictures = tf.vectorized_map(
                lambda each: render(each[0], each[1] if len(each) > 1 else None),
                tuple(parts),
                fallback_to_while_loop=False,
            )
        except (ValueError, TypeError, NotImplementedError) as error:  # of TensorFlow's pfor
            raise UnreadableError(
                f"takes {batch:,} latent vectors at once, which cannot become any number "
                f"({shorten_error(error, 160)}); export it for batches of any size (None)"
            ) from None
        finally:
            tf.get_logger().setLevel(level)
        return tf.reshape(pictures, [-1, *pictures.shape[2:]])[:rows]

    return make_all


def _check_pictures(network: TracedNetwork) -> TracedNetwork:
    """Check on samples that pictures are finite, and that each depends on its own z alone.

    Return the network with the result whether the length of z matters.
    """
    generator = TracedGenerator(network, make_normal(network.latent))
    z = np.random.default_rng(0).normal(size=(CHECKED_ROWS, network.latent)).astype(np.float32)
    labels = np.arange(CHECKED_ROWS, dtype=np.int32) % max(network.labels, 1)
    together = generator.render(z, CHECKED_ROWS, labels=labels)
    alone = generator.render(z[1:], 1, labels=labels[1:])
    longer = generator.render(2 * z, CHECKED_ROWS, labels=labels)
    if not (np.isfinite(together).all() and np.isfinite(alone).all()):
        raise UnreadableError(
            "makes pictures that are not finite; the training diverged, use an earlier checkpoint"
        )
    if not np.ptp(together, axis=0).any():
        raise UnreadableError("makes the same picture whatever its latent vector is")
    visible = COUPLING * np.ptp(together)
    if np.abs(together[1:] - alone).max() > visible:
        raise UnreadableError(
            "makes pictures that depend on the other pictures of their batch, such as by a batch "
            "norm with the statistics of its own batch; export it for inference (training=False)"
        )
    return replace(network, ignores_length=bool(np.abs(longer - together).max() <= visible))
