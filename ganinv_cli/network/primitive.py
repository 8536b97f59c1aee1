"""One pure operation of a TensorFlow graph: create it in the current graph, and count its work."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)  # places of the channels
_IMAGES = ("input", "out_backprop", "x", "value")  # inputs that have channels
_PER_AXIS = ("strides", "dilations", "ksize")  # settings with one number per axis
_AXES = 4  # of a batch of pictures
MAX_SIDE = 1 << 12  # of pictures that are resized by area, and of strides and paddings
MAX_OUTPUTS = 1 << 12  # of one operation


def create_operation(node: Any, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return the outputs of a NodeDef's operation for other inputs, in the current graph.

    An operation that has no kernel or no gradient in TensorFlow is written in others. Raises
    ValueError or TypeError if the inputs do not fit.
    """
    settings = {name: value for name, value in node.attr.items() if not name.startswith("_")}
    _refuse_aborts(node, settings, inputs)
    is_norm = node.op.startswith("FusedBatchNorm")
    if is_norm and "is_training" in settings and not settings["is_training"].b:
        return _normalize(settings, *inputs)
    if node.op == "ResizeArea":
        images, size = inputs
        return [_resize_by_area(images, size, settings["align_corners"].b)]
    if node.op == "Mean":
        # else TensorFlow fuses instance norms, wrongly if their scale is one number
        (mean,) = _create(node.op, inputs, settings)
        return [mean if mean.shape.rank is None else tf.ensure_shape(mean, mean.shape)]
    if _read_layout(settings) == b"NCHW" and not node.op.startswith("BiasAdd"):
        first, *others = _create_channels_last(node.op, inputs, settings)
        return [tf.transpose(first, _TO_FIRST), *others]
    return _create(node.op, inputs, settings)


def count_outputs_before(operation: str, argument: str) -> int:
    """Return how many single outputs an operation has before an output argument."""
    definition = op_def_registry.get(operation)
    names = [each.name for each in definition.output_arg] if definition else []
    return names.index(argument) if argument in names else 0


def count_multiply_adds(operation: tf.Operation) -> int:
    """Return the multiply-adds of an operation whose shapes are known."""
    shapes: list[list[int]] = [each.shape.as_list() for each in operation.inputs]
    size: int = math.prod(operation.outputs[0].shape.as_list()) if operation.outputs else 0
    match operation.type:
        case "Conv2D":
            return size * math.prod(shapes[1][:3])
        case "DepthwiseConv2dNative":
            return size * math.prod(shapes[1][:2])
        case "Conv2DBackpropInput":
            return math.prod(shapes[2]) * math.prod(shapes[1][:3])
        case "DepthwiseConv2dNativeBackpropInput":
            return math.prod(shapes[2]) * math.prod(shapes[1][:2])
        case "MatMul":
            return size * shapes[0][0 if operation.get_attr("transpose_a") else 1]
        case "BatchMatMul" | "BatchMatMulV2" | "BatchMatMulV3":
            return size * shapes[0][-2 if operation.get_attr("adj_x") else -1]
        case "AvgPool" | "MaxPool":
            return size * int(np.prod(operation.get_attr("ksize")))
        case "Einsum":
            return _count_einsum(operation.get_attr("equation").decode(), shapes)
    return 0


def _create(kind: str, inputs: Sequence[tf.Tensor], settings: dict[str, Any]) -> list[tf.Tensor]:
    graph = tf.compat.v1.get_default_graph()
    return list(graph.create_op(kind, list(inputs), attrs=settings).outputs)


