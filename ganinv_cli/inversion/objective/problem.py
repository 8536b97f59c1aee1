"""The problem to solve: loss and gradient for each image."""

from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.execute import multiply_rows
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.clipped_pixels import clip_residuals
from ganinv_cli.inversion.objective.local_model import LocalModels
from ganinv_cli.inversion.objective.preconditioner import Preconditioner, QuadraticModel
from ganinv_cli.precision import Precision

ROW_MULTIPLE = 8  # parts of the batch are padded to a multiple of this, for few compiled shapes


def rounding_loss(generator: Generator) -> float:
    """Return the image loss that float32 cannot tell from 0."""
    return generator.pixel_rounding * generator.count_values()


class Evaluation(NamedTuple):
    """The value of a problem at one latent vector per row."""

    image_loss: tf.Tensor  # (batch,), ‖G(z) − x‖², summed over the pixels that count
    objective: tf.Tensor  # (batch,), what is minimised: the loss, weighted or not
    gradient: tf.Tensor  # (batch, latent), of the objective
    bound: tf.Tensor  # (batch,), estimated bound on ‖z − z_true‖² / latent, without a residual


class Objective(NamedTuple):
    """What is minimised, as far as a plan knows it, without a generator and images."""

    stationary: float = 1e-4  # relative decrease of the image loss that counts as none
    preconditioned: bool = True  # whether rᵀWr may replace ‖r‖²; if not, W = 1
    precision: Precision = Precision.float32  # of the gradients
    mask: np.ndarray | None = None  # (height, width, 1), 1 for pixels that count, else 0


class Problem(NamedTuple):
    """Find z with G(z) = x, for one image x per row (Lipton & Tripathi 2017, equation 1).

    If the right z leaves no residual, ‖r‖² and any rᵀWr have the same minimum, and the
    preconditioned loss rᵀWr is minimised; so it is at first in rows that attempt it, whose right z
    may leave what storing the image leaves. Otherwise the image loss ‖r‖² is minimised.
    """

    generator: Generator
    targets: tf.Tensor  # (batch, height, width, channels) in [-1, 1]; NaN: does not count
    residual: tf.Tensor  # (batch,), most image loss at the right z; inf: unknown
    attempts: tf.Tensor | None = None  # (batch,) bool: rᵀWr is minimised at first; None: in no row
    solved_loss: tf.Tensor | float = 0.0  # (batch,), image loss at which a row is solved
    stationary: tf.Tensor | float = 1e-4  # relative decrease of the image loss that counts as none
    tolerance: tf.Tensor | float = 0.0  # estimated bound on the error of z at which a row is solved
    preconditioner: Preconditioner | None = None
    local_models: LocalModels | None = None  # in place of the preconditioner
    precision: Precision = Precision.float32  # of the gradients
    mask: np.ndarray | tf.Tensor | None = None  # (height, width, 1), 1 for pixels that count
    labels: tf.Tensor | None = None  # (batch,) int32, for a conditional generator

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
            if self.generator.is_clipped:
                residuals = clip_residuals(residuals, self.targets)
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
        is_near = bound <= tf.cast(self.tolerance, bound.dtype)
        is_explained = image_loss <= tf.cast(self.solved_loss, image_loss.dtype)
        # without a bound, the image loss is of low precision, and as large as its rounding
        return is_near | (is_explained & tf.math.is_finite(bound))

    @property
    def low_precision_allowed(self) -> tf.Tensor:
        """Rows (batch,) that may have low precision: those whose right z has no residual."""
        return self.weighted & (self.precision is not Precision.float32)

    @property
    def weighted(self) -> tf.Tensor:
        """Rows (batch,) whose objective is rᵀWr, if there is a preconditioner."""
        known = self.residual == 0
        return known if self.attempts is None else known | self.attempts

    def _preconditioned_loss(self, residuals: tf.Tensor, image_loss: tf.Tensor) -> tf.Tensor:
        """Return rᵀWr in the rows without residual, ‖r‖² in the others."""
        if self.preconditioner is None:
            return image_loss
        flat = tf.reshape(residuals, [-1, self.preconditioner.basis.shape[0]])
        excess = tf.cond(
            tf.reduce_any(self.weighted),
            lambda: tf.reduce_sum(
                self.preconditioner.excess * multiply_rows(flat, self.preconditioner.basis) ** 2, 1
            ),
            lambda: tf.zeros_like(image_loss),
        )
        return tf.where(self.weighted, image_loss - excess, image_loss)

    def _estimate_bound(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the estimated bound loss / (σ² latent) on the error of z.

        σ² is the least eigenvalue of JᵀWJ at all random z of the preconditioner, or of JᵀJ at the
        row's start. The bound would be certain if G were linear between z and the true z, with no
        eigenvalue below σ². Without either the bound is the loss.
        """
        if self.local_models is not None:
            return loss / (self.local_models.least_eigenvalue * self.generator.latent)
        if self.preconditioner is None:
            return loss
        plain, weighted = (
            loss / (norm.least_eigenvalue * self.generator.latent)
            for norm in (self.preconditioner.plain, self.preconditioner.preconditioned)
        )
        return tf.where(self.weighted, weighted, plain)

    def precondition(self, evaluation: Evaluation) -> tf.Tensor:
        """Return H₀ times the gradient (batch, latent), over the stiffness of H₀.

        Descent along it in steps of this length is at half of the limit of stability at the
        stiffest of the random z of the preconditioner (Nesterov 2018, section 1.2.3).
        """
        assert self.preconditioner is not None
        plain, weighted = (
            multiply_rows(
                multiply_rows(tf.cast(evaluation.gradient, tf.float32), model.vectors)
                * _invert_spectrum(model, tf.cast(evaluation.objective, tf.float32)),
                tf.transpose(model.vectors) / model.stiffness,
            )
            for model in (self.preconditioner.plain, self.preconditioner.preconditioned)
        )
        return tf.where(self.weighted[:, None], weighted, plain)

    def inverse_hessian(self, objective: tf.Tensor) -> tf.Tensor | None:
        """Return H₀ (batch, latent, latent) at an objective (batch,), None if it is the identity.

        For rows with a residual H₀ of the preconditioner is known only up to a factor.
        """
        if self.local_models is not None:
            return self.local_models.inverse
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
        return tf.where(self.weighted[:, None, None], weighted, plain)


_ROW_FIELDS = ("targets", "residual", "labels", "attempts")


def _invert_spectrum(model: QuadraticModel, objective: tf.Tensor) -> tf.Tensor:
    """Return the eigenvalues of H₀ (batch, latent) at an objective (batch,)."""
    return 0.5 / (model.spectrum + model.damping * objective[:, None])
