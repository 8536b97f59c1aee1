"""Keras's layers of numbers: dense ones, other shapes, norms, labels."""

import math

import numpy as np

from ganinv_cli.formats.keras.activations import fused
from ganinv_cli.formats.keras.config import Described
from ganinv_cli.formats.keras.settings import LARGE
from ganinv_cli.formats.keras.values import Growing, Value, axis_of, value
from ganinv_cli.formats.reading import UnreadableError
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
from ganinv_cli.network.shapes import shown


def dense(growing: Growing, layer: Described, given: list[Value]) -> Value:
    x = growing.with_last(given[0], len(given[0].shape) - 1, layer.name)
    inputs, units = x.shape[-1], layer.settings.whole("units")
    held = growing.weights(layer, {"kernel": (inputs, units), "bias": (units,)})
    bias = held.get("bias", np.zeros(units, np.float32))
    return fused(growing, layer, growing.add(Dense(held["kernel"], bias), [x], layer.name))


def unchanged(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """What does something while it is trained, and nothing else."""
    return given[0]


def reshape(growing: Growing, layer: Described, given: list[Value]) -> Value:
    x = growing.plain(given[0], layer.name)
    wanted = layer.settings.wholes("target_shape")
    known = math.prod(size for size in wanted if size != -1)
    if wanted.count(-1) > 1 or known < 1 or min(wanted, default=1) < -1:
        raise UnreadableError(f"{layer.name} has target_shape {str(wanted)[:60]}, which is none")
    shape = tuple(math.prod(x.shape) // known if size == -1 else size for size in wanted)
    return _reshaped(growing, layer, x, shape)


def flatten(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """In the order of channels last where the layer says that its input has them first."""
    x = given[0]
    if layer.settings.first and len(x.shape) > 1:
        x = growing.moved(x, (*range(1, len(x.shape)), 0), layer.name)
        x = value(x.number, x.shape)
    x = growing.plain(x, layer.name)
    return _reshaped(growing, layer, x, (math.prod(x.shape),))


def _reshaped(growing: Growing, layer: Described, x: Value, shape: tuple[int, ...]) -> Value:
    if x.integer and math.prod(shape) == math.prod(x.shape):
        return x._replace(shape=shape, order=tuple(range(len(shape))))
    if x.shape == shape:
        return x
    return growing.add(Reshape(shape), [x], layer.name, tuple(range(len(shape))))


def permute(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """Only says which axis is which: nothing moves before somebody asks for an order."""
    x, axes = given[0], layer.settings.wholes("dims")
    if sorted(axes) != list(range(1, len(x.shape) + 1)):
        raise UnreadableError(
            f"{layer.name} has dims {str(axes)[:60]} for {shown(x.told)}; the config is damaged"
        )
    return x._replace(order=tuple(axes.index(axis + 1) for axis in x.order))


def repeat_vector(growing: Growing, layer: Described, given: list[Value]) -> Value:
    times, x = layer.settings.whole("n"), given[0]
    if len(x.shape) != 1:
        raise UnreadableError(f"{layer.name} repeats {shown(x.told)}; expected one row of numbers")
    ones = growing.add(Constant(np.ones((times, 1), np.float32)), [], layer.name)
    row = growing.add(Reshape((1, *x.shape)), [x], layer.name)
    return growing.add(Multiply(), [row, ones], layer.name)


def batch_normalization(growing: Growing, layer: Described, given: list[Value]) -> Value:
    axes = layer.settings.wholes("axis") if "axis" in layer.settings.values else [-1]
    if len(axes) != 1:
        raise layer.settings.untranslated("several axes")
    x = growing.with_last(given[0], axis_of(given[0], axes[0], layer.name), layer.name)
    size = x.shape[-1:]
    held = growing.weights(
        layer, dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), size)
    )
    if held["moving_variance"].min(initial=0) < 0:
        raise UnreadableError(
            f"{layer.name} holds {held['moving_variance'].min():g} where a variance is at least 0; "
            "use another checkpoint of the run"
        )
    norm = BatchNorm(
        held.get("gamma", np.ones(size, np.float32)),
        held.get("beta", np.zeros(size, np.float32)),
        held["moving_mean"],
        held["moving_variance"],
        layer.settings.real("epsilon", default=1e-3),
    )
    return growing.add(norm, [x], layer.name)


def group_normalization(growing: Growing, layer: Described, given: list[Value]) -> Value:
    axis = layer.settings.wholes("axis") if "axis" in layer.settings.values else [-1]
    x = growing.with_last(given[0], axis_of(given[0], axis[0], layer.name), layer.name)
    channels, groups = x.shape[-1], layer.settings.whole("groups", 32, least=-1)
    held = growing.weights(layer, dict.fromkeys(("gamma", "beta"), (channels,)))
    gamma = held.get("gamma", np.ones(channels, np.float32))
    beta = held.get("beta", np.zeros(channels, np.float32))
    groups = channels if groups == -1 else groups
    if groups < 1:
        raise layer.settings.untranslated(f"{groups} groups")
    epsilon = layer.settings.real("epsilon", default=1e-3)
    return growing.add(GroupNorm(gamma, beta, groups, epsilon), [x], layer.name)


def layer_normalization(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """Over all axes of a row, each place with its own scale and shift."""
    x = growing.plain(given[0], layer.name)
    axes = layer.settings.wholes("axis") if "axis" in layer.settings.values else [-1]
    if layer.settings.values.get("rms_scaling") or layer.settings.values.get("use_rms_norm"):
        raise layer.settings.untranslated("rms_scaling")
    if {axis_of(x, axis, layer.name) for axis in axes} != set(range(len(x.shape))):
        raise layer.settings.untranslated(
            f"axis {axes} of {shown(x.told)}", "knows those over all axes"
        )
    shape, channels = x.shape, x.shape[-1]
    held = growing.weights(layer, dict.fromkeys(("gamma", "beta"), shape))
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    x = growing.add(
        GroupNorm(ones, zeros, 1, layer.settings.real("epsilon", default=1e-3)), [x], layer.name
    )
    return _placed(growing, layer, x, held.get("gamma"), held.get("beta"))


def _placed(
    growing: Growing, layer: Described, x: Value, scale: np.ndarray | None, shift: np.ndarray | None
) -> Value:
    """x * scale + shift, of the shape of x in the file's order."""
    for combine, values in ((Multiply(), scale), (Add(), shift)):
        if values is not None:
            held = growing.add(Constant(values), [], layer.name)
            x = growing.add(combine, [x, held], layer.name)
    return x


def p_re_lu(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """relu(x) − alpha * relu(−x)."""
    x = growing.plain(given[0], layer.name)
    shared = {axis - 1 for axis in _shared(layer)}
    shape = tuple(1 if axis in shared else size for axis, size in enumerate(x.shape))
    slopes = growing.weights(layer, {"alpha": shape})["alpha"]
    minus = np.full(x.shape[-1], -1, np.float32)
    none = np.zeros(x.shape[-1], np.float32)
    above = growing.add(Activation("relu"), [x], layer.name)
    turned = growing.add(Affine(minus, none), [x], layer.name)
    below = growing.add(Activation("relu"), [turned], layer.name)
    below = _placed(growing, layer, below, -slopes, None)
    return growing.add(Add(), [above, below], layer.name)


def _shared(layer: Described) -> list[int]:
    return layer.settings.wholes("shared_axes") if layer.settings.values.get("shared_axes") else []


def rescaling(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """x * scale + offset, of all values or by the last axis."""
    x = growing.with_last(given[0], len(given[0].shape) - 1, layer.name)
    scale, shift = (_spread(layer, key, x.shape[-1], usual) for key, usual in _RESCALED)
    return growing.add(Affine(scale, shift), [x], layer.name)


_RESCALED = (("scale", 1.0), ("offset", 0.0))


def _spread(layer: Described, key: str, channels: int, usual: float) -> np.ndarray:
    told = layer.settings.values.get(key, usual)
    if not isinstance(told, list):
        return np.full(channels, layer.settings.real(key, default=usual), np.float32)
    numbers = all(isinstance(each, int | float) and abs(each) < LARGE for each in told)
    if len(told) != channels or not numbers:
        raise UnreadableError(
            f"{layer.name} has a {key} that is not {channels} numbers, one a channel; the config "
            "is damaged"
        )
    return np.array(told, np.float32)


def embedding(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """The row of a table that a label asks for."""
    labels, size = layer.settings.whole("input_dim"), layer.settings.whole("output_dim")
    x = given[0]
    if not x.integer:
        raise layer.settings.untranslated("an input that is no label", "knows those of the label")
    table = growing.weights(layer, {"embeddings": (labels, size)})["embeddings"]
    hot = growing.label(labels, layer.name)
    row = growing.add(Dense(table, np.zeros(size, np.float32)), [hot], layer.name)
    return _reshaped(growing, layer, row, (*x.shape, size))


def category_encoding(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """A label by its number as one-hot."""
    mode = layer.settings.choice("output_mode", ("multi_hot", "one_hot"), "multi_hot")
    if not given[0].integer:
        raise layer.settings.untranslated(f"{mode} of no label", "knows those of the label")
    return growing.label(layer.settings.whole("num_tokens"), layer.name)
