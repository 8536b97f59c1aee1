"""Trace any TensorFlow function to a network: find the roles of its inputs, and check it."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import shorten_error, to_printable
from ganinv_cli.formats.interface import (
    IMAGE_NETWORK,
    MAX_LATENT,
    UnreadableError,
    is_image_shape,
)
from ganinv_cli.network.replay import GraphError
from ganinv_cli.network.traced import TracedGenerator
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.network.tracing import PictureFunction, count_labels, purify, trace_network
from ganinv_cli.prior import make_normal

LABEL_NAME = re.compile(
    r"label|class|one_?hot|categor|digit|(^|[/_])(cond|[yc](_|$))", re.IGNORECASE
)
CHECKED_ROWS = 4  # latent vectors on which a new network is evaluated; 2 of a large one
LARGE_LAYER, LARGE_WORK = 1 << 24, 1 << 33  # values of one operation, and multiply-adds
COUPLING = 1e-3  # difference of pixels, as a share of their range, beyond rounding


class FunctionInput(NamedTuple):
    """One input of a function."""

    name: str
    dtype: tf.DType
    shape: tuple[int | None, ...] | None  # with the batch axis; None: unknown

    def describe(self) -> str:
        """Return the name and the shape, for messages."""
        name = to_printable(self.name)[:80]
        if self.shape is None:
            return f"{name} of any shape"
        sizes = ["any" if size is None else str(size) for size in self.shape[1:]]
        return f"{name} ({', '.join(['batch', *sizes])})"


class _Roles(NamedTuple):
    """The positions of the inputs."""

    latent: int
    label: int | None
    flags: tuple[int, ...]  # training flags


def trace_function(
    function: Callable[..., tf.Tensor],
    inputs: Sequence[FunctionInput],
    labels: int = 0,
    rows: int | None = None,
) -> TracedNetwork:
    """Return the network of a function that takes one tensor per input and returns pictures.

    The inputs are a latent vector of floats, and at most one label: an integer, or one-hot floats
    with the name of a label. Booleans (training flags) are set to False. `labels` is the number of
    labels; 0 if the graph states it. Pictures may have their channels first. A picture must depend
    on its own latent vector alone. A function that makes the same graph for any number of rows may
    be called with a known number, `rows`. Raises UnreadableError; exceptions of the function itself
    are not caught.
    """
    roles = _find_roles(inputs)
    try:
        return _check_pictures(_trace(function, inputs, roles, labels, rows))
    except GraphError as error:
        raise UnreadableError(str(error)) from None
    except tf.errors.OpError as error:
        reason = " ".join(error.message.split())[:200]
        raise UnreadableError(f"makes no pictures of random latent vectors ({reason})") from None


def _find_roles(inputs: Sequence[FunctionInput]) -> _Roles:
    flags = [n for n, each in enumerate(inputs) if each.dtype == tf.bool]
    labels = [n for n, each in enumerate(inputs) if each.dtype.is_integer]
    floats = [n for n, each in enumerate(inputs) if each.dtype.is_floating]
    if not labels and len(floats) == 2:
        labels = [n for n in floats if LABEL_NAME.search(inputs[n].name)][:1]
        floats = [n for n in floats if n not in labels]
    if len(floats) != 1 or len(labels) > 1 or len(inputs) > len(floats + labels + flags):
        shown = ", ".join(each.describe() for each in inputs) or "none"
        raise UnreadableError(
            f"has the inputs {shown[:400]}; expected a latent vector of floats and at most a label "
            "(integers, or floats by the name of label); export such a function"
        )
    return _Roles(floats[0], labels[0] if labels else None, tuple(flags))


def _trace(
    function: Callable[..., tf.Tensor],
    inputs: Sequence[FunctionInput],
    roles: _Roles,
    labels: int,
    rows: int | None,
) -> TracedNetwork:
    latent_input = inputs[roles.latent]
    row = (latent_input.shape or (None, None))[1:]
    label_input = None if roles.label is None else inputs[roles.label]
    if is_image_shape(row):
        raise UnreadableError(IMAGE_NETWORK)
    labels = 0 if label_input is None else _read_label_size(label_input) or labels

    def make_pictures(z: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        arguments: list[tf.Tensor] = [tf.constant(False)] * len(inputs)
        shaped = z if len(row) == 1 else tf.reshape(z, [-1, *row])
        arguments[roles.latent] = tf.cast(shaped, latent_input.dtype)
        if roles.label is not None and label_input is not None:
            arguments[roles.label] = _encode_labels(label, label_input, labels)
        output = function(*arguments)
        if not output.dtype.is_floating:
            raise UnreadableError(
                f"makes pictures of {output.dtype.name}, which have no derivative; make them of "
                "floats"
            )
        return _put_channels_last(tf.cast(output, tf.float32))

    latent = math.prod(size or 0 for size in row) if row else 0
    if not 1 <= latent <= MAX_LATENT:
        raise UnreadableError(
            f"takes {latent_input.describe()}, but a latent vector of 1 to {MAX_LATENT:,} values "
            "was expected; export the generator with the shape (None, LATENT)"
        )
    batch = rows or (latent_input.shape[0] if latent_input.shape else None)
    pictures: PictureFunction = make_pictures
    if batch is not None:  # purified, because not every operation with a state can be vectorised
        pictures = purify(make_pictures, latent, batch, label_input is not None)
    if label_input is not None and labels == 0:
        labels = count_labels(pictures, latent, batch)
        if labels == 0:
            raise UnreadableError(
                f"does not say how many labels {label_input.describe()} can be; export it with a "
                "one-hot label"
            )
    if batch is not None and rows is None:
        pictures = _repeat_batches(pictures, batch)
    return trace_network(pictures, latent, labels)


def _repeat_batches(
    make_pictures: Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor], batch: int
) -> Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor]:
    """Return a function for any number of rows from one for batches of a fixed size."""

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
                lambda each: make_pictures(each[0], each[1] if len(each) > 1 else None),
                tuple(parts),
                fallback_to_while_loop=False,
            )
        except (ValueError, TypeError, NotImplementedError) as error:  # of TensorFlow's pfor
            reason = shorten_error(error, 160)
            raise UnreadableError(
                f"takes {batch:,} latent vectors at once, which cannot become any number "
                f"({reason}); export it for batches of any size (None), a StyleGAN2 with "
                "fused_modconv=False"
            ) from None
        finally:
            tf.get_logger().setLevel(level)
        return tf.reshape(pictures, [-1, *pictures.shape[2:]])[:rows]

    return make_all


def _read_label_size(label: FunctionInput) -> int:
    """Return the length of a one-hot label, or 0 for a number."""
    row = (label.shape or (None, None))[1:]
    if not _is_one_hot(label):
        if any(size not in (1, None) for size in row):
            raise UnreadableError(
                f"takes labels {label.describe()}; expected one integer per picture"
            )
        return 0
    if len(row) != 1 or not row[0]:
        raise UnreadableError(f"takes a label {label.describe()}; expected a one-hot vector")
    return row[0]


def _is_one_hot(label: FunctionInput) -> bool:
    """Return whether a label is not one number, which Keras also takes as a float."""
    return not label.dtype.is_integer and (label.shape or ())[1:] != (1,)


def _encode_labels(labels: tf.Tensor | None, label: FunctionInput, count: int) -> tf.Tensor:
    if _is_one_hot(label):
        return tf.one_hot(labels, count, dtype=label.dtype)
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


def _check_pictures(network: TracedNetwork) -> TracedNetwork:
    """Check on samples that pictures are finite, and that each depends on its own z alone.

    Return the network with the result whether the length of z matters.
    """
    generator = TracedGenerator(network, make_normal(network.latent))
    is_large = network.largest_layer > LARGE_LAYER or network.multiply_adds > LARGE_WORK
    rows = 2 if is_large else CHECKED_ROWS
    z = np.random.default_rng(0).normal(size=(rows, network.latent)).astype(np.float32)
    labels = np.arange(rows, dtype=np.int32) % max(network.labels, 1)
    together = generator.render(z, rows, labels=labels)
    alone = generator.render(z[1:], 1, labels=labels[1:])
    if not (np.isfinite(together).all() and np.isfinite(alone).all()):
        raise UnreadableError(
            "makes pictures that are not finite; the training diverged, use an earlier checkpoint"
        )
    if not np.ptp(together, axis=0).any():
        raise UnreadableError("makes the same picture whatever its latent vector is")
    if np.abs(together[1:] - alone).max() > COUPLING * np.ptp(together):
        raise UnreadableError(
            "makes pictures that depend on the other pictures of their batch, such as by a batch "
            "norm with the statistics of its own batch; export it for inference (training=False)"
        )
    longer = generator.render(2 * z, rows, labels=labels)
    unchanged = np.abs(longer - together).max() <= COUPLING * np.ptp(together)
    return replace(network, ignores_length=bool(unchanged))
