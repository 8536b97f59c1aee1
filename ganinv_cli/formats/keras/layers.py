"""Translation of Keras's dense layers, reshapes, norms and embeddings."""

import math

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras.activations import apply_activation
from ganinv_cli.formats.keras.config import LayerConfig
from ganinv_cli.formats.keras.layer_settings import MAX_NUMBER
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, Value, make_value, row_axis
from ganinv_cli.network.layers import (
    Activation,
    Add,
    Affine,
    BatchNorm,
    Constant,
    Dense,
    GroupNorm,
    Multiply,
    Reshape,
)
from ganinv_cli.network.shapes import format_shape


def dense(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    x = builder.move_axis_last(inputs[0], len(inputs[0].shape) - 1, layer.name)
    input_size, units = x.shape[-1], layer.settings.read_int("units")
    arrays = builder.read_weights(layer, {"kernel": (input_size, units), "bias": (units,)})
    bias = arrays.get("bias", np.zeros(units, np.float32))
    return apply_activation(
        builder, layer, builder.add_layer(Dense(arrays["kernel"], bias), [x], layer.name)
    )


def pass_through(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate a layer that acts in training only."""
    return inputs[0]


def reshape(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    x = builder.to_file_order(inputs[0], layer.name)
    target_shape = layer.settings.read_ints("target_shape")
    known = math.prod(size for size in target_shape if size != -1)
    if target_shape.count(-1) > 1 or known < 1 or min(target_shape, default=1) < -1:
        raise UnreadableError(
            f"{layer.name} has target_shape {str(target_shape)[:60]}, which is not a shape"
        )
    shape = tuple(math.prod(x.shape) // known if size == -1 else size for size in target_shape)
    return _add_reshape(builder, layer, x, shape)


def flatten(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate Flatten, in channels-last order if the layer's input is channels first."""
    x = inputs[0]
    if layer.settings.channels_first and len(x.shape) > 1:
        x = builder.transpose(x, (*range(1, len(x.shape)), 0), layer.name)
        x = make_value(x.node, x.shape)
    x = builder.to_file_order(x, layer.name)
    return _add_reshape(builder, layer, x, (math.prod(x.shape),))


def _add_reshape(
    builder: NetworkBuilder, layer: LayerConfig, x: Value, shape: tuple[int, ...]
) -> Value:
    if x.integer and math.prod(shape) == math.prod(x.shape):
        return x._replace(shape=shape, order=tuple(range(len(shape))))
    if x.shape == shape:
        return x
    return builder.add_layer(Reshape(shape), [x], layer.name, tuple(range(len(shape))))


def permute(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate Permute: only the order of the axes is recorded, no data is moved."""
    x, axes = inputs[0], layer.settings.read_ints("dims")
    if sorted(axes) != list(range(1, len(x.shape) + 1)):
        raise UnreadableError(
            f"{layer.name} has dims {str(axes)[:60]} for {format_shape(x.file_shape)}; the config "
            "is damaged"
        )
    return x._replace(order=tuple(axes.index(axis + 1) for axis in x.order))


def repeat_vector(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    times, x = layer.settings.read_int("n"), inputs[0]
    if len(x.shape) != 1:
        raise UnreadableError(
            f"{layer.name} repeats {format_shape(x.file_shape)}; expected one row of numbers"
        )
    ones = builder.add_layer(Constant(np.ones((times, 1), np.float32)), [], layer.name)
    row = builder.add_layer(Reshape((1, *x.shape)), [x], layer.name)
    return builder.add_layer(Multiply(), [row, ones], layer.name)


def batch_normalization(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    axes = layer.settings.read_ints("axis") if "axis" in layer.settings.values else [-1]
    if len(axes) != 1:
        raise layer.settings.untranslated_error("several axes")
    x = builder.move_axis_last(inputs[0], row_axis(inputs[0], axes[0], layer.name), layer.name)
    size = x.shape[-1:]
    arrays = builder.read_weights(
        layer, dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), size)
    )
    if arrays["moving_variance"].min(initial=0) < 0:
        raise UnreadableError(
            f"{layer.name} holds {arrays['moving_variance'].min():g}, but a variance is at least "
            "0; use another checkpoint of the run"
        )
    norm = BatchNorm(
        arrays.get("gamma", np.ones(size, np.float32)),
        arrays.get("beta", np.zeros(size, np.float32)),
        arrays["moving_mean"],
        arrays["moving_variance"],
        layer.settings.read_float("epsilon", default=1e-3),
    )
    return builder.add_layer(norm, [x], layer.name)


def group_normalization(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    axis = layer.settings.read_ints("axis") if "axis" in layer.settings.values else [-1]
    x = builder.move_axis_last(inputs[0], row_axis(inputs[0], axis[0], layer.name), layer.name)
    channels, groups = x.shape[-1], layer.settings.read_int("groups", 32, minimum=-1)
    arrays = builder.read_weights(layer, dict.fromkeys(("gamma", "beta"), (channels,)))
    gamma = arrays.get("gamma", np.ones(channels, np.float32))
    beta = arrays.get("beta", np.zeros(channels, np.float32))
    groups = channels if groups == -1 else groups
    if groups < 1:
        raise layer.settings.untranslated_error(f"{groups} groups")
    epsilon = layer.settings.read_float("epsilon", default=1e-3)
    return builder.add_layer(GroupNorm(gamma, beta, groups, epsilon), [x], layer.name)


def layer_normalization(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate LayerNormalization over all axes of a row, with a scale and shift per value."""
    x = builder.to_file_order(inputs[0], layer.name)
    axes = layer.settings.read_ints("axis") if "axis" in layer.settings.values else [-1]
    if layer.settings.values.get("rms_scaling") or layer.settings.values.get("use_rms_norm"):
        raise layer.settings.untranslated_error("rms_scaling")
    if {row_axis(x, axis, layer.name) for axis in axes} != set(range(len(x.shape))):
        raise layer.settings.untranslated_error(
            f"axis {axes} of {format_shape(x.file_shape)}", "supports those over all axes"
        )
    shape, channels = x.shape, x.shape[-1]
    arrays = builder.read_weights(layer, dict.fromkeys(("gamma", "beta"), shape))
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    x = builder.add_layer(
        GroupNorm(ones, zeros, 1, layer.settings.read_float("epsilon", default=1e-3)),
        [x],
        layer.name,
    )
    return _add_scale_and_shift(builder, layer, x, arrays.get("gamma"), arrays.get("beta"))


def _add_scale_and_shift(
    builder: NetworkBuilder,
    layer: LayerConfig,
    x: Value,
    scale: np.ndarray | None,
    shift: np.ndarray | None,
) -> Value:
    """Return x * scale + shift; both have the shape of x in the file's order."""
    for combine, values in ((Multiply(), scale), (Add(), shift)):
        if values is not None:
            constant = builder.add_layer(Constant(values), [], layer.name)
            x = builder.add_layer(combine, [x, constant], layer.name)
    return x


def prelu(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate PReLU: relu(x) − alpha * relu(−x)."""
    x = builder.to_file_order(inputs[0], layer.name)
    shared_axes = {axis - 1 for axis in _read_shared_axes(layer)}
    shape = tuple(1 if axis in shared_axes else size for axis, size in enumerate(x.shape))
    slopes = builder.read_weights(layer, {"alpha": shape})["alpha"]
    minus_ones = np.full(x.shape[-1], -1, np.float32)
    zeros = np.zeros(x.shape[-1], np.float32)
    positive_part = builder.add_layer(Activation("relu"), [x], layer.name)
    negated = builder.add_layer(Affine(minus_ones, zeros), [x], layer.name)
    negative_part = builder.add_layer(Activation("relu"), [negated], layer.name)
    negative_part = _add_scale_and_shift(builder, layer, negative_part, -slopes, None)
    return builder.add_layer(Add(), [positive_part, negative_part], layer.name)


def _read_shared_axes(layer: LayerConfig) -> list[int]:
    return (
        layer.settings.read_ints("shared_axes") if layer.settings.values.get("shared_axes") else []
    )


def rescaling(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate Rescaling: x * scale + offset, for all values or per channel."""
    x = builder.move_axis_last(inputs[0], len(inputs[0].shape) - 1, layer.name)
    scale, shift = (
        _read_per_channel(layer, key, x.shape[-1], usual) for key, usual in _RESCALING_DEFAULTS
    )
    return builder.add_layer(Affine(scale, shift), [x], layer.name)


_RESCALING_DEFAULTS = (("scale", 1.0), ("offset", 0.0))


def _read_per_channel(layer: LayerConfig, key: str, channels: int, default: float) -> np.ndarray:
    setting = layer.settings.values.get(key, default)
    if not isinstance(setting, list):
        return np.full(channels, layer.settings.read_float(key, default=default), np.float32)
    numbers = all(isinstance(each, int | float) and abs(each) < MAX_NUMBER for each in setting)
    if len(setting) != channels or not numbers:
        raise UnreadableError(
            f"{layer.name} has a {key} that is not {channels} numbers, one a channel; the config "
            "is damaged"
        )
    return np.array(setting, np.float32)


def embedding(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate Embedding: the row of a table for a label."""
    labels, size = layer.settings.read_int("input_dim"), layer.settings.read_int("output_dim")
    x = inputs[0]
    if not x.integer:
        raise layer.settings.untranslated_error(
            "an input that is no label", "supports those of the label"
        )
    table = builder.read_weights(layer, {"embeddings": (labels, size)})["embeddings"]
    one_hot = builder.one_hot_label(labels, layer.name)
    row = builder.add_layer(Dense(table, np.zeros(size, np.float32)), [one_hot], layer.name)
    return _add_reshape(builder, layer, row, (*x.shape, size))


def category_encoding(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate CategoryEncoding: the label as one-hot."""
    mode = layer.settings.read_choice("output_mode", ("multi_hot", "one_hot"), "multi_hot")
    if not inputs[0].integer:
        raise layer.settings.untranslated_error(f"{mode} of no label", "supports the label")
    return builder.one_hot_label(layer.settings.read_int("num_tokens"), layer.name)
