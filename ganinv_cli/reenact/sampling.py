"""A map of the plane as a sparse matrix: each pixel shows a weighted mean of pixels elsewhere."""

import numpy as np
from scipy.sparse import csr_matrix

KERNELS = {"bicubic": 2, "bilinear": 1, "Lanczos": 3, "sharp bicubic": 2}  # -> radius in pixels


def make_sampler(
    source: tuple[np.ndarray, np.ndarray], kernel: str, narrowness: float = 1.0
) -> csr_matrix:
    """Return the matrix (pixels, pixels) of a map; pixels from outside are 0.

    `source` are the row and the column (height, width) that each pixel shows.
    """
    size = source[0].shape
    reach = int(np.ceil(KERNELS[kernel] / narrowness))
    taps = np.arange(1 - reach, 1 + reach)
    weights, places = [], []
    for values, length in zip(source, size, strict=True):
        nearest = np.floor(values).astype(np.int64)[..., None] + taps  # (height, width, taps)
        weights.append(weigh_pixels(values, nearest, length, kernel, narrowness))
        places.append(nearest.clip(0, length - 1))
    products = weights[0][..., :, None] * weights[1][..., None, :]
    columns = places[0][..., :, None] * size[1] + places[1][..., None, :]
    count = size[0] * size[1]
    ends = np.arange(count + 1) * len(taps) ** 2
    return csr_matrix((products.ravel(), columns.ravel(), ends), shape=(count, count))


def sample_plane(pictures: np.ndarray, sampler: csr_matrix) -> np.ndarray:
    """Return what is seen of pictures (…, height, width, channels), of their type."""
    count = sampler.shape[0]
    pixels = np.moveaxis(pictures.reshape(-1, count, pictures.shape[-1]), 0, 1)
    moved = np.asarray(sampler.astype(pictures.dtype) @ pixels.reshape(count, -1))
    return np.moveaxis(moved.reshape(pixels.shape), 1, 0).reshape(pictures.shape)


def weigh_pixels(
    source: np.ndarray, places: np.ndarray, length: int, kernel: str, narrowness: float
) -> np.ndarray:
    """Return the weights (…, places) of pixels on an axis for each source (…); their sum is 1."""
    distance = np.abs(source[..., None] - places) * narrowness
    weights = _weigh(distance, kernel) * ((places >= 0) & (places < length))
    total = weights.sum(-1, keepdims=True)
    return np.asarray(weights / np.where(np.abs(total) < 0.1, 1, total))


def _weigh(distance: np.ndarray, kernel: str) -> np.ndarray:
    """Return the weight of a pixel at a distance, as in Pillow: bicubic with a = -.5 or -1."""
    d = distance
    if kernel == "bilinear":
        return np.asarray(np.maximum(1 - d, 0))
    if kernel == "Lanczos":
        return np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0.0)
    a = -1.0 if kernel == "sharp bicubic" else -0.5
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d < 1, near, np.where(d < 2, far, 0.0))
