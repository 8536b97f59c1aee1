"""Adam (Kingma & Ba 2015)."""

from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.errors import ConfigError
from ganinv_cli.inversion.solvers.parts.first_order import FirstOrder
from ganinv_cli.settings.declare import MAX_NUMBER, declare


class _Memory(NamedTuple):
    mean: tf.Tensor  # (batch, latent), running mean of the gradients
    square: tf.Tensor  # (batch, latent), of their squares
    updates: tf.Tensor  # (batch,)


@dataclass(frozen=True)
class Adam(FirstOrder):
    """z <- rule(z - rate * m / (√v + epsilon)), m and v the means of gradients and their squares.

    The means are exponential, with the decay `betas`, and corrected for their start at 0.
    Gradients are those of the mean of the squared error over a picture's values.
    """

    rate: float = declare(0.03, range=(0, MAX_NUMBER), exclusive=True)  # in z
    betas: tuple[float, ...] = declare((0.9, 0.999), range=(0, 1))
    epsilon: float = declare(1e-8, range=(0, MAX_NUMBER), exclusive=True)

    def __post_init__(self) -> None:
        if len(self.betas) != 2 or max(self.betas) == 1:
            raise ConfigError(
                f"[adam] betas = {list(self.betas)}: give two numbers below 1, e.g. [0.9, 0.999]"
            )

    def init(self, z: tf.Tensor) -> _Memory:
        return _Memory(tf.zeros_like(z), tf.zeros_like(z), tf.zeros(tf.shape(z)[:1], z.dtype))

    def update(
        self, gradient: tf.Tensor, memory: _Memory, values: int
    ) -> tuple[tf.Tensor, _Memory]:
        gradient /= values
        first, second = self.betas
        mean = first * memory.mean + (1 - first) * gradient
        square = second * memory.square + (1 - second) * gradient**2
        updates = memory.updates + 1
        mean_correction, square_correction = (1 - beta ** updates[:, None] for beta in self.betas)
        size = tf.sqrt(square / square_correction) + self.epsilon
        return -self.rate * mean / mean_correction / size, _Memory(mean, square, updates)


SOLVER = Adam
