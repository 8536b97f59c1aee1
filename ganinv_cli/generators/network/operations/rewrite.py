"""Operations in other forms: faster ones, or ones that exist in every precision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network import convolutions
from ganinv_cli.generators.network.layers import ConvTranspose, Upsample
from ganinv_cli.generators.network.operations.create_operation import create_operation

Sizes = Sequence[Any]  # of pictures (batch, height, width, channels); None: any number


def write_out_filters(node: Any, filters: np.ndarray, channels: int) -> np.ndarray:
    """Return the filters of a convolution without its dilation and groups.

    They are (height, width, inputs, outputs), or of a transpose (.., outputs, inputs). TensorFlow
    does not differentiate dilated convolutions on CPUs, and some of its builds have no groups.
    """
    _, down, across, _ = node.attr["dilations"].list.i
    height, width, inputs, outputs = filters.shape
    if down == across == 1 and (node.op != "Conv2D" or channels == inputs):
        return filters
    spans = (height - 1) * down + 1, (width - 1) * across + 1
    dilated = np.zeros((*spans, inputs, outputs), filters.dtype)
    dilated[::down, ::across] = filters
    if node.op != "Conv2D" or channels == inputs:
        return dilated
    groups = channels // inputs
    whole = np.zeros((*spans, channels, outputs), filters.dtype)
    for group in range(groups):
        rows = slice(group * inputs, (group + 1) * inputs)
        columns = slice(group * outputs // groups, (group + 1) * outputs // groups)
        whole[:, :, rows, columns] = dilated[:, :, :, columns]
    return whole


def prepare_conv_transpose(
    node: Any, filters: np.ndarray, sizes: Sizes, new_sizes: Sizes, precision: tf.DType
) -> convolutions.LinearMap:
    """Return a Conv2DBackpropInput of written-out filters as a function of pictures."""
    _, down, across, _ = node.attr["strides"].list.i
    pads, crop = node.attr["explicit_paddings"].list.i, []
    for axis, (size, step) in enumerate(zip(filters.shape[:2], (down, across), strict=True), 1):
        over = (sizes[axis] - 1) * step + size - new_sizes[axis]
        before = pads[2 * axis] if pads else 0
        if node.attr["padding"].s == b"SAME":
            before = max(over, 0) // 2
        crop.append((before, over - before))
    bias = np.zeros(filters.shape[2], np.float32)
    layer = ConvTranspose(filters, bias, (down, across), (crop[0], crop[1]))
    with tf.init_scope():  # else every graph would have its own copy of the filters
        return convolutions.prepare_conv_transpose(layer, precision)


def multiply_matrices(node: Any, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Multiply as a BatchMatMul does.

    TensorFlow's own operation ends the process if its inputs have different numbers of axes, as
    tf.vectorized_map makes them.
    """
    left = "...ji" if node.attr["adj_x"].b else "...ij"
    right = "...kj" if node.attr["adj_y"].b else "...jk"
    return tf.einsum(f"{left},{right}->...ik", a, b)


def resize(
    node: Any, images: tf.Tensor, placement: Sequence[tf.Tensor], new_sizes: Sizes
) -> tf.Tensor:
    """Resize by repeated pixels, or by a matrix per side.

    `placement` is empty, or scale and translation (2,) of a ScaleAndTranslate.
    """
    height, width = images.shape[1:3]
    _, new_height, new_width, _ = new_sizes
    factor = new_height // height, new_width // width
    is_whole = (new_height, new_width) == (factor[0] * height, factor[1] * width)
    if node.op == "ResizeNearestNeighbor" and is_whole and not node.attr["align_corners"].b:
        return convolutions.prepare_upsample(Upsample(factor, "nearest"))(images)
    rows = _make_matrix(node, height, new_height, [each[0] for each in placement])
    columns = _make_matrix(node, width, new_width, [each[1] for each in placement])
    matrices = (tf.cast(each, images.dtype) for each in (rows, columns))
    return tf.einsum("ph,qw,nhwc->npqc", *matrices, images)


def _make_matrix(node: Any, old: int, new: int, placement: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the matrix (new, old) that resizes one side."""
    images = tf.reshape(tf.eye(old), [1, old, 1, old])
    plain = type(node)()
    plain.CopyFrom(node)
    plain.attr["T"].type = tf.float32.as_datatype_enum
    others = [tf.stack([each, other]) for each, other in zip(placement, (1.0, 0.0), strict=False)]
    (resized,) = create_operation(plain, [images, tf.constant([new, 1]), *others])
    return resized[0, :, 0, :]
