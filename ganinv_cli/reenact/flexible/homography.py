"""Pictures that were moved, turned, zoomed or seen at an angle: a homography of the plane."""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from ganinv_cli.reenact.sampling import make_sampler, sample_plane

PARAMETERS = 8
SMALLEST_DEPTH = 1e-6  # below which a place is behind the camera


def make_zoom(factor: float) -> np.ndarray:
    """Return the parameters (8,) of a picture that is enlarged about its middle."""
    matrix = np.diag([1 / factor, 1 / factor, 1]) - np.eye(3)
    return matrix.ravel()[:PARAMETERS]


@dataclass(frozen=True, eq=False)
class Homography:
    """The picture that a camera sees: each pixel shows another place, by bilinear interpolation.

    Places (x, y, 1) are from -1 to 1 from the left to the right and from the top to the bottom. The
    one that a pixel shows is I + the parameters (8,), by rows, times its own; the last entry is 1.
    """

    size: tuple[int, int]  # height, width
    parameters: np.ndarray  # (8,)

    @functools.cached_property
    def source(self) -> tuple[np.ndarray, np.ndarray]:
        """The row and the column (height, width) that each pixel shows."""
        _, seen = self._places
        down, right = ((seen[axis] / seen[2] + 1) / 2 for axis in (1, 0))
        return down * (self.size[0] - 1), right * (self.size[1] - 1)

    @functools.cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """The place of each pixel and the one that it shows, homogeneous (3, height, width)."""
        matrix = np.eye(3) + np.append(self.parameters, 0.0).reshape(3, 3)
        rows, columns = (np.linspace(-1, 1, length) for length in self.size)
        y, x = np.meshgrid(rows, columns, indexing="ij")
        place = np.stack([x, y, np.ones_like(x)])
        seen = np.einsum("ij,jyx->iyx", matrix, place)
        seen[2] = np.where(np.abs(seen[2]) > SMALLEST_DEPTH, seen[2], SMALLEST_DEPTH)
        return place, seen

    @functools.cached_property
    def inside(self) -> np.ndarray:
        """Which pixels (height, width) show a part of the picture."""
        inside = np.ones(self.size, np.bool_)
        for source, length in zip(self.source, self.size, strict=True):
            inside &= (source >= 0) & (source <= length - 1)
        return inside

    def apply(self, pictures: np.ndarray) -> np.ndarray:
        """Return what is seen of pictures (..., height, width, channels), of their type."""
        return sample_plane(pictures, self._sampler)

    def differentiate(self, picture: np.ndarray) -> np.ndarray:
        """Return the derivatives of what is seen by the parameters (8, height, width, …)."""
        place, seen = self._places
        along = place / seen[2]
        none = np.zeros_like(along)
        across = [-value / seen[2] * along[:2] for value in seen[:2]]
        # by the entries of the matrix, of x and of y
        by_x = np.concatenate([along, none, across[0]])
        by_y = np.concatenate([none, along, across[1]])
        slopes = np.gradient(picture, axis=(0, 1))
        down, right = (self.apply(slope) for slope in slopes)
        height, width = self.size
        moves = by_y[..., None] * down * (height - 1) + by_x[..., None] * right * (width - 1)
        return np.asarray(moves / 2)

    def read_placement(self) -> np.ndarray:
        """Return the nearest shift right and down in pixels, logarithm of the scale, and angle."""
        matrix = np.eye(3) + np.append(self.parameters, 0.0).reshape(3, 3)
        plane = matrix[:2, :2]
        scale = np.abs(np.linalg.det(plane)) ** -0.5
        angle = np.arctan2(plane[1, 0] - plane[0, 1], plane[0, 0] + plane[1, 1])
        half = (np.array(self.size[::-1]) - 1) / 2
        right, down = -np.linalg.solve(plane, matrix[:2, 2]) * half
        return np.array([right, down, np.log(scale), angle])

    @functools.cached_property
    def _sampler(self) -> csr_matrix:
        """The matrix (pixels, pixels) of the map; places outside show the edge."""
        down, right = (
            source.clip(0, length - 1)
            for source, length in zip(self.source, self.size, strict=True)
        )
        return make_sampler((down, right), "bilinear")
