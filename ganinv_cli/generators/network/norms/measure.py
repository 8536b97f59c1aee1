"""Measure the moments of the inputs of a generator's batch norms, for random z of its prior.

Each norm is applied with the moments of its batch, as in training. So a wrong layer affects only
the next norm, and sampling errors do not add up from norm to norm.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import scipy
import tensorflow as tf

from ganinv_cli.generators.network.execute import prepare_layer
from ganinv_cli.generators.network.graph import LABEL, Network, TracedNetwork, Z
from ganinv_cli.generators.network.layers import BatchNorm
from ganinv_cli.generators.network.norms.check import Measure, Moments, StoredNorm
from ganinv_cli.prior import Prior, Uniform
from ganinv_cli.progress.measurements import count_steps

ROWS = (512, 1024)  # fewest and most z
MAX_WORK = 1 << 35  # multiply-adds of all z, unless the fewest need more
BATCH = 128  # number of z in a batch
MIN_BATCH = 32  # the same, if the layers are large
MAX_BATCH_VALUES = 1 << 25  # in the largest layer, for batches of more than MIN_BATCH
MAX_WHITENED = 1024  # components of z up to which their correlations are removed

BatchMoments = tuple[tf.Tensor, tf.Tensor]  # mean and variance, (channels,)
Run = Callable[[tf.Tensor, tf.Tensor], list[BatchMoments]]  # of z and labels


def prepare_norms(network: Network, prior: Prior) -> tuple[list[StoredNorm], Measure]:
    """Return the batch norms from z to the image, and a function that measures their moments.

    It takes the same z at every call.
    """
    numbers, stored = [], []
    for number, (layer, _, name) in enumerate(network.nodes):
        if isinstance(layer, BatchNorm):
            numbers.append(number)
            stored_moments = Moments(layer.mean, layer.variance)
            stored.append(StoredNorm(name or f"norm {len(numbers)}", stored_moments))
    return stored, make_measure(network, prior, lambda: _run_layers(network, numbers))


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
    x = x if is_uniform else scipy.special.ndtri(x)
    x = x - x.mean(0)
    if latent > min(rows // 2, MAX_WHITENED):
        return np.asarray(x / x.std(0))
    return np.linalg.solve(np.linalg.cholesky(x.T @ x / rows), x.T).T


def make_measure(
    network: Network | TracedNetwork, prior: Prior, make_run: Callable[[], Run]
) -> Measure:
    """Return a function of the scale of z that returns the moments that `make_run` measures.

    It makes a function of z (batch, latent) and labels (batch,) that returns mean and variance
    (channels,) of the input of each norm.
    """
    rows = min(max(MAX_WORK // max(1, network.multiply_adds), ROWS[0]), ROWS[1])
    batch = min(max(MAX_BATCH_VALUES // network.largest_layer, MIN_BATCH), BATCH)
    z = draw_z(prior, rows // batch * batch, network.latent)
    labels = np.arange(len(z), dtype=np.int32) % max(1, network.labels)
    np.random.default_rng(1).shuffle(labels)
    run = tf.function(make_run(), autograph=False)

    def measure(scale: float) -> list[Moments]:
        parts = []
        for first in count_steps(range(0, len(z), batch), "checking its norms at {} batches of z"):
            some = slice(first, first + batch)
            scaled = tf.constant(scale * z[some], tf.float32)
            parts.append(run(scaled, tf.constant(labels[some])))
        return [_join(each) for each in zip(*parts, strict=True)]

    return measure


def _join(parts: Sequence[BatchMoments]) -> Moments:
    means, variances = (
        np.array([part[which].numpy() for part in parts], np.float64) for which in (0, 1)
    )
    with np.errstate(invalid="ignore"):  # ∞ − ∞: weights may be too large for float32
        return Moments(means.mean(0), variances.mean(0) + means.var(0))


def _run_layers(network: Network, numbers: Sequence[int]) -> Run:
    nodes = network.nodes[: max(numbers, default=-1) + 1]
    layers = [prepare_layer(node.layer, tf.float32) for node in nodes]

    def run(z: tf.Tensor, labels: tf.Tensor) -> list[BatchMoments]:
        values = {Z: z, LABEL: tf.one_hot(labels, network.labels)}
        moments = []
        for number, (node, layer) in enumerate(zip(nodes, layers, strict=True)):
            inputs = [values[each] for each in node.inputs]
            values[number] = layer.apply(*inputs)  # a norm by the moments of its batch
            if number in numbers:
                moments.append(tf.nn.moments(inputs[0], list(range(len(inputs[0].shape) - 1))))
        return moments

    return run
