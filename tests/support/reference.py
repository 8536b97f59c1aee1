"""A DCGAN generator in float64 NumPy from the paper's formulas, and its transposed convolution."""

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
        weights = p[f"g_h{number + 1}/w"]
        over = [side - 2 for side in weights.shape[:2]]  # of what would be twice as large
        crop = tuple((max(each, 0) // 2, each - max(each, 0) // 2) for each in over)
        x = transpose_convolution(x, weights, (2, 2), crop) + p[f"g_h{number + 1}/biases"]
    return np.tanh(x)


def _normalize(p: Mapping[str, np.ndarray], x: np.ndarray, norm: str, training: bool) -> np.ndarray:
    if f"{norm}/gamma" not in p:
        return x
    mean, variance = p[f"{norm}/moving_mean"], p[f"{norm}/moving_variance"]
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) / np.sqrt(variance + EPSILON) * p[f"{norm}/gamma"] + p[f"{norm}/beta"]


def transpose_convolution(
    x: np.ndarray, weights: np.ndarray, stride: tuple[int, int], crop: tuple[tuple[int, int], ...]
) -> np.ndarray:
    """Each pixel adds its kernel to the output, which is cut, or padded by a crop below 0.

    x (batch, height, width, inputs), weights (height, width, outputs, inputs).
    """
    rows, height, width, _ = x.shape
    (down, across), (tall, wide, outputs, _) = stride, weights.shape
    (top, bottom), (left, right) = crop
    sides = (height - 1) * down + tall, (width - 1) * across + wide
    whole = np.zeros((rows, *(side + 9 for side in sides), outputs))  # with room for crops below 0
    for row, column in np.ndindex(height, width):
        patch = np.einsum("hwoi,ni->nhwo", weights, x[:, row, column])
        start, end = 4 + row * down, 4 + column * across
        whole[:, start : start + tall, end : end + wide] += patch
    return whole[:, 4 + top : 4 + sides[0] - bottom, 4 + left : 4 + sides[1] - right]
