"""Measure the moments of the inputs of a generator's batch norms, for random z of its prior.

Each norm is applied with the moments of its batch, as in training. So a wrong layer affects only
the next norm, and sampling errors do not add up from norm to norm.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.network.execute import build_layer
from ganinv_cli.network.graph import LABEL, Network, Z
from ganinv_cli.network.layers import BatchNorm
from ganinv_cli.network.norms.check import Measure, Moments, StoredNorm
from ganinv_cli.network.norms.visible import VisibleNorm, find_norms
from ganinv_cli.network.replay import GraphReplay
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.prior import Normal, Prior

ROWS = (256, 1024)  # fewest and most z
MAX_WORK = 1 << 35  # multiply-adds of all z, unless the fewest need more
BATCH = 128  # number of z in a batch
MIN_BATCH = 32  # the same, if the layers are large
MAX_BATCH_VALUES = 1 << 25  # in the largest layer, for batches of more than MIN_BATCH

_Moments = tuple[tf.Tensor, tf.Tensor]  # mean and variance, (channels,)
_Run = Callable[[tf.Tensor, tf.Tensor], list[_Moments]]  # of z and labels


class Norms(NamedTuple):
    """The batch norms of a network, from z to the image."""

    stored: list[StoredNorm]
    make_run: Callable[[int], _Run]  # makes the function that runs the first n norms


def find_stored_norms(network: Network | TracedNetwork) -> Norms:
    """Return the batch norms of a network; in a traced graph, some may not be found."""
    if isinstance(network, TracedNetwork):
        visible = find_norms(network)
        moments = [Moments(each.mean.ravel(), each.variance.ravel()) for each in visible]
        stored = [StoredNorm(f"norm {n}", each) for n, each in enumerate(moments, 1)]
        return Norms(stored, lambda count: _run_operations(network, visible[:count]))
    numbers, stored = [], []
    for number, (layer, _, name) in enumerate(network.nodes):
        if isinstance(layer, BatchNorm):
            numbers.append(number)
            moments_of_layer = Moments(layer.mean, layer.variance)
            stored.append(StoredNorm(name or f"norm {len(numbers)}", moments_of_layer))
    return Norms(stored, lambda count: _run_layers(network, numbers[:count]))


def make_measure(network: Network | TracedNetwork, prior: Prior, norms: Norms) -> Measure:
    """Return a function that measures the moments, with the same z at every call."""
    rows = min(max(MAX_WORK // max(1, network.multiply_adds), ROWS[0]), ROWS[1])
    batch = min(max(MAX_BATCH_VALUES // network.largest_layer, MIN_BATCH), BATCH)
    batches = rows // batch
    z = draw_z(prior, batches * batch, network.latent)
    labels = np.arange(len(z), dtype=np.int32) % max(1, network.labels)
    np.random.default_rng(1).shuffle(labels)
    runs: dict[int, _Run] = {}

    def measure(scale: float, count: int) -> list[Moments]:
        if count not in runs:
            runs[count] = tf.function(norms.make_run(count), autograph=False)
        parts = []
        for first in range(0, len(z), batch):
            some = slice(first, first + batch)
            scaled = tf.constant(scale * z[some], tf.float32)
            parts.append(runs[count](scaled, tf.constant(labels[some])))
        return [_join([part[place] for part in parts]) for place in range(count)]

    return measure


def draw_z(prior: Prior, rows: int, latent: int) -> np.ndarray:
    """Return z (rows, latent) as they were in training: a normal z is not truncated.

    If there are enough rows, z is changed slightly to have the prior's exact mean and covariance.
    Then the outputs of linear layers have no sampling error.
    """
    random, shape = np.random.default_rng(0), (rows, latent)
    if isinstance(prior, Normal):
        mean, z = 0.0, random.normal(0, prior.sigma, shape)
    else:
        mean = (prior.low + prior.high) / 2
        z = random.uniform(prior.low, prior.high, shape)
    if rows < 2 * latent:
        return z
    z = z - z.mean(0)
    values, vectors = np.linalg.eigh(z.T @ z / rows)
    whitened: np.ndarray = z @ (vectors / np.sqrt(values)) @ vectors.T
    return mean + prior.deviation * whitened


def _join(parts: Sequence[_Moments]) -> Moments:
    """Return the moments of all z, from the moments of batches of equal size."""
    means, variances = (
        np.array([part[which].numpy() for part in parts], np.float64) for which in (0, 1)
    )
    with np.errstate(invalid="ignore"):  # ∞ − ∞: weights may be too large for float32
        return Moments(means.mean(0), variances.mean(0) + means.var(0))


def _run_layers(network: Network, numbers: Sequence[int]) -> _Run:
    """Return a function that runs the layers that lead to these norms."""
    needed = set(numbers)
    for number in range(max(numbers), -1, -1):
        if number in needed:
            needed.update(each for each in network.nodes[number].inputs if each >= 0)
    layers = {n: build_layer(network.nodes[n].layer, tf.float32) for n in sorted(needed)}

    def run(z: tf.Tensor, labels: tf.Tensor) -> list[_Moments]:
        values = {Z: z, LABEL: tf.one_hot(labels, network.labels)}
        moments = []
        for number, layer in layers.items():
            inputs = [values[each] for each in network.nodes[number].inputs]
            values[number] = layer.apply(*inputs)  # a norm by the moments of its batch
            if number in numbers:
                moments.append(tf.nn.moments(inputs[0], list(range(len(inputs[0].shape) - 1))))
        return moments

    return run


def _run_operations(network: TracedNetwork, norms: Sequence[VisibleNorm]) -> _Run:
    """Return a function that runs the operations that lead to these norms."""
    graph = tf.compat.v1.GraphDef.FromString(network.graph)
    with tf.init_scope():
        weights = {name: tf.constant(array) for name, array in network.arrays.items()}

    def run(z: tf.Tensor, labels: tf.Tensor) -> list[_Moments]:
        inputs = {**weights, network.label_node: labels, network.z_node: z}
        replay = GraphReplay(graph, inputs, rows=BATCH)
        moments = []
        for norm in norms:
            mean, variance = _measure_channels(replay.evaluate(norm.input), norm)
            replay.set_value(norm.mean_node, tf.reshape(mean, norm.mean.shape))
            replay.set_value(norm.variance_node, tf.reshape(variance, norm.variance.shape))
            moments.append((tf.reshape(mean, [-1]), tf.reshape(variance, [-1])))
        return moments

    return run


def _measure_channels(x: tf.Tensor, norm: VisibleNorm) -> _Moments:
    rank = len(x.shape)
    shape = [1] * (rank - len(norm.factor_shape)) + list(norm.factor_shape)
    mean, variance = tf.nn.moments(x, [axis for axis in range(rank) if shape[axis] == 1])
    return mean, variance
