"""Measure the moments of the inputs of a generator's batch norms, for random z of its prior.

Each norm is applied with the moments of its batch, as in training. So a wrong layer affects only
the next norm, and sampling errors do not add up from norm to norm.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import tensorflow as tf
from scipy.special import ndtri

from ganinv_cli.generators.network.execute import prepare_layer
from ganinv_cli.generators.network.graph import LABEL, Network, TracedNetwork, Z
from ganinv_cli.generators.network.layers import BatchNorm
from ganinv_cli.generators.network.norms.check import Measure, Moments, StoredNorm
from ganinv_cli.generators.network.norms.visible import VisibleNorm, find_norms
from ganinv_cli.generators.network.replay import GraphReplay
from ganinv_cli.prior import Prior, Uniform

ROWS = (512, 1024)  # fewest and most z
MAX_WORK = 1 << 35  # multiply-adds of all z, unless the fewest need more
BATCH = 128  # number of z in a batch
MIN_BATCH = 32  # the same, if the layers are large
MAX_BATCH_VALUES = 1 << 25  # in the largest layer, for batches of more than MIN_BATCH
MAX_WHITENED = 1024  # components of z up to which their correlations are removed

_Moments = tuple[tf.Tensor, tf.Tensor]  # mean and variance, (channels,)
_Run = Callable[[tf.Tensor, tf.Tensor], list[_Moments]]  # of z and labels


def prepare_norms(
    network: Network | TracedNetwork, prior: Prior
) -> tuple[list[StoredNorm], Measure]:
    """Return the batch norms from z to the image, and a function that measures their moments.

    It takes the same z at every call. In a traced graph, some norms may not be found.
    """
    if isinstance(network, TracedNetwork):
        visible = find_norms(network)
        moments = [Moments(each.mean.ravel(), each.variance.ravel()) for each in visible]
        stored = [StoredNorm(f"norm {n}", each) for n, each in enumerate(moments, 1)]
        return stored, _make_measure(network, prior, lambda: _run_operations(network, visible))
    numbers, stored = [], []
    for number, (layer, _, name) in enumerate(network.nodes):
        if isinstance(layer, BatchNorm):
            numbers.append(number)
            stored_moments = Moments(layer.mean, layer.variance)
            stored.append(StoredNorm(name or f"norm {len(numbers)}", stored_moments))
    return stored, _make_measure(network, prior, lambda: _run_layers(network, numbers))


def draw_z(prior: Prior, rows: int, latent: int) -> np.ndarray:
    """Return z (rows, latent) as they were in training: a normal z is not truncated.

    If there are enough rows, they have the prior's exact mean and covariance. Then the outputs of
    linear layers have no sampling error.
    """
    is_uniform = isinstance(prior, Uniform)
    return (prior.low + prior.high) / 2 + prior.deviation * _draw_standard(is_uniform, rows, latent)


@lru_cache(maxsize=4)
def _draw_standard(is_uniform: bool, rows: int, latent: int) -> np.ndarray:
    """Return samples (rows, latent) of mean 0 and variance 1, uncorrelated if they are enough."""
    x = np.random.default_rng(0).random((rows, latent)).clip(1e-9, 1 - 1e-9)
    x = x if is_uniform else ndtri(x)
    x = x - x.mean(0)
    if latent > min(rows // 2, MAX_WHITENED):
        return np.asarray(x / x.std(0))
    return np.linalg.solve(np.linalg.cholesky(x.T @ x / rows), x.T).T


def _make_measure(
    network: Network | TracedNetwork, prior: Prior, make_run: Callable[[], _Run]
) -> Measure:
    rows = min(max(MAX_WORK // max(1, network.multiply_adds), ROWS[0]), ROWS[1])
    batch = min(max(MAX_BATCH_VALUES // network.largest_layer, MIN_BATCH), BATCH)
    z = draw_z(prior, rows // batch * batch, network.latent)
    labels = np.arange(len(z), dtype=np.int32) % max(1, network.labels)
    np.random.default_rng(1).shuffle(labels)
    run = tf.function(make_run(), autograph=False)

    def measure(scale: float) -> list[Moments]:
        parts = []
        for first in range(0, len(z), batch):
            some = slice(first, first + batch)
            scaled = tf.constant(scale * z[some], tf.float32)
            parts.append(run(scaled, tf.constant(labels[some])))
        return [_join(each) for each in zip(*parts, strict=True)]

    return measure


def _join(parts: Sequence[_Moments]) -> Moments:
    means, variances = (
        np.array([part[which].numpy() for part in parts], np.float64) for which in (0, 1)
    )
    with np.errstate(invalid="ignore"):  # ∞ − ∞: weights may be too large for float32
        return Moments(means.mean(0), variances.mean(0) + means.var(0))


def _run_layers(network: Network, numbers: Sequence[int]) -> _Run:
    nodes = network.nodes[: max(numbers, default=-1) + 1]
    layers = [prepare_layer(node.layer, tf.float32) for node in nodes]

    def run(z: tf.Tensor, labels: tf.Tensor) -> list[_Moments]:
        values = {Z: z, LABEL: tf.one_hot(labels, network.labels)}
        moments = []
        for number, (node, layer) in enumerate(zip(nodes, layers, strict=True)):
            inputs = [values[each] for each in node.inputs]
            values[number] = layer.apply(*inputs)  # a norm by the moments of its batch
            if number in numbers:
                moments.append(tf.nn.moments(inputs[0], list(range(len(inputs[0].shape) - 1))))
        return moments

    return run


def _run_operations(network: TracedNetwork, norms: Sequence[VisibleNorm]) -> _Run:
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
