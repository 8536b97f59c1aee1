"""Weights and their layers, whose shapes are known before any of them is read."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.generators.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.generators.network.layers import Layer, Shape

# dtype name -> NumPy code; bfloat16 is the upper half of a float32
FLOAT_DTYPES = {"float16": "f2", "bfloat16": "u2", "float32": "f4", "float64": "f8"}
_ROLES = ("weight", "bias", "mean", "variance")  # of a layer's arrays, in the order of its fields
_FROM_TORCH = {0: (), 1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}  # order of an array's axes, by rank


class Weight(NamedTuple):
    """A tensor in a file."""

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]  # of that shape, float32; raises UnreadableError
    program_name: str = ""  # in the program that wrote it, if that is another


Weights = Mapping[str, Weight]  # by name, in the order of the file


@dataclass(frozen=True, eq=False)
class WeightedLayer:
    """A layer with weights."""

    name: str  # in the file
    weights: Weights  # by role: some of weight, bias, mean, variance
    weightless_before: int | None = None  # number of layers without weights before it, if known
    transposed: bool | None = None  # whether its name says a transposed convolution, if known

    @property
    def shape(self) -> Shape:
        """Shape of its weight."""
        return self.weights["weight"].shape if "weight" in self.weights else ()


class PlannedLayer(NamedTuple):
    """A layer whose weights have not been read."""

    layer: Layer  # if it has a source, its arrays have the right shapes only
    source: WeightedLayer | None = None  # None: it has no weights
    map_shape: Shape = ()  # shape of the map that its channels-first outputs are reshaped to
    channels: tuple[int, ...] = ()  # of a convolution: the outputs that are made; empty: all

    @property
    def name(self) -> str:
        """Name of the layer in the file."""
        return self.source.name if self.source else ""

    @property
    def identity(self) -> tuple[object, ...]:
        """Key of everything that determines its function, except the weights."""
        values = (getattr(self.layer, field.name) for field in fields(self.layer))
        settings = (value for value in values if not isinstance(value, np.ndarray))
        return self.name, type(self.layer), *settings, self.map_shape, self.channels


def decode_floats(data: bytes, dtype: str, byte_order: str = "<") -> np.ndarray:
    """Return bytes of a dtype of FLOAT_DTYPES as float32; `byte_order` is < or >, as in NumPy."""
    array = np.frombuffer(data, byte_order + FLOAT_DTYPES[dtype])
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):  # too large values become infinite, and are refused later
        return array.astype(np.float32)


def check_floats(name: str, dtype: str, stored_in: str = "file") -> None:
    """Raise UnreadableError if `dtype` is not in FLOAT_DTYPES."""
    if dtype not in FLOAT_DTYPES:
        raise UnreadableError(
            f"{name} holds {dtype}, but floats were expected ({', '.join(FLOAT_DTYPES)}); "
            f"use a {stored_in} that was not quantised"
        )


def plan_arrays(
    source: WeightedLayer, count: int, outputs: int, is_torch: bool
) -> list[np.ndarray]:
    """Return arrays with the shapes of the first `count` roles, without memory for their values.

    A scale that the source lacks is 1, a bias is 0, both of shape (outputs,). Raises
    UnreadableError if one has more than MAX_VALUES values.
    """
    arrays: list[np.ndarray] = []
    for role in _ROLES[:count]:
        shape: Shape = (outputs,)
        if role in source.weights:
            shape = source.weights[role].shape
            shape = tuple(shape[axis] for axis in _FROM_TORCH[len(shape)]) if is_torch else shape
        if math.prod(shape) > MAX_VALUES:
            raise UnreadableError(f"has more than {MAX_VALUES:,} values in {source.name}")
        arrays.append(_plan_array(float(role == "weight"), shape))
    return arrays


@lru_cache(maxsize=256)
def _plan_array(value: float, shape: Shape) -> np.ndarray:
    return np.broadcast_to(np.float32(value), shape)


def make_layer(planned: PlannedLayer, is_torch: bool) -> Layer:
    """Return the layer with its weights, which are read now."""
    layer, source, map_shape, _ = planned
    if source is None:
        return layer
    arrays: dict[str, Any] = {}
    names = [f.name for f in fields(layer) if isinstance(getattr(layer, f.name), np.ndarray)]
    for name, role in zip(names, _ROLES, strict=False):
        if role in source.weights:
            array = source.weights[role].read()
            array = array.transpose(_FROM_TORCH[array.ndim]) if is_torch else array
        else:
            array = getattr(layer, name)
        arrays[name] = np.ascontiguousarray(_to_channels_last(array, map_shape))
    return replace(layer, **arrays)


def _to_channels_last(array: np.ndarray, map_shape: Shape) -> np.ndarray:
    """Return the last axis reordered from channels first to (height, width, channels)."""
    if not map_shape:
        return array
    height, width, channels = map_shape
    apart = array.reshape(*array.shape[:-1], channels, height, width)
    return np.moveaxis(apart, -3, -1).reshape(array.shape)
