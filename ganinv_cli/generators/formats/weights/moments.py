"""Moments of the input of a batch norm, for many hypotheses on the layers before it."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.formats.weights.weight import PlannedLayer, make_layer
from ganinv_cli.generators.network.convolutions import pad_or_crop
from ganinv_cli.generators.network.execute import Apply, prepare_layer
from ganinv_cli.generators.network.layers import Activation, BatchNorm, Conv, ConvTranspose, Layer
from ganinv_cli.generators.network.norms.check import Moments
from ganinv_cli.generators.network.norms.measure import draw_z
from ganinv_cli.prior import parse_prior

MAX_KEPT_VALUES = 1 << 27  # float32 numbers of all outputs that are kept
MAX_SAMPLES, MIN_SAMPLES = 512, 8  # of z; more if z has more components


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

    def measure(
        self, layers: Sequence[PlannedLayer], prior: str, effort: Effort
    ) -> tuple[Moments, Moments]:
        """Return the measured and the stored moments of the last of these layers, a norm."""
        *before, last = layers
        norm = self.find_layer(last)
        assert isinstance(norm, BatchNorm)
        channels = np.arange(norm.mean.size)
        place = max(n for n, each in enumerate(before) if not isinstance(each.layer, Activation))
        if isinstance(before[place].layer, Conv | ConvTranspose):
            count = min(norm.mean.size, effort.channels)
            channels = np.linspace(0, norm.mean.size - 1, count).round().astype(int)
            before[place] = before[place]._replace(channels=tuple(channels))
        x = self.run(tuple(before), prior, effort)
        moments = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        measured = Moments(*(each.numpy().astype(np.float64) for each in moments))
        return measured, Moments(norm.mean[channels], norm.variance[channels])

    def find_layer(self, planned: PlannedLayer) -> Layer:
        """Return a layer with its weights."""
        key = planned.identity
        if key not in self._layers and planned.channels:
            whole, chosen = self.find_layer(planned._replace(channels=())), list(planned.channels)
            assert isinstance(whole, Conv | ConvTranspose)
            axis = 2 if isinstance(whole, ConvTranspose) else 3
            weights = np.take(whole.weights, chosen, axis)
            self._layers[key] = replace(whole, weights=weights, bias=whole.bias[chosen])
        elif key not in self._layers:
            self._layers[key] = make_layer(planned, self._is_torch)
        return self._layers[key]

    def run(self, layers: tuple[PlannedLayer, ...], prior: str, effort: Effort) -> tf.Tensor:
        """Return the output (samples, …) of the layers.

        A norm is applied by the moments of its input, as in training.
        """
        key = (prior, effort, *(each.identity for each in layers))
        if key in self._outputs:
            self._outputs.move_to_end(key)
            return self._outputs[key]
        if not layers:
            x = tf.constant(self._draw_samples(prior)[: effort.samples])
        else:
            *before, last = layers
            layer = last.layer
            if isinstance(layer, ConvTranspose) and np.any(layer.crop):
                # the same for every padding, except for its edges
                whole = last._replace(layer=replace(layer, crop=((0, 0), (0, 0))))
                (top, bottom), (left, right) = layer.crop
                x = self.run((*before, whole), prior, effort)
                return pad_or_crop(x, ((-top, -bottom), (-left, -right)))
            x = self.run(tuple(before), prior, EXACT if isinstance(layer, BatchNorm) else effort)[
                : effort.samples
            ]
            if before:
                x = x[: max(effort.values // math.prod(x.shape[1:]), MIN_SAMPLES)]
            if last.identity not in self._functions:
                function = prepare_layer(self.find_layer(last), tf.float32).apply
                self._functions[last.identity] = function
            x = self._functions[last.identity](x)
        self._outputs[key] = x
        self._kept_values += math.prod(x.shape)
        while self._kept_values > MAX_KEPT_VALUES and len(self._outputs) > 1:
            self._kept_values -= math.prod(self._outputs.popitem(last=False)[1].shape)
        return x

    def _draw_samples(self, prior: str) -> np.ndarray:
        """Return samples (n, latent + labels) of z, and a one-hot label behind it."""
        rows = max(MAX_SAMPLES, 2 * self._latent)
        z = draw_z(parse_prior(prior, self._latent), rows, self._latent).astype(np.float32)
        if not self._labels:
            return z
        drawn = np.random.default_rng(1).permutation(np.arange(rows) % self._labels)
        return np.concatenate([z, np.eye(self._labels, dtype=np.float32)[drawn]], 1)
