"""What explains an image in words, which nothing reads: the last step of a verdict."""

import numpy as np

from ganinv_cli.reenact.chain import Fit
from ganinv_cli.reenact.mixtures import Mixture
from ganinv_cli.reenact.pixels import average_chroma, measure_rms

GREY_CHROMA = 1.0  # grey levels, RMS, at most in a grey picture


def join(*parts: str) -> str:
    """Return the parts of a chain as one text, without empty ones."""
    return "; ".join(part for part in parts if part)


def describe_chain(end: Fit, has_other_colours: bool) -> str:
    """Return what was done to G(z), one stage after the other; empty: rounded to 8 bits alone.

    With other colours, the luma alone was compared, and the chroma differs.
    """
    changes = [stage.describe(values) for stage, values in end.chain.divide(end.parameters)]
    colours = _describe_colours(end) if has_other_colours else ""
    return join(", ".join(filter(None, changes)), colours, end.chain.storage.describe())


def describe_mixture(mixture: Mixture) -> str:
    """Return what an average is, e.g. "an average of two of its pictures, 90 and 10 %"."""
    percent, end = round(100 * mixture.weight), mixture.end
    average = f"an average of two of its pictures, {100 - percent} and {percent} %"
    return join(average, describe_chain(end, has_other_colours=False))


def describe_left_out(region: np.ndarray, allowed: np.ndarray, whole: str) -> str:
    """Return how much of a picture does not count, of what may; empty: nothing."""
    left_out = 100 * np.mean(region & allowed)
    return f"but for {left_out:.0f} % of {whole}" if left_out else ""


def describe_square(corner: tuple[int, int], side: int) -> str:
    """Return where in the file the square begins that was judged, and its side in pixels."""
    top, left = corner
    return f"in the square {left},{top},{side} of the file"


def _describe_colours(end: Fit) -> str:
    chroma = average_chroma(end.chain.storage.target, end.counted)
    return "made grey" if measure_rms(chroma) < GREY_CHROMA else "colours changed"