def _refuse_aborts(node: Any, settings: dict[str, Any], inputs: Sequence[tf.Tensor]) -> None:
    """Raise ValueError for settings at which TensorFlow would end the process."""
    for name in (*_PER_AXIS, "explicit_paddings"):
        numbers = list(settings[name].list.i) if name in settings else [1] * _AXES
        least, count = (0, 2 * _AXES) if name == "explicit_paddings" else (1, _AXES)
        if name == "explicit_paddings" and (name not in settings or not numbers):
            continue
        if len(numbers) != count or not all(least <= each <= MAX_SIDE for each in numbers):
            raise ValueError(f"{name} are {numbers[:8]}, {count} numbers were expected")
    ranks = [len(each.shape) for each in inputs if each.shape.rank is not None]
    shared = settings["batch_dims"].i if "batch_dims" in settings else 0
    if not 0 <= shared <= min(ranks[:2], default=0):
        raise ValueError(f"batch_dims of {shared} are more than its axes")
    for each in op_def_registry.get(node.op).output_arg:
        count = settings[each.number_attr].i if each.number_attr in settings else 0
        if count > MAX_OUTPUTS:
            raise ValueError(f"it has {count:,} outputs")


def _read_layout(settings: dict[str, Any]) -> bytes:
    return settings["data_format"].s if "data_format" in settings else b""


def _count_einsum(equation: str, shapes: Sequence[Sequence[int]]) -> int:
    sizes: dict[str, int] = {}
    for term, shape in zip(equation.split("->")[0].split(","), shapes, strict=True):
        first, _, last = term.partition("...")
        others = [f"axis {n}" for n in range(len(shape) - len(first) - len(last), 0, -1)]
        for letter, size in zip([*first, *others, *last], shape, strict=False):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return math.prod(sizes.values())


def _normalize(
    settings: dict[str, Any],
    x: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
) -> list[tf.Tensor]:
    """Compute a batch norm with given statistics; TensorFlow has no gradient for them."""
    epsilon = settings["epsilon"].f if "epsilon" in settings else 1e-4
    factor = scale * tf.math.rsqrt(variance + epsilon)
    shift = offset - mean * factor
    if _read_layout(settings) == b"NCHW":
        factor, shift = (tf.reshape(each, [-1, 1, 1]) for each in (factor, shift))
    return [x * factor + shift]


def _resize_by_area(images: tf.Tensor, size: tf.Tensor, align_corners: bool) -> tf.Tensor:
    """Resize by a matrix per axis; TensorFlow's own operation has no gradient."""
    news, olds = tf.get_static_value(size), images.shape.as_list()[1:3]
    if news is None or None in olds or max(*news, *olds) > MAX_SIDE:
        raise ValueError(f"sizes of at most {MAX_SIDE:,} pixels must be known")
    with tf.init_scope():
        down, across = (
            tf.raw_ops.ResizeArea(
                images=tf.eye(old)[None, ..., None], size=[new, old], align_corners=align_corners
            )[0, ..., 0]
            for old, new in zip(olds, news, strict=True)
        )
    return tf.einsum("yh,xw,nhwc->nyxc", down, across, tf.cast(images, tf.float32))


def _create_channels_last(
    kind: str, inputs: Sequence[tf.Tensor], settings: dict[str, Any]
) -> list[tf.Tensor]:
    """Create an operation on images (batch, channels, height, width), which has no CPU kernel."""
    changed = {}
    for name, value in settings.items():
        changed[name] = tf.compat.v1.AttrValue.FromString(value.SerializeToString())
        numbers = list(value.list.i)
        if name == "data_format":
            changed[name].s = b"NHWC"
        elif name in _PER_AXIS:
            changed[name].list.i[:] = [numbers[axis] for axis in _TO_LAST]
        elif name == "explicit_paddings" and numbers:
            changed[name].list.i[:] = [numbers[2 * a + side] for a in _TO_LAST for side in (0, 1)]
    tensors = []
    for argument, tensor in zip(op_def_registry.get(kind).input_arg, inputs, strict=True):
        if argument.name in _IMAGES:
            tensor = tf.transpose(tensor, _TO_LAST)
        elif argument.name == "input_sizes" and tensor.shape == 4:
            tensor = tf.gather(tensor, _TO_LAST)
        tensors.append(tensor)
    return _create(kind, tensors, changed)
