"""What the singular values of the generator's Jacobian J (pixels, latent) say about z.

All take them in float64, (..., latent), in any order, and see each row of them by itself.
"""

import numpy as np

from ganinv_cli.statistics.averages import Floats, Integers


def condition_number(singular_values: Floats) -> Floats:
    """(...): the largest over the least; ∞ where the least is 0."""
    least, largest = singular_values.min(axis=-1), singular_values.max(axis=-1)
    without = np.full(np.shape(least), np.inf)
    return np.asarray(np.divide(largest, least, out=without, where=least > 0))


def rank(singular_values: Floats, pixels: int) -> Integers:
    """(...): in how many directions of z the image moves by more than rounding.

    Those with a singular value above largest · max(pixels, latent) · 2⁻⁵², the tolerance of
    `numpy.linalg.matrix_rank` in float64.
    """
    longer = max(pixels, singular_values.shape[-1])
    rounding = singular_values.max(axis=-1, keepdims=True) * longer * np.finfo(np.float64).eps
    return np.asarray(np.sum(singular_values > rounding, axis=-1))


def cramer_rao(singular_values: Floats) -> Floats:
    """(...): tr((JᵀJ)⁻¹) / latent, the mean of 1 / s²; ∞ where J has not full rank.

    Times the variance of Gaussian noise on the pixels: the least mean ‖z_found − z_true‖² / latent
    that an unbiased estimate can have (Kay 1993, volume I, section 3.9). An estimate may be closer
    when it is biased, as one that is kept inside the prior's box is under strong noise. Full rank
    is that of R in J = QR, which has the same singular values and no more rows than columns.
    """
    full = rank(singular_values, 0) == singular_values.shape[-1]
    inverse = np.square(1 / np.where(full[..., None], singular_values, 1.0))
    return np.where(full, inverse.mean(axis=-1), np.inf)
