"""An affine map of pixels: a shift, a scale and a rotation."""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from ganinv_cli.reenact.resampling import Axes, describe_factor, resample, sample
from ganinv_cli.reenact.storage import round_to_pixels

KERNELS = {"bicubic": 2, "bilinear": 1, "Lanczos": 3, "sharp bicubic": 2}  # -> radius in pixels
RESIZING_KERNELS = ("bicubic", "bilinear", "Lanczos")
TURNED_KERNELS = ("sharp bicubic", "bilinear")  # with which Pillow rotates
MAX_SHIFT = 0.5  # of a side
MAX_LOG_SCALE = 0.7
MAX_ANGLE = 0.6  # radians
SEEN_SHIFT = 0.05  # pixels; smaller changes than these are not mentioned
SEEN_SCALE = 0.004
SEEN_ANGLE = 0.002  # radians
_ENLARGED = 1.01  # scale from which the rim may depend on pixels that a crop removed


@dataclass(frozen=True)
class Placement:
    """A shift right and down, a scale about the middle, and a rotation to the left.

    The parameters are the shifts in pixels, the logarithm of the scale and the angle in radians.
    """

    shape: tuple[int, int, int]
    kernel: str = "bicubic"
    enlarged: float = 1.0  # width of the file over the picture's
    kind = "placement"

    @property
    def start(self) -> np.ndarray:
        return np.zeros(4)

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        if _read_angle(parameters) == 0:
            return sample(pictures, _make_axes(self.shape[:2], self.kernel, parameters))
        matrix = _make_matrix(self.shape[:2], self.kernel, tuple(parameters.tolist()))
        # (…, height, width, channels) -> (pixels, … × channels), and back
        pixels = np.moveaxis(pictures.reshape(-1, matrix.shape[0], self.shape[2]), 0, 1)
        moved = np.asarray(matrix @ pixels.reshape(len(pixels), -1))
        return np.moveaxis(moved.reshape(pixels.shape), 1, 0).reshape(pictures.shape)

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        if is_turned(parameters):  # Pillow does not round it
            return round_to_pixels(np.floor(self.apply(pixels.astype(np.float64), parameters)))
        return resample(pixels, _make_axes(self.shape[:2], self.kernel, parameters))

    def find_inside(self, parameters: np.ndarray) -> np.ndarray:
        (height, width), scale = self.shape[:2], _read_scale(parameters)
        down, right = _find_source((height, width), parameters)
        edge = 1.0 if is_turned(parameters) else -0.55
        inside = np.ones((height, width), np.bool_)
        rim = KERNELS[self.kernel] * scale if scale > _ENLARGED else 0.0
        places = np.arange(height)[:, None], np.arange(width)[None]
        for source, place, size in zip((down, right), places, (height, width), strict=True):
            inside &= (source > edge) & (source < size - 1 - edge)
            inside &= (place + 0.5 >= rim) & (place + 0.5 <= size - rim)
        return inside

    def describe(self, parameters: np.ndarray) -> str:
        """Return the parts of the map in words; empty for none."""
        right, down = _read_shifts(self.shape[:2], parameters)
        scale, angle = _read_scale(parameters), _read_angle(parameters)
        factor = scale * self.enlarged
        parts = []
        if max(abs(right), abs(down)) > SEEN_SHIFT:
            x, y = (f"{round(value, 1) + 0.0:g}" for value in (right, down))
            parts.append(f"shifted by ({x}, {y}) pixels")
        if scale > 1 + SEEN_SCALE:
            parts.append(f"cropped to {100 / scale:.0f} % of its width")
        if abs(scale - 1) > SEEN_SCALE and abs(factor - 1) > SEEN_SCALE:
            parts.append(describe_factor(factor, ".2f"))
        if is_turned(parameters):
            parts.append(f"rotated by {np.degrees(angle):.1f}°")
        return ", ".join(parts)


def is_turned(parameters: np.ndarray) -> bool:
    """Return whether a placement rotates; `parameters` may go on with those of other maps."""
    return abs(_read_angle(parameters)) > SEEN_ANGLE


def _read_shifts(size: tuple[int, int], parameters: np.ndarray) -> np.ndarray:
    """Return the shifts right and down in pixels."""
    most = MAX_SHIFT * np.array(size[::-1])
    return np.asarray(parameters[:2].clip(-most, most))


def _read_scale(parameters: np.ndarray) -> float:
    return float(np.exp(parameters[2].clip(-MAX_LOG_SCALE, MAX_LOG_SCALE)))


def _read_angle(parameters: np.ndarray) -> float:
    return float(parameters[3].clip(-MAX_ANGLE, MAX_ANGLE))


def _find_source(size: tuple[int, int], parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each pixel (height, width) was before: its row and its column."""
    middle = [(length - 1) / 2 for length in size]
    shifts = _read_shifts(size, parameters)
    down = np.arange(size[0])[:, None] - middle[0] - shifts[1]
    right = np.arange(size[1])[None] - middle[1] - shifts[0]
    angle, scale = _read_angle(parameters), _read_scale(parameters)
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    return cosine * down + sine * right + middle[0], cosine * right - sine * down + middle[1]


def _make_axes(size: tuple[int, int], kernel: str, parameters: np.ndarray) -> Axes:
    """Return the matrices of a map that does not rotate."""
    straight = np.append(parameters[:3], 0.0)
    down, right = _find_source(size, straight)
    rows, columns = (
        _weigh_pixels(source, np.arange(length), length, kernel, straight)
        for source, length in zip((down[:, 0], right[0]), size, strict=True)
    )
    return rows, columns


@functools.lru_cache(maxsize=4)
def _make_matrix(size: tuple[int, int], kernel: str, parameters: tuple[float, ...]) -> csr_matrix:
    """Return the matrix (pixels, pixels) of the map; pixels from outside are 0."""
    values = np.array(parameters)
    reach = int(np.ceil(KERNELS[kernel] / _find_narrowness(kernel, values)))
    taps = np.arange(1 - reach, 1 + reach)
    weights, places = [], []
    for source, length in zip(_find_source(size, values), size, strict=True):
        nearest = np.floor(source).astype(np.int64)[..., None] + taps  # (height, width, taps)
        weights.append(_weigh_pixels(source, nearest, length, kernel, values))
        places.append(nearest.clip(0, length - 1))
    products = weights[0][..., :, None] * weights[1][..., None, :]
    columns = places[0][..., :, None] * size[1] + places[1][..., None, :]
    count = size[0] * size[1]
    ends = np.arange(count + 1) * len(taps) ** 2
    return csr_matrix((products.ravel(), columns.ravel(), ends), shape=(count, count))


def _weigh_pixels(
    source: np.ndarray, places: np.ndarray, length: int, kernel: str, parameters: np.ndarray
) -> np.ndarray:
    """Return the weights (…, places) of pixels on an axis for each source (…); their sum is 1."""
    distance = np.abs(source[..., None] - places) * _find_narrowness(kernel, parameters)
    weights = _weigh(distance, kernel) * ((places >= 0) & (places < length))
    total = weights.sum(-1, keepdims=True)
    return np.asarray(weights / np.where(np.abs(total) < 0.1, 1, total))


def _find_narrowness(kernel: str, parameters: np.ndarray) -> float:
    """Return the scale of a kernel's distances: a picture that is made smaller is smoothed."""
    return 1.0 if kernel == "sharp bicubic" else min(1.0, _read_scale(parameters))


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
