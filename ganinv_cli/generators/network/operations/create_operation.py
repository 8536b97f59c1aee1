"""Create an operation of TensorFlow that a NodeDef describes, for other inputs."""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

MAX_SETTING = 1 << 12  # of the integers of an operation, e.g. a stride or the number of outputs
_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)  # places of the channels
_IMAGES = ("input", "out_backprop", "x", "value")  # inputs that have channels

_Settings = Mapping[str, Any]  # AttrValues by name


def create_operation(node: Any, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return the outputs of a NodeDef's operation for other inputs, in the current graph.

    An operation that has no kernel or no gradient in TensorFlow is written in others. Raises
    ValueError or TypeError if the inputs do not fit.
    """
    settings = {name: value for name, value in node.attr.items() if not name.startswith("_")}
    _refuse_aborts(settings, inputs)
    is_norm = node.op.startswith("FusedBatchNorm")
    if is_norm and "is_training" in settings and not settings["is_training"].b:
        return _normalize(settings, *inputs)
    if node.op == "Mean":
        # else TensorFlow fuses instance norms, wrongly if their scale is one number
        (mean,) = _create(node.op, inputs, settings)
        return [mean if mean.shape.rank is None else tf.ensure_shape(mean, mean.shape)]
    if _has_channels_first(settings) and not node.op.startswith("BiasAdd"):
        return _create_channels_last(node.op, inputs, settings)
    return _create(node.op, inputs, settings, node.name)


def count_outputs_before(operation: str, argument: str) -> int:
    """Return how many single outputs an operation has before an output argument."""
    names = [each.name for each in list_arguments(operation, "output_arg")]
    return names.index(argument) if argument in names else 0


def _create(
    kind: str, inputs: Sequence[tf.Tensor], settings: _Settings, name: str | None = None
) -> list[tf.Tensor]:
    if kind == "MaxPool" and settings["padding"].s == b"EXPLICIT":
        return [_pool_padded(inputs[0], settings)]
    if kind == "Conv2DBackpropInput" and settings["padding"].s == b"EXPLICIT":
        return [_crop_transposed(inputs, settings)]
    counts = Counter(each.ref() for each in inputs)
    if kind in ("Add", "AddN", "AddV2") and len(counts) < len(inputs):
        # the optimizer of TensorFlow follows x + x along both paths, and each of these again
        return [functools.reduce(tf.add, [ref.deref() * n for ref, n in counts.items()])]
    graph = tf.compat.v1.get_default_graph()
    return list(graph.create_op(kind, list(inputs), attrs=dict(settings), name=name).outputs)


def _pool_padded(x: tf.Tensor, settings: _Settings) -> tf.Tensor:
    """Compute a max-pool with its own padding, for which TensorFlow has no second derivative."""
    pads = tf.reshape(list(settings["explicit_paddings"].list.i), (4, 2))
    padded = tf.pad(x, pads, constant_values=x.dtype.min)
    sizes, strides = (list(settings[name].list.i) for name in ("ksize", "strides"))
    return tf.nn.max_pool2d(padded, sizes, strides, "VALID")


def _crop_transposed(inputs: Sequence[tf.Tensor], settings: _Settings) -> tf.Tensor:
    """Compute a transposed convolution without padding, and crop; TensorFlow's own is slow."""
    sizes, filters, x = inputs
    pads = tf.reshape(list(settings["explicit_paddings"].list.i), (4, 2))
    added = tf.cast(tf.reduce_sum(pads, 1), sizes.dtype)
    changed = {name: each for name, each in settings.items() if name != "explicit_paddings"}
    changed["padding"] = tf.compat.v1.AttrValue(s=b"VALID")
    (whole,) = _create("Conv2DBackpropInput", [sizes + added, filters, x], changed)
    return tf.slice(whole, tf.cast(pads[:, 0], sizes.dtype), sizes)


def _refuse_aborts(settings: _Settings, inputs: Sequence[tf.Tensor]) -> None:
    """Raise ValueError for settings at which TensorFlow would end the process."""
    strides = list(settings["strides"].list.i) if "strides" in settings else [1] * 4
    if len(strides) != 4 or min(strides) < 1:
        raise ValueError(f"its strides are {strides[:8]}, 4 numbers were expected")
    ranks = [len(each.shape) for each in inputs if each.shape.rank is not None]
    if "batch_dims" in settings and settings["batch_dims"].i > min(ranks[:2], default=0):
        raise ValueError("its batch_dims are more than its axes")
    for name, value in settings.items():
        largest = max(value.i, *value.list.i, key=abs) if value.list.i else value.i
        if abs(largest) > MAX_SETTING:
            raise ValueError(f"{name} of {largest:,}, at most {MAX_SETTING:,} was expected")


def _has_channels_first(settings: _Settings) -> bool:
    return "data_format" in settings and settings["data_format"].s == b"NCHW"


def _normalize(
    settings: _Settings,
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
    if _has_channels_first(settings):
        factor, shift = (tf.reshape(each, [-1, 1, 1]) for each in (factor, shift))
    return [x * factor + shift]


def _create_channels_last(
    kind: str, inputs: Sequence[tf.Tensor], settings: _Settings
) -> list[tf.Tensor]:
    """Create an operation on images (batch, channels, height, width), which has no CPU kernel."""
    changed = {**settings, "data_format": tf.compat.v1.AttrValue(s=b"NHWC")}
    for name in {"strides", "dilations", "ksize", "explicit_paddings"} & settings.keys():
        numbers = list(settings[name].list.i)
        size = len(numbers) // 4  # of each axis: one number, or two paddings
        changed[name] = tf.compat.v1.AttrValue()
        for axis in _TO_LAST:
            changed[name].list.i.extend(numbers[axis * size : (axis + 1) * size])
    tensors = []
    for argument, tensor in zip(list_arguments(kind, "input_arg"), inputs, strict=True):
        if argument.name in _IMAGES:
            tensor = tf.transpose(tensor, _TO_LAST)
        elif argument.name == "input_sizes" and tensor.shape == 4:
            tensor = tf.gather(tensor, _TO_LAST)
        tensors.append(tensor)
    first, *others = _create(kind, tensors, changed)
    return [tf.transpose(first, _TO_FIRST), *others]


def list_arguments(operation: str, field: str) -> Sequence[Any]:
    """Return the ArgDefs of an operation: of its `input_arg` or `output_arg`."""
    definition = op_def_registry.get(operation)
    return getattr(definition, field) if definition else ()
