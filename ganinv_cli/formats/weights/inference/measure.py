"""Moments of the input of a batch norm, for many hypotheses on the layers before it."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.weights.built_layer import BuiltLayer, make_layer
from ganinv_cli.formats.weights.choices import ConvGeometry
from ganinv_cli.formats.weights.inference.samples import draw_samples
from ganinv_cli.network.convolutions import pad_or_crop
from ganinv_cli.network.execute import Apply, build_layer
from ganinv_cli.network.layers import Activation, BatchNorm, Conv, ConvTranspose, Layer

MAX_KEPT_VALUES = 1 << 27  # float32 numbers of all outputs that are kept
MIN_SAMPLES = 8

Channels = np.ndarray | slice  # numbers, or all


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
    values: int  # at most, of all samples in the output of a layer


QUICK = Effort(samples=48, channels=24, values=1 << 20)
EXACT = Effort(samples=1 << 14, channels=64, values=1 << 23)


class Measurements:
    """Runs layers on samples of a prior; outputs that hypotheses share are computed once."""

    def __init__(self, is_torch: bool, latent: int, labels: int) -> None:
        self._is_torch, self._latent, self._labels = is_torch, latent, labels
        self._layers: dict[tuple[object, ...], Layer] = {}
        self._functions: dict[tuple[object, ...], Apply] = {}
        self._outputs: OrderedDict[tuple[object, ...], tf.Tensor] = OrderedDict()
        self._kept_values = 0

    def measure(self, layers: Sequence[BuiltLayer], prior: str, effort: Effort) -> Moments:
        """Return the moments of the input of the last of these layers, which is a norm."""
        *before, last = layers
        norm = self.find_norm(last)
        chosen: Channels = slice(None)
        linear = next(each for each in reversed(before) if not isinstance(each.usage, Activation))
        if isinstance(linear.usage, ConvGeometry):
            size = norm.mean.size
            chosen = np.linspace(0, size - 1, min(size, effort.channels)).round().astype(int)
        x = self._run(tuple(before), prior, effort, chosen)
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        return Moments(
            mean.numpy().astype(np.float64),
            variance.numpy().astype(np.float64),
            norm.mean[chosen],
            norm.variance[chosen],
        )

    def find_norm(self, built: BuiltLayer) -> BatchNorm:
        """Return a norm with its statistics."""
        norm = self._find_layer(built)
        assert isinstance(norm, BatchNorm)
        return norm

    def _find_layer(self, built: BuiltLayer) -> Layer:
        if built.identity not in self._layers:
            self._layers[built.identity] = make_layer(built, self._is_torch)
        return self._layers[built.identity]

    def _run(
        self, layers: tuple[BuiltLayer, ...], prior: str, effort: Effort, channels: Channels
    ) -> tf.Tensor:
        """Return the output (samples, …) of the layers, these channels of the last convolution.

        A norm is applied by the moments of its input, as in training.
        """
        if not layers:
            samples = draw_samples(prior, self._latent, self._labels)
            return tf.constant(samples[: effort.samples])
        *before, last = layers
        if isinstance(last.usage, ConvGeometry) and last.usage.transposed:
            (top, bottom), (left, right) = last.usage.padding
            if any((top, bottom, left, right)):  # the same for every padding, except for its edges
                whole = last._replace(usage=last.usage._replace(padding=((0, 0), (0, 0))))
                x = self._run((*before, whole), prior, effort, channels)
                return pad_or_crop(x, ((-top, -bottom), (-left, -right)))
        key = (prior, effort, isinstance(channels, slice), *(each.identity for each in layers))
        if key in self._outputs:
            self._outputs.move_to_end(key)
        else:
            self._keep(key, self._apply(last, tuple(before), prior, effort, channels))
        return self._outputs[key]

    def _apply(
        self,
        last: BuiltLayer,
        before: tuple[BuiltLayer, ...],
        prior: str,
        effort: Effort,
        channels: Channels,
    ) -> tf.Tensor:
        layer = self._find_layer(last)
        if isinstance(layer, BatchNorm):
            x = self._run(before, prior, EXACT, slice(None))[: effort.samples]
        elif isinstance(layer, Activation):
            x = self._run(before, prior, effort, channels)
        else:
            x = self._run(before, prior, effort, slice(None))
        if before:
            x = x[: max(effort.values // math.prod(x.shape[1:]), MIN_SAMPLES)]
        key = (last.identity, None if isinstance(channels, slice) else len(channels))
        if key not in self._functions:
            part = _take_channels(layer, channels)
            self._functions[key] = build_layer(part, tf.float32).apply
        return self._functions[key](x)

    def _keep(self, key: tuple[object, ...], x: tf.Tensor) -> None:
        self._kept_values += math.prod(x.shape)
        self._outputs[key] = x
        while self._kept_values > MAX_KEPT_VALUES and len(self._outputs) > 1:
            self._kept_values -= math.prod(self._outputs.popitem(last=False)[1].shape)


def _take_channels(layer: Layer, channels: Channels) -> Layer:
    """Return a convolution with these outputs only."""
    if isinstance(layer, ConvTranspose):
        return replace(layer, weights=layer.weights[:, :, channels], bias=layer.bias[channels])
    if isinstance(layer, Conv):
        return replace(layer, weights=layer.weights[..., channels], bias=layer.bias[channels])
    return layer
