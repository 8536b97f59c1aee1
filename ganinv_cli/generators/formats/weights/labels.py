"""Find a one-hot label among the inputs of the first layer, by the means that its norm stores.

The means of a norm's inputs are A m + b, with m the means of the layer's inputs. So m follows by
least squares if there are more channels than inputs. The components of z have one mean, up to
chance; those of a one-hot label have its frequencies, whose sum is exactly 1. Averages that lag
behind the weights fit less well; what is left gives the standard error of the sum.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ganinv_cli.generators.formats.weights.weight import PlannedLayer, make_layer
from ganinv_cli.generators.network.definition import Alternative, Convention
from ganinv_cli.generators.network.layers import BatchNorm, ConvTranspose, Dense, Reshape

CHANNELS_PER_INPUT = 1.1  # fewest
SUM_TOLERANCE, STANDARD_ERRORS = 0.02, 3.0  # the larger of both is allowed
CLEARLY = 6.0  # standard deviations of the sum of as many components of z

_Equations = tuple[
    np.ndarray, np.ndarray
]  # A (channels, inputs), and A m (channels,), divided by σ


def detect_labels(layers: Sequence[PlannedLayer], is_torch: bool, given: int | None) -> Convention:
    """Return the given number of labels or none, and how it is known, from the layers to a norm.

    If the statistics tell another number, it is the runner-up.
    """
    row = Convention("labels", "", f"{given or 0}", "assumed" if given is None else "given")
    equations = _list_equations([make_layer(each, is_torch) for each in layers])
    if equations is None:
        return row
    matrix, means = equations
    inputs = np.linalg.lstsq(matrix, means)[0]
    freedom = len(means) - len(inputs)
    variance = np.square(matrix @ inputs - means).sum() / freedom
    covariance = variance * np.linalg.pinv(matrix.T @ matrix)
    _, number = min(_list_labels(inputs, covariance), default=(0.0, "0"))
    # a label of any size would be seen, if the means of z vary little enough
    is_sure = number != "0" or CLEARLY * np.sqrt(len(inputs) / 2) * inputs.std() < 1
    equal = np.full_like(inputs, np.median(inputs))
    without, fitted = (float(np.median(np.abs(matrix @ m - means))) for m in (equal, inputs))
    row = replace(row, discrepancy=without if row.value == "0" else fitted)
    if is_sure and number != row.value:
        return replace(row, runner_up=Alternative(number, without if number == "0" else fitted))
    return replace(row, source="confirmed") if is_sure and given is None else row


def _list_equations(layers: Sequence[object]) -> _Equations | None:
    """Return the equations for the means of the inputs, if these layers allow them."""
    *before, norm = layers
    linear = [each for each in before if not isinstance(each, Reshape)]
    if len(linear) != 1 or not isinstance(norm, BatchNorm):
        return None
    layer, channels = linear[0], len(norm.mean)
    if isinstance(layer, Dense):
        weights, bias = layer.weights, layer.bias
        matrix = weights.reshape(len(weights), -1, channels).mean(1).T
        bias = bias.reshape(-1, channels).mean(0)
    elif isinstance(layer, ConvTranspose):
        (top, bottom), (left, right) = layer.crop
        height, width = layer.weights.shape[:2]
        kernel = layer.weights[top : height - bottom, left : width - right]
        matrix, bias = kernel.mean((0, 1)), layer.bias
    else:
        return None
    if channels < CHANNELS_PER_INPUT * matrix.shape[1] or norm.variance.min() <= 0:
        return None
    deviations = np.sqrt(norm.variance.astype(np.float64))
    equations = matrix / deviations[:, None], (norm.mean - bias) / deviations
    return equations if all(np.isfinite(each).all() for each in equations) else None


def _list_labels(means: np.ndarray, covariance: np.ndarray) -> Iterator[tuple[float, str]]:
    """Yield for inputs that may be a label the squares within label and z, and them as text."""
    last = means[::-1], covariance[::-1, ::-1], ""
    for order, errors, place in (last, (means, covariance, " before z")):
        for count in range(2, len(means) - 3):
            label, z = order[:count], order[count:]
            error = STANDARD_ERRORS * np.sqrt(errors[:count, :count].sum())
            is_one = abs(label.sum() - 1) < max(SUM_TOLERANCE, error)
            excess = abs(label.sum() - count * z.mean())
            is_clear = excess > CLEARLY * np.sqrt(count) * z.std()
            if label.min() > 0 and is_one and is_clear:
                yield float(count * label.var() + len(z) * z.var()), f"{count}{place}"
