"""An affine map of pixels: a shift, a scale and a rotation."""

import functools
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from ganinv_cli.reenact.chain import Stage
from ganinv_cli.reenact.pixels import round_to_pixels
from ganinv_cli.reenact.sampling import KERNELS, make_sampler, sample_plane, weigh_pixels
from ganinv_cli.reenact.stages.colours import Colours
from ganinv_cli.reenact.stages.resampling import Axes, describe_factor, resample, sample
from ganinv_cli.reenact.stages.subject import Options, Subject

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
class Placement(Stage):
    """A shift right and down, a scale about the middle, and a rotation to the left.

    The parameters are the shifts in pixels, the logarithm of the scale and, if the picture may be
    turned, the angle in radians.
    """

    size: tuple[int, int]  # height, width
    kernel: str = "bicubic"
    enlarged: float = 1.0  # width of the file over the picture's
    turns: bool = True
    kind = "placement"

    @property
    def start(self) -> np.ndarray:
        return np.zeros(4 if self.turns else 3)

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        if _read_angle(parameters) == 0:
            return sample(pictures, _make_axes(self.size, self.kernel, parameters))
        sampler = _make_sampler(self.size, self.kernel, tuple(parameters.tolist()))
        return sample_plane(pictures, sampler)

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        return self.apply(derivatives, parameters)

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        if is_turned(parameters):  # Pillow does not round it
            return round_to_pixels(np.floor(self.apply(pixels.astype(np.float64), parameters)))
        return resample(pixels, _make_axes(self.size, self.kernel, parameters))

    def list_variants(self, parameters: np.ndarray) -> list[Stage]:
        kernels = TURNED_KERNELS if is_turned(parameters) else RESIZING_KERNELS
        return [replace(self, kernel=kernel) for kernel in kernels]

    def find_inside(self, size: tuple[int, int], parameters: np.ndarray) -> np.ndarray:
        (height, width), scale = size, _read_scale(parameters)
        down, right = _find_source((height, width), parameters)
        edge = 1.0 if is_turned(parameters) else -0.55
        inside = np.ones((height, width), np.bool_)
        rim = KERNELS[self.kernel] * scale if scale > _ENLARGED else 0.0
        places = np.arange(height)[:, None], np.arange(width)[None]
        for source, place, length in zip((down, right), places, (height, width), strict=True):
            inside &= (source > edge) & (source < length - 1 - edge)
            inside &= (place + 0.5 >= rim) & (place + 0.5 <= length - rim)
        return inside

    def describe(self, parameters: np.ndarray) -> str:
        """Return the parts of the map in words; empty for none."""
        right, down = _read_shifts(self.size, parameters)
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


def iterate_placements(subject: Subject) -> Options:
    """Yield a placement with a map of colours.

    The luma of a JPEG tells neither colours nor a small rotation.
    """
    if subject.aligns:
        height, width, channels = subject.shape
        is_plain = subject.jpeg is None
        placement = Placement((height, width), enlarged=subject.picture.enlarged, turns=is_plain)
        yield placement, Colours(channels, mixes=is_plain)


def is_turned(parameters: np.ndarray) -> bool:
    """Return whether a placement rotates."""
    return abs(_read_angle(parameters)) > SEEN_ANGLE


def _read_shifts(size: tuple[int, int], parameters: np.ndarray) -> np.ndarray:
    """Return the shifts right and down in pixels."""
    most = MAX_SHIFT * np.array(size[::-1])
    return np.asarray(parameters[:2].clip(-most, most))


def _read_scale(parameters: np.ndarray) -> float:
    return float(np.exp(parameters[2].clip(-MAX_LOG_SCALE, MAX_LOG_SCALE)))


def _read_angle(parameters: np.ndarray) -> float:
    return float(parameters[3].clip(-MAX_ANGLE, MAX_ANGLE)) if len(parameters) > 3 else 0.0


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
    straight = parameters[:3]
    narrowness = _find_narrowness(kernel, straight)
    down, right = _find_source(size, straight)
    rows, columns = (
        weigh_pixels(source, np.arange(length), length, kernel, narrowness)
        for source, length in zip((down[:, 0], right[0]), size, strict=True)
    )
    return rows, columns


@functools.lru_cache(maxsize=4)
def _make_sampler(size: tuple[int, int], kernel: str, parameters: tuple[float, ...]) -> csr_matrix:
    values = np.array(parameters)
    return make_sampler(_find_source(size, values), kernel, _find_narrowness(kernel, values))


def _find_narrowness(kernel: str, parameters: np.ndarray) -> float:
    """Return the scale of a kernel's distances: a picture that is made smaller is smoothed."""
    return 1.0 if kernel == "sharp bicubic" else min(1.0, _read_scale(parameters))
