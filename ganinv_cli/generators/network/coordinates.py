"""Coordinates in which latent vectors with a known mean and covariance are standard normal."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.graph import LABEL, Network, Node, TracedNetwork, Z
from ganinv_cli.generators.network.layers import Dense
from ganinv_cli.generators.network.operations.cut_graph import prepend_function

CONSTANT = 1e-5  # deviation along a direction, relative to the largest, that counts as none


@dataclass(frozen=True, eq=False)
class Coordinates:
    """z = mean + factor · u, where u is standard normal.

    The covariance of z is factor · factorᵀ. There are fewer coordinates than components of z if
    some directions of z never change.
    """

    mean: np.ndarray  # (latent,) float32
    factor: np.ndarray  # (latent, coordinates) float32

    def to_z(self, u: np.ndarray) -> np.ndarray:
        """Return z (n, latent) of coordinates (n, coordinates)."""
        z: np.ndarray = self.mean + u @ self.factor.T
        return z

    def from_z(self, z: np.ndarray) -> np.ndarray:
        """Return the coordinates (n, coordinates) of z (n, latent), or of the nearest such z."""
        u: np.ndarray = (z - self.mean) @ self._inverse.T
        return u

    @cached_property
    def _inverse(self) -> np.ndarray:
        inverse: np.ndarray = np.linalg.pinv(self.factor.astype(np.float64))
        return inverse.astype(np.float32)


def find_coordinates(draws: np.ndarray, *, is_shrunk: bool) -> Coordinates:
    """Return the coordinates for draws of z (n, latent).

    The covariance of few draws lacks directions. `is_shrunk` moves it toward a multiple of the
    identity matrix, as far as their number requires (Ledoit and Wolf 2004).
    """
    mean = draws.mean(0, dtype=np.float64)
    centred = draws - mean
    covariance = centred.T @ centred / len(draws)
    if is_shrunk:
        covariance = _shrink(covariance, centred)
    variances, directions = np.linalg.eigh(covariance)
    kept = variances > CONSTANT**2 * variances[-1]
    factor = directions[:, kept] * np.sqrt(variances[kept])
    return Coordinates(mean.astype(np.float32), factor[:, ::-1].astype(np.float32))


def change_coordinates(
    network: Network | TracedNetwork, coordinates: Coordinates
) -> Network | TracedNetwork:
    """Return the network with coordinates as its latent vector."""
    mean, factor = coordinates.mean, coordinates.factor
    if isinstance(network, TracedNetwork):
        return prepend_function(network, lambda u: mean + tf.matmul(u, factor.T), factor.shape[1])
    places = {Z: 0, LABEL: LABEL} | {number: number + 1 for number in range(len(network.nodes))}
    moved = (n._replace(inputs=tuple(places[each] for each in n.inputs)) for n in network.nodes)
    nodes = (Node(Dense(np.ascontiguousarray(factor.T), mean), (Z,), "coordinates"), *moved)
    return replace(network, latent=factor.shape[1], nodes=nodes)


def _shrink(covariance: np.ndarray, centred: np.ndarray) -> np.ndarray:
    """Return (1 − s) · covariance + s · m · I, with the best s for so many draws."""
    count, size = centred.shape
    scale = np.trace(covariance) / size
    spread = np.sum(covariance**2) - size * scale**2  # squared distance from scale · I
    lengths = np.sum(np.sum(centred**2, 1) ** 2)
    error = (lengths / count - np.sum(covariance**2)) / count  # of the covariance, squared
    share = min(1.0, error / spread) if spread > 0 else 1.0
    shrunk: np.ndarray = (1 - share) * covariance + share * scale * np.eye(size)
    return shrunk
