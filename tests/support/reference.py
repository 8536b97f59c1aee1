"""A DCGAN generator in float64 NumPy from the paper's formulas, for tests to compare with."""

from collections.abc import Mapping

import numpy as np

EPSILON = 1e-5


def render_images(
    arrays: Mapping[str, np.ndarray], z: np.ndarray, training: bool = False
) -> np.ndarray:
    """z (batch, latent) to images, from arrays in the names of layout B.

    Each norm uses the moving statistics; with `training`, those of the batch.
    """
    p = {name: array.astype(np.float64) for name, array in arrays.items()}
    depth = sum(name.endswith("/w") for name in p)
    width = p["g_h1/w"].shape[3]
    x = z.astype(np.float64) @ p["g_h0_lin/Matrix"] + p["g_h0_lin/bias"]
    side = round((x.shape[1] / width) ** 0.5)
    x = x.reshape(len(z), side, side, width)
    for number in range(depth):
        x = np.maximum(_normalize(p, x, f"g_bn{number}", training), 0)
        x = _conv_transpose(x, p[f"g_h{number + 1}/w"]) + p[f"g_h{number + 1}/biases"]
    return np.tanh(x)


def _normalize(p: Mapping[str, np.ndarray], x: np.ndarray, norm: str, training: bool) -> np.ndarray:
    if f"{norm}/gamma" not in p:
        return x
    mean, variance = p[f"{norm}/moving_mean"], p[f"{norm}/moving_variance"]
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) / np.sqrt(variance + EPSILON) * p[f"{norm}/gamma"] + p[f"{norm}/beta"]


def _conv_transpose(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Each input pixel adds its kernel to the output at twice its place, cut to twice the size."""
    batch, height, width, _ = x.shape
    rows, columns, outputs, _ = w.shape
    full = np.zeros((batch, 2 * height + rows, 2 * width + columns, outputs))
    for row in range(rows):
        for column in range(columns):
            added = x @ w[row, column].T
            full[:, row : row + 2 * height : 2, column : column + 2 * width : 2] += added
    top, left = max(rows - 2, 0) // 2, max(columns - 2, 0) // 2
    return full[:, top : top + 2 * height, left : left + 2 * width]
