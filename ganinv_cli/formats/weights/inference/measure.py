"""Moments of the input of a batch norm, for many plans of the layers before it."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.weights.inference.numpy_layers import apply_convolution, apply_layer
from ganinv_cli.formats.weights.inference.samples import draw_samples
from ganinv_cli.formats.weights.layers import ConvGeometry, Framework, PlannedLayer, make_layer
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.weight import Weight
from ganinv_cli.network.layers import Activation, BatchNorm, Conv, ConvTranspose, Layer
from ganinv_cli.network.shapes import Shape, infer_shape

MAX_CACHED_VALUES = 1 << 27  # float32 numbers of all outputs that are kept

LayerKey = tuple[object, ...]  # everything that determines the output of the layers so far


class Moments(NamedTuple):
    """Measured and stored moments per channel, each (channels,)."""

    mean: np.ndarray
    variance: np.ndarray
    stored_mean: np.ndarray
    stored_variance: np.ndarray


class Effort(NamedTuple):
    """How exactly moments are measured."""

    samples: int  # of z, at most
    channels: int  # at most, of a convolution before the norm
    rows: int  # at most, of the pixels of its output for each sample
    values: int  # at most, in the output of a layer for all samples


class Subset(NamedTuple):
    """The outputs of a convolution that are computed; each row of pixels for some samples."""

    channels: tuple[int, ...]
    step: int  # between rows of the pixels of one sample


class Measurements:
    """Runs planned layers on samples; outputs that several plans share are computed once."""

    def __init__(self, plan: Plan) -> None:
        self._framework: Framework = plan.framework
        self._labels = plan.labels
        self._inputs = plan.inputs
        self._outputs: OrderedDict[LayerKey, np.ndarray] = OrderedDict()
        self._kept_values = 0
        self._make = lru_cache(maxsize=None)(self._make_layer)
        self._planned: dict[LayerKey, PlannedLayer] = {}

    def measure(self, layers: Sequence[PlannedLayer], prior: str, effort: Effort) -> Moments:
        """Return the moments of the input of the last of these layers, which is a norm."""
        with np.errstate(all="ignore"):  # weights may be too large for float32
            return self._measure(layers, prior, effort)

    def _measure(self, layers: Sequence[PlannedLayer], prior: str, effort: Effort) -> Moments:
        *before, last = layers
        norm = self._find_layer(last)
        assert isinstance(norm, BatchNorm)
        subset = self._choose_subset(before, effort)
        x = self._run(tuple(before), prior, effort, subset)
        flat = x.reshape(-1, x.shape[-1])
        mean = flat.mean(0, dtype=np.float64)
        variance = np.square(flat - mean.astype(np.float32)).mean(0, dtype=np.float64)
        chosen = list(subset.channels) if subset else slice(None)
        return Moments(mean, variance, norm.mean[chosen], norm.variance[chosen])

    def read_variance(self, layer: PlannedLayer) -> np.ndarray:
        """Return the stored variance of a norm."""
        norm = self._find_layer(layer)
        assert isinstance(norm, BatchNorm)
        return norm.variance

    def _run(
        self,
        layers: tuple[PlannedLayer, ...],
        prior: str,
        effort: Effort,
        subset: Subset | None = None,
    ) -> np.ndarray:
        """Return the output (samples, …, channels) of the layers.

        With a subset of a convolution's outputs, it is (pixels of all samples, channels).
        """
        if not layers:
            samples = draw_samples(prior, self._inputs - self._labels, self._labels)
            return samples[: effort.samples]
        key = (prior, subset and (subset, effort), *map(_make_key, layers))
        known = self._outputs.get(key)
        if known is not None and (subset or len(known) >= self._count_samples(known, effort)):
            self._outputs.move_to_end(key)
            return known if subset else known[: self._count_samples(known, effort)]
        *before, last = layers
        layer = self._find_layer(last)
        if isinstance(layer, Activation):
            x = apply_layer(layer, self._run(tuple(before), prior, effort, subset))
        else:
            x = self._apply(layer, self._run(tuple(before), prior, effort), subset)
        if not subset:
            x = x[: self._count_samples(x, effort)]
        self._keep(key, x)
        return x

    def _apply(self, layer: Layer, x: np.ndarray, subset: Subset | None) -> np.ndarray:
        if isinstance(layer, BatchNorm):  # as in training, by the moments of its input
            flat = x.reshape(-1, x.shape[-1])
            layer = replace(layer, mean=flat.mean(0), variance=flat.var(0))
        if subset is None or not isinstance(layer, Conv | ConvTranspose):
            return apply_layer(layer, x)
        layer = _take_channels(layer, subset.channels)
        height = infer_shape(layer, [x.shape[1:]])[0]
        parts = [
            apply_convolution(layer, x[first :: subset.step], np.arange(first, height, subset.step))
            for first in range(subset.step)
        ]
        return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])

    def _count_samples(self, x: np.ndarray, effort: Effort) -> int:
        return max(min(effort.samples, effort.values // max(x[:1].size, 1)), 8)

    def _keep(self, key: LayerKey, x: np.ndarray) -> None:
        old = self._outputs.pop(key, None)
        self._kept_values += x.size - (0 if old is None else old.size)
        self._outputs[key] = x
        while self._kept_values > MAX_CACHED_VALUES:
            self._kept_values -= self._outputs.popitem(last=False)[1].size

    def _choose_subset(self, layers: Sequence[PlannedLayer], effort: Effort) -> Subset | None:
        """Return the outputs of the last convolution to compute; None: all."""
        count = len(layers)
        while count and isinstance(layers[count - 1].usage, Activation):
            count -= 1
        if not count or not isinstance(layers[count - 1].usage, ConvGeometry):
            return None
        layer = self._find_layer(layers[count - 1])
        assert isinstance(layer, Conv | ConvTranspose)
        size = layer.bias.size
        channels = np.linspace(0, size - 1, min(size, effort.channels)).round().astype(int)
        height = _find_height([self._find_layer(each) for each in layers[:count]], self._inputs)
        return Subset(tuple(channels.tolist()), max(1, height // effort.rows))

    def _find_layer(self, planned: PlannedLayer) -> Layer:
        key = _make_key(planned)
        self._planned[key] = planned
        return self._make(key)

    def _make_layer(self, key: LayerKey) -> Layer:
        return make_layer(self._planned[key], self._framework)


def keep_weights(plan: Plan) -> Plan:
    """Return the plan with weights that are read from the file once only."""

    def keep(weight: Weight) -> Weight:
        return weight._replace(read=cache(weight.read))

    return plan._replace(
        weighted_layers=tuple(
            each._replace(weights={role: keep(w) for role, w in each.weights.items()})
            for each in plan.weighted_layers
        )
    )


def _make_key(planned: PlannedLayer) -> LayerKey:
    return planned.name, planned.usage, planned.map_shape


def _take_channels(layer: Conv | ConvTranspose, channels: tuple[int, ...]) -> Conv | ConvTranspose:
    chosen = list(channels)
    if isinstance(layer, ConvTranspose):
        return ConvTranspose(
            layer.weights[:, :, chosen], layer.bias[chosen], layer.stride, layer.crop
        )
    return Conv(layer.weights[..., chosen], layer.bias[chosen], layer.stride, layer.padding)


def _find_height(layers: Sequence[Layer], inputs: int) -> int:
    """Return the height of the maps that a chain of layers makes."""
    shape: Shape = (inputs,)
    for layer in layers:
        shape = infer_shape(layer, [shape])
    return shape[0]
