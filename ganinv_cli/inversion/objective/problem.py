"""The problem to solve: loss and gradient for each image."""

from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.preconditioner import Preconditioner, QuadraticModel
from ganinv_cli.precision import Precision

PIXEL_ROUNDING = 1e-13  # squared rounding error of a pixel in float32: about three ulp, squared
ROW_MULTIPLE = 8  # parts of the batch are padded to a multiple of this, for few compiled shapes


def rounding_loss(generator: Generator) -> float:
    """Return the image loss that float32 cannot tell from 0."""
    return PIXEL_ROUNDING * float(np.prod(generator.image_shape))


class Evaluation(NamedTuple):
    """The value of a problem at one latent vector per row."""

    image_loss: tf.Tensor  # (batch,), ‖G(z) − x‖², summed over the pixels that count
    objective: tf.Tensor  # (batch,), what is minimised: the loss, weighted or not
    gradient: tf.Tensor  # (batch, latent), of the objective
    bound: tf.Tensor  # (batch,), estimated bound on ‖z − z_true‖² / latent, without a residual


class Problem(NamedTuple):
    """Find z with G(z) = x, for one image x per row (Lipton & Tripathi 2017, equation 1).

    If the right z leaves no residual, ‖r‖² and any rᵀWr have the same minimum, and the
    preconditioned loss rᵀWr is minimised. Otherwise the image loss ‖r‖² is minimised.
    """

    generator: Generator = None  # type: ignore[assignment]  # a plan's problem has none yet, nor rows
    targets: tf.Tensor = None  # (batch, height, width, channels) in [-1, 1]; NaN: does not count
    residual: tf.Tensor = None  # (batch,), most image loss at the right z; inf: unknown
    stationary: float = 1e-4  # relative decrease of the image loss that counts as none
    preconditioned: bool = True  # whether rᵀWr replaces ‖r‖²; if not, W = 1
    preconditioner: Preconditioner | None = None
    precision: Precision = Precision.float32  # of the gradients
    mask: tf.Tensor | None = None  # (height, width, 1), 1 for pixels that count, else 0
    labels: tf.Tensor | None = None  # (batch,) int32, for a conditional generator
    tolerance: float = 0.0  # estimated bound on the error of z at which a row is solved
    rounding: float = 0.0  # image loss that may be float32 rounding, at which a row is solved

    def evaluate(self, z: tf.Tensor, low_precision: tf.Tensor | None = None) -> Evaluation:
        """Return loss and gradient at z (batch, latent): a forward and a backward pass per row.

        Rows (batch,) of `low_precision` are computed in the lower dtype of `precision`.
        """
        if low_precision is None or self.precision is Precision.float32:
            return self._evaluate_in(z)
        batch = tf.shape(z)[0]
        values = [tf.zeros(shape, z.dtype) for shape in ([batch], [batch], tf.shape(z), [batch])]
        low_dtype = tf.as_dtype(self.precision.low)
        for rows, dtype in ((~low_precision, z.dtype), (low_precision, low_dtype)):
            update = partial(self._update_rows, z, rows, dtype, values)
            values = tf.cond(tf.reduce_any(rows), update, partial(list, values))
        return Evaluation(*values)

    def _update_rows(
        self, z: tf.Tensor, rows: tf.Tensor, dtype: tf.DType, values: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Return the values with these rows (batch,) evaluated in this dtype."""
        places = tf.where(rows)  # (count, 1)
        count = tf.shape(places)[0]
        indices = tf.concat([places[:, 0], tf.fill([-count % ROW_MULTIPLE], places[0, 0])], 0)
        rows = {name: getattr(self, name) for name in _ROW_FIELDS}
        some = {name: tf.gather(row, indices) for name, row in rows.items() if row is not None}
        evaluation = self._replace(**some)._evaluate_in(tf.gather(z, indices), dtype)
        return [
            tf.tensor_scatter_nd_update(whole, places, part[:count])
            for whole, part in zip(values, evaluation, strict=True)
        ]

    def _evaluate_in(self, z: tf.Tensor, dtype: tf.DType | None = None) -> Evaluation:
        with tf.GradientTape() as tape:
            tape.watch(z)
            images = self.generator(tf.cast(z, self.targets.dtype), dtype, self.labels)
            residuals = images - self.targets
            counted = ~tf.math.is_nan(self.targets)
            residuals = tf.where(counted, residuals, tf.zeros_like(residuals))
            masked = residuals if self.mask is None else residuals * self.mask
            image_loss = tf.reduce_sum(masked * residuals, [1, 2, 3])
            image_loss = tf.where(tf.reduce_any(counted, [1, 2, 3]), image_loss, np.nan)
            loss = self._preconditioned_loss(masked, image_loss)
        gradient = tf.cast(tape.gradient(loss, z), z.dtype)
        loss = tf.cast(loss, z.dtype)
        return Evaluation(image_loss, loss, gradient, self._estimate_bound(loss))

    def is_solved(self, image_loss: tf.Tensor, bound: tf.Tensor) -> tf.Tensor:
        """Return which rows (batch,) need no further step, if their z is inside the bounds."""
        return (bound <= self.tolerance) | (image_loss <= self.rounding)

    @property
    def low_precision_allowed(self) -> tf.Tensor:
        """Rows (batch,) that may have low precision: those whose right z has no residual."""
        return self._is_exact & (self.precision is not Precision.float32)

    @property
    def _is_exact(self) -> tf.Tensor:
        return self.residual == 0

    def _preconditioned_loss(self, residuals: tf.Tensor, image_loss: tf.Tensor) -> tf.Tensor:
        """Return rᵀWr in the rows without residual, ‖r‖² in the others."""
        if self.preconditioner is None:
            return image_loss
        flat = tf.reshape(residuals, [-1, self.preconditioner.basis.shape[0]])
        excess = tf.cond(
            tf.reduce_any(self._is_exact),
            lambda: tf.reduce_sum(
                self.preconditioner.excess * tf.matmul(flat, self.preconditioner.basis) ** 2, 1
            ),
            lambda: tf.zeros_like(image_loss),
        )
        return tf.where(self._is_exact, image_loss - excess, image_loss)

    def _estimate_bound(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the estimated bound loss / (σ² latent) on the error of z.

        σ² is the least eigenvalue of JᵀWJ at all random z of the preconditioner. The bound would be
        certain if G were linear between z and the true z, with no eigenvalue below σ². Without a
        preconditioner the bound is the loss.
        """
        if self.preconditioner is None:
            return loss
        plain, weighted = (
            loss / (norm.least_eigenvalue * self.generator.latent)
            for norm in (self.preconditioner.plain, self.preconditioner.preconditioned)
        )
        return tf.where(self._is_exact, weighted, plain)

    def inverse_hessian(self, objective: tf.Tensor) -> tf.Tensor | None:
        """Return H₀ (batch, latent, latent) at an objective (batch,), None if not preconditioned.

        For rows with a residual H₀ is known only up to a factor.
        """
        if self.preconditioner is None:
            return None
        plain, weighted = (
            tf.matmul(
                model.vectors * _invert_spectrum(model, objective)[:, None],
                model.vectors,
                transpose_b=True,
            )
            for model in (self.preconditioner.plain, self.preconditioner.preconditioned)
        )
        return tf.where(self._is_exact[:, None, None], weighted, plain)


_ROW_FIELDS = ("targets", "residual", "labels")


def _invert_spectrum(model: QuadraticModel, objective: tf.Tensor) -> tf.Tensor:
    """Return the eigenvalues of H₀ (batch, latent) at an objective (batch,)."""
    return 0.5 / (model.spectrum + model.damping * objective[:, None])
