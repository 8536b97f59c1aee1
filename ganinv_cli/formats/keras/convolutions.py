"""Translation of Keras's convolutions, upsampling, padding and cropping."""

import numpy as np

from ganinv_cli.formats.interface import MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.keras.activations import apply_activation
from ganinv_cli.formats.keras.config import LayerConfig
from ganinv_cli.formats.keras.layer_settings import PADDINGS
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, Value
from ganinv_cli.network.layers import Conv, ConvTranspose, Pad, Pair, Sides, Upsample


def conv2d(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    x = builder.to_channels_last(inputs[0], layer.settings.channels_first, layer.name)
    channels, groups = x.shape[2], layer.settings.read_int("groups", 1)
    filters = layer.settings.read_int("filters")
    if channels % groups or filters % groups:
        raise UnreadableError(
            f"{layer.name} has {groups} groups of {channels} channels for {filters} filters, which "
            "they do not divide; the config is damaged"
        )
    kernel = layer.settings.read_pair("kernel_size")
    shapes = {"kernel": (*kernel, channels // groups, filters), "bias": (filters,)}
    arrays = builder.read_weights(layer, shapes)
    weights = _dilate_kernel(
        _expand_groups(arrays["kernel"], groups, layer), _read_dilation(layer), layer
    )
    return apply_activation(
        builder, layer, _add_convolution(builder, layer, x, weights, arrays.get("bias"))
    )


def depthwise_conv2d(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate DepthwiseConv2D: each channel by itself, `depth_multiplier` outputs each."""
    x = builder.to_channels_last(inputs[0], layer.settings.channels_first, layer.name)
    channels, multiplier = x.shape[2], layer.settings.read_int("depth_multiplier", 1)
    kernel = layer.settings.read_pair("kernel_size")
    shapes = {"kernel": (*kernel, channels, multiplier), "bias": (channels * multiplier,)}
    arrays = builder.read_weights(layer, shapes)
    weights = _dilate_kernel(
        _expand_depthwise(arrays["kernel"], layer), _read_dilation(layer), layer
    )
    return apply_activation(
        builder, layer, _add_convolution(builder, layer, x, weights, arrays.get("bias"))
    )


def separable_conv2d(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate SeparableConv2D: a depthwise convolution, then a pointwise one."""
    x = builder.to_channels_last(inputs[0], layer.settings.channels_first, layer.name)
    channels, multiplier = x.shape[2], layer.settings.read_int("depth_multiplier", 1)
    filters, kernel = layer.settings.read_int("filters"), layer.settings.read_pair("kernel_size")
    shapes = {
        "depthwise_kernel": (*kernel, channels, multiplier),
        "pointwise_kernel": (1, 1, channels * multiplier, filters),
        "bias": (filters,),
    }
    arrays = builder.read_weights(layer, shapes)
    weights = _dilate_kernel(
        _expand_depthwise(arrays["depthwise_kernel"], layer), _read_dilation(layer), layer
    )
    depthwise = _add_convolution(builder, layer, x, weights, None)
    bias = arrays.get("bias", np.zeros(filters, np.float32))
    pointwise = builder.add_layer(Conv(arrays["pointwise_kernel"], bias), [depthwise], layer.name)
    return apply_activation(builder, layer, pointwise)


def conv2d_transpose(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate Conv2DTranspose, with the output size that Keras chooses."""
    settings = layer.settings
    x = builder.to_channels_last(inputs[0], settings.channels_first, layer.name)
    if settings.read_int("groups", 1) != 1:
        raise settings.untranslated_error("groups")
    filters, kernel = settings.read_int("filters"), settings.read_pair("kernel_size")
    arrays = builder.read_weights(
        layer, {"kernel": (*kernel, filters, x.shape[2]), "bias": (filters,)}
    )
    stride, same = settings.read_pair("strides"), _has_same_padding(layer)
    weights = _dilate_kernel(arrays["kernel"], _read_dilation(layer), layer)
    output_padding: tuple[int | None, int | None] = (None, None)
    if settings.values.get("output_padding") is not None:
        output_padding = settings.read_pair("output_padding", minimum=0)
    sides = zip(x.shape[:2], weights.shape[:2], stride, output_padding, strict=True)
    up, left = (
        _compute_crop(side, size, step, more, same, layer) for side, size, step, more in sides
    )
    bias = arrays.get("bias", np.zeros(filters, np.float32))
    return apply_activation(
        builder,
        layer,
        builder.add_layer(ConvTranspose(weights, bias, stride, (up, left)), [x], layer.name),
    )


def upsampling2d(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    x = builder.to_channels_last(inputs[0], layer.settings.channels_first, layer.name)
    method = layer.settings.read_choice("interpolation", ("nearest", "bilinear"), "nearest")
    factor = layer.settings.read_pair("size", default=2)
    bilinear = Upsample(factor, "bilinear")
    return builder.add_layer(
        bilinear if method == "bilinear" else Upsample(factor), [x], layer.name
    )


def zero_padding2d(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    x = builder.to_channels_last(inputs[0], layer.settings.channels_first, layer.name)
    return builder.add_layer(Pad(layer.settings.read_sides("padding", 1)), [x], layer.name)


def cropping2d(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    x = builder.to_channels_last(inputs[0], layer.settings.channels_first, layer.name)
    (up, down), (left, right) = layer.settings.read_sides("cropping", 0)
    return builder.add_layer(Pad(((-up, -down), (-left, -right))), [x], layer.name)


def _add_convolution(
    builder: NetworkBuilder,
    layer: LayerConfig,
    x: Value,
    weights: np.ndarray,
    bias: np.ndarray | None,
) -> Value:
    stride = layer.settings.read_pair("strides")
    padding: Sides = ((0, 0), (0, 0))
    if _has_same_padding(layer):
        sides = zip(x.shape[:2], weights.shape[:2], stride, strict=True)
        up, left = (_same_padding(*each) for each in sides)
        padding = up, left
    bias = np.zeros(weights.shape[3], np.float32) if bias is None else bias
    return builder.add_layer(Conv(weights, bias, stride, padding), [x], layer.name)


def _has_same_padding(layer: LayerConfig) -> bool:
    return layer.settings.read_choice("padding", PADDINGS, "valid") == "same"


def _same_padding(side: int, size: int, step: int) -> Pair:
    """Return the zeros of SAME padding before and after a side."""
    total = max((-(-side // step) - 1) * step + size - side, 0)
    return total // 2, total - total // 2


def _compute_crop(
    side: int, size: int, step: int, output_padding: int | None, same: bool, layer: LayerConfig
) -> Pair:
    """Return the crop before and after a side; negative values are padding."""
    full = (side - 1) * step + size
    if output_padding is None:
        output_size = side * step if same else side * step + max(size - step, 0)
    else:
        output_size = full - 2 * (size // 2 if same else 0) + output_padding
    if output_size < 1 or (same and -(-output_size // step) != side):
        raise UnreadableError(
            f"{layer.name} has an output_padding of {output_padding} with strides of {step}, which "
            "makes no picture in Keras either; the config is damaged"
        )
    before = max(full - output_size, 0) // 2 if same else 0
    return before, full - output_size - before


def _read_dilation(layer: LayerConfig) -> Pair:
    return layer.settings.read_pair("dilation_rate")


def _dilate_kernel(kernel: np.ndarray, dilation: Pair, layer: LayerConfig) -> np.ndarray:
    """Return the kernel with zeros between its rows and columns."""
    if dilation == (1, 1):
        return kernel
    height, width = ((size - 1) * by + 1 for size, by in zip(kernel.shape, dilation, strict=False))
    dilated = _allocate_zeros((height, width, *kernel.shape[2:]), layer)
    dilated[:: dilation[0], :: dilation[1]] = kernel
    return dilated


def _expand_groups(kernel: np.ndarray, groups: int, layer: LayerConfig) -> np.ndarray:
    """Return a grouped kernel (height, width, inputs / groups, outputs) over all inputs."""
    if groups == 1:
        return kernel
    height, width, inputs, outputs = kernel.shape
    whole = _allocate_zeros((height, width, inputs * groups, outputs), layer)
    for group in range(groups):
        rows = slice(group * inputs, (group + 1) * inputs)
        columns = slice(group * outputs // groups, (group + 1) * outputs // groups)
        whole[:, :, rows, columns] = kernel[:, :, :, columns]
    return whole


def _expand_depthwise(kernel: np.ndarray, layer: LayerConfig) -> np.ndarray:
    """Return a depthwise kernel (height, width, channels, multiplier) over all channels."""
    height, width, channels, multiplier = kernel.shape
    flat = kernel.reshape(height, width, 1, channels * multiplier)
    return _expand_groups(flat, channels, layer)


def _allocate_zeros(shape: tuple[int, ...], layer: LayerConfig) -> np.ndarray:
    if np.prod(shape, dtype=np.float64) > MAX_WEIGHTS:
        raise UnreadableError(
            f"{layer.name} has more than {MAX_WEIGHTS:,} weights when its groups or its dilation "
            "are written out; is it a generator of pictures?"
        )
    return np.zeros(shape, np.float32)
