"""Operations in other forms: faster ones, or ones that exist in every precision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network import convolutions
from ganinv_cli.generators.network.layers import ConvTranspose, Sides, Upsample, same_crop
from ganinv_cli.generators.network.operations.create_operation import create_operation

Sizes = Sequence[Any]  # of pictures (batch, height, width, channels); None: any number


def prepare_conv_transpose(
    node: Any, filters: np.ndarray, sizes: Sizes, new_sizes: Sizes, precision: tf.DType
) -> convolutions.LinearMap | None:
    """Return a Conv2DBackpropInput with constant filters as a function of pictures.

    None if a layer of transposed convolution makes pictures of other sizes.
    """
    (_, *stride, _), (_, *dilations, _) = (node.attr[n].list.i for n in ("strides", "dilations"))
    pads, kernel = list(node.attr["explicit_paddings"].list.i), filters.shape[:2]
    crop: Sides = ((pads[2], pads[3]), (pads[4], pads[5])) if pads else ((0, 0), (0, 0))
    down, across = stride
    if node.attr["padding"].s == b"SAME":
        crop = same_crop((kernel[0], kernel[1]), (down, across))
    bias = np.zeros(filters.shape[2], np.float32)
    layer = ConvTranspose(filters, bias, (down, across), crop)
    is_plain = node.attr["data_format"].s == b"NHWC" and max(dilations) == 1
    if not is_plain or layer.output_shape(tuple(sizes[1:])) != tuple(new_sizes[1:]):
        return None
    with tf.init_scope():  # else every graph would have its own copy of the filters
        return convolutions.prepare_conv_transpose(layer, precision)


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
