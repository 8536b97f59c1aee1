"""Errors of a reconstruction: RMSE, PSNR and a verdict.

The loss is the sum of squares over `pixels` numbers in [−1, 1]: height × width × channels, without
those that a mask leaves out.
"""

import numpy as np

PIXEL_RANGE = 2.0  # of a pixel in [−1, 1]
GREY_LEVELS = 255
POOR = "a poor reconstruction: this generator hardly makes such images"
# The verdict from this many dB.
VERDICTS = {30.0: "close", 20.0: "a likeness", 15.0: "a rough likeness"}


def rmse(loss: float, pixels: int) -> float:
    """Return the RMSE √(loss / pixels) in grey levels of 0 to 255."""
    return float(np.sqrt(loss / pixels) * GREY_LEVELS / PIXEL_RANGE)


def psnr(loss: float, pixels: int) -> float:
    """Return the peak signal-to-noise ratio 10 log₁₀(2² · pixels / loss) in dB; ∞ for loss 0."""
    return float(10 * np.log10(PIXEL_RANGE**2 * pixels / loss)) if loss else np.inf


def describe_match(psnr: float, loss: float, tolerance: float, subject: str = "this image") -> str:
    """Return a verdict: exact if the loss is below the tolerance, else by dB; poor if NaN.

    `subject` names the image in the verdict.
    """
    if loss < tolerance:
        return f"exact: the generator makes {subject}"
    return next((words for least, words in VERDICTS.items() if psnr >= least), POOR)
