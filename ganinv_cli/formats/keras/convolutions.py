"""Keras's convolutions and what else belongs to pictures: resizing, padding, cutting."""

import numpy as np

from ganinv_cli.formats.keras.activations import fused
from ganinv_cli.formats.keras.config import Described
from ganinv_cli.formats.keras.settings import PADDINGS
from ganinv_cli.formats.keras.values import Growing, Value
from ganinv_cli.formats.limits import MOST_WEIGHTS
from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.network.layers import Conv, ConvTranspose, Pad, Pair, Sides, Upsample


def conv2d(growing: Growing, layer: Described, given: list[Value]) -> Value:
    x = growing.picture(given[0], layer.settings.first, layer.name)
    channels, groups = x.shape[2], layer.settings.whole("groups", 1)
    filters = layer.settings.whole("filters")
    if channels % groups or filters % groups:
        raise UnreadableError(
            f"{layer.name} has {groups} groups of {channels} channels for {filters} filters, which "
            "they do not divide; the config is damaged"
        )
    kernel = layer.settings.pair("kernel_size")
    shapes = {"kernel": (*kernel, channels // groups, filters), "bias": (filters,)}
    held = growing.weights(layer, shapes)
    weights = _spread(_grouped(held["kernel"], groups, layer), _dilation(layer), layer)
    return fused(growing, layer, _convolved(growing, layer, x, weights, held.get("bias")))


def depthwise_conv2d(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """Each channel by itself, times the multiplier."""
    x = growing.picture(given[0], layer.settings.first, layer.name)
    channels, times = x.shape[2], layer.settings.whole("depth_multiplier", 1)
    kernel = layer.settings.pair("kernel_size")
    shapes = {"kernel": (*kernel, channels, times), "bias": (channels * times,)}
    held = growing.weights(layer, shapes)
    weights = _spread(_deep(held["kernel"], layer), _dilation(layer), layer)
    return fused(growing, layer, _convolved(growing, layer, x, weights, held.get("bias")))


def separable_conv2d(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """Each channel by itself, then all of one pixel together."""
    x = growing.picture(given[0], layer.settings.first, layer.name)
    channels, times = x.shape[2], layer.settings.whole("depth_multiplier", 1)
    filters, kernel = layer.settings.whole("filters"), layer.settings.pair("kernel_size")
    shapes = {
        "depthwise_kernel": (*kernel, channels, times),
        "pointwise_kernel": (1, 1, channels * times, filters),
        "bias": (filters,),
    }
    held = growing.weights(layer, shapes)
    weights = _spread(_deep(held["depthwise_kernel"], layer), _dilation(layer), layer)
    deep = _convolved(growing, layer, x, weights, None)
    bias = held.get("bias", np.zeros(filters, np.float32))
    mixed = growing.add(Conv(held["pointwise_kernel"], bias), [deep], layer.name)
    return fused(growing, layer, mixed)


def conv2d_transpose(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """The gradient of a convolution from a picture of the size that Keras chooses."""
    settings = layer.settings
    x = growing.picture(given[0], settings.first, layer.name)
    if settings.whole("groups", 1) != 1:
        raise settings.untranslated("groups")
    filters, kernel = settings.whole("filters"), settings.pair("kernel_size")
    held = growing.weights(layer, {"kernel": (*kernel, filters, x.shape[2]), "bias": (filters,)})
    stride, same = settings.pair("strides"), _same(layer)
    weights = _spread(held["kernel"], _dilation(layer), layer)
    added: tuple[int | None, int | None] = (None, None)
    if settings.values.get("output_padding") is not None:
        added = settings.pair("output_padding", least=0)
    sides = zip(x.shape[:2], weights.shape[:2], stride, added, strict=True)
    up, left = (_crop(side, size, step, more, same, layer) for side, size, step, more in sides)
    bias = held.get("bias", np.zeros(filters, np.float32))
    return fused(
        growing,
        layer,
        growing.add(ConvTranspose(weights, bias, stride, (up, left)), [x], layer.name),
    )


def upsampling2d(growing: Growing, layer: Described, given: list[Value]) -> Value:
    x = growing.picture(given[0], layer.settings.first, layer.name)
    method = layer.settings.choice("interpolation", ("nearest", "bilinear"), "nearest")
    factor = layer.settings.pair("size", default=2)
    bilinear = Upsample(factor, "bilinear")
    return growing.add(bilinear if method == "bilinear" else Upsample(factor), [x], layer.name)


def zero_padding2d(growing: Growing, layer: Described, given: list[Value]) -> Value:
    x = growing.picture(given[0], layer.settings.first, layer.name)
    return growing.add(Pad(layer.settings.sides("padding", 1)), [x], layer.name)


def cropping2d(growing: Growing, layer: Described, given: list[Value]) -> Value:
    x = growing.picture(given[0], layer.settings.first, layer.name)
    (up, down), (left, right) = layer.settings.sides("cropping", 0)
    return growing.add(Pad(((-up, -down), (-left, -right))), [x], layer.name)


def _convolved(
    growing: Growing, layer: Described, x: Value, weights: np.ndarray, bias: np.ndarray | None
) -> Value:
    stride = layer.settings.pair("strides")
    padding: Sides = ((0, 0), (0, 0))
    if _same(layer):
        sides = zip(x.shape[:2], weights.shape[:2], stride, strict=True)
        up, left = (_around(*each) for each in sides)
        padding = up, left
    bias = np.zeros(weights.shape[3], np.float32) if bias is None else bias
    return growing.add(Conv(weights, bias, stride, padding), [x], layer.name)


def _same(layer: Described) -> bool:
    return layer.settings.choice("padding", PADDINGS, "valid") == "same"


def _around(side: int, size: int, step: int) -> Pair:
    """The zeros of SAME padding, by which a side shrinks `step` times and no more."""
    over = max((-(-side // step) - 1) * step + size - side, 0)
    return over // 2, over - over // 2


def _crop(side: int, size: int, step: int, added: int | None, same: bool, layer: Described) -> Pair:
    """What is cut off before and behind; below 0: so many are added."""
    full = (side - 1) * step + size
    if added is None:
        wanted = side * step if same else side * step + max(size - step, 0)
    else:
        wanted = full - 2 * (size // 2 if same else 0) + added
    if wanted < 1 or (same and -(-wanted // step) != side):
        raise UnreadableError(
            f"{layer.name} has an output_padding of {added} with strides of {step}, which makes no "
            "picture in Keras either; the config is damaged"
        )
    before = max(full - wanted, 0) // 2 if same else 0
    return before, full - wanted - before


def _dilation(layer: Described) -> Pair:
    return layer.settings.pair("dilation_rate")


def _spread(kernel: np.ndarray, dilation: Pair, layer: Described) -> np.ndarray:
    """With zeros between its rows and columns."""
    if dilation == (1, 1):
        return kernel
    height, width = ((size - 1) * by + 1 for size, by in zip(kernel.shape, dilation, strict=False))
    spread = _zeros((height, width, *kernel.shape[2:]), layer)
    spread[:: dilation[0], :: dilation[1]] = kernel
    return spread


def _grouped(kernel: np.ndarray, groups: int, layer: Described) -> np.ndarray:
    """(height, width, inputs of a group, outputs) with zeros from the inputs of other groups."""
    if groups == 1:
        return kernel
    height, width, inputs, outputs = kernel.shape
    whole = _zeros((height, width, inputs * groups, outputs), layer)
    for group in range(groups):
        rows = slice(group * inputs, (group + 1) * inputs)
        columns = slice(group * outputs // groups, (group + 1) * outputs // groups)
        whole[:, :, rows, columns] = kernel[:, :, :, columns]
    return whole


def _deep(kernel: np.ndarray, layer: Described) -> np.ndarray:
    """(height, width, channels, multiplier) with zeros from the other channels."""
    height, width, channels, times = kernel.shape
    flat = kernel.reshape(height, width, 1, channels * times)
    return _grouped(flat, channels, layer)


def _zeros(shape: tuple[int, ...], layer: Described) -> np.ndarray:
    if np.prod(shape, dtype=np.float64) > MOST_WEIGHTS:
        raise UnreadableError(
            f"{layer.name} has more than {MOST_WEIGHTS:,} weights when its groups or its dilation "
            "are written out; is it a generator of pictures?"
        )
    return np.zeros(shape, np.float32)
