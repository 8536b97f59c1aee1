"""Errors of a reconstruction: RMSE and PSNR.

The loss is the sum of squares over `pixels` numbers in [−1, 1]: height × width × channels, without
those that a mask leaves out.
"""

import numpy as np

PIXEL_RANGE = 2.0  # of a pixel in [−1, 1]
GREY_LEVELS = 255


def rmse(loss: float, pixels: int) -> float:
    """Return the RMSE √(loss / pixels) in grey levels of 0 to 255; NaN for a loss below 0."""
    with np.errstate(invalid="ignore"):
        return float(np.sqrt(loss / pixels) * GREY_LEVELS / PIXEL_RANGE)


def psnr(loss: float, pixels: int) -> float:
    """Return the peak signal-to-noise ratio 10 log₁₀(2² · pixels / loss) in dB.

    It is ∞ for loss 0, −∞ for loss ∞, and NaN for a loss below 0, which only an edited file has.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(PIXEL_RANGE**2 * pixels / loss)) if loss else np.inf
