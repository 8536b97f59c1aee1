"""What is seen of G(z) through a homography, with its derivatives: what both fits begin with."""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganinv_cli.inversion.polish.least_squares import Point
from ganinv_cli.reenact.fit import MIN_SHOWN, Renderer
from ganinv_cli.reenact.flexible.homography import PARAMETERS, Homography


class View(NamedTuple):
    """A picture G(z), as it is seen, in grey levels."""

    picture: np.ndarray  # (height, width, channels)
    seen: np.ndarray  # (height, width, channels)
    homography: Homography
    counted: np.ndarray  # (height, width), the pixels that count and show a part of it


@dataclass(frozen=True, eq=False)
class Views:
    """Pictures of a generator, seen through homographies; x is z and the parameters of one."""

    renderer: Renderer
    target: np.ndarray  # (height, width, channels), what they are compared with
    counted: np.ndarray  # (height, width)

    @functools.cached_property
    def deviation(self) -> float:
        """Of the prior of z."""
        return float(self.renderer.generator.prior.deviation)

    @property
    def latent(self) -> int:
        return self.renderer.generator.latent

    @functools.cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest x."""
        free = np.full(PARAMETERS, np.inf)
        low, high = (
            np.full(self.latent, bound) for bound in (self.renderer.low, self.renderer.high)
        )
        return np.concatenate([low, -free]), np.concatenate([high, free])

    def see(self, x: np.ndarray) -> View | None:
        """Return what is seen; None if too little of the picture is."""
        homography = Homography(self.target.shape[:2], x[self.latent :])
        counted = self.counted & homography.inside
        if counted.sum() < MIN_SHOWN * self.counted.sum():
            return None
        picture = self.renderer.render(x[: self.latent])
        return View(picture, homography.apply(picture), homography, counted)

    def differentiate(self, x: np.ndarray, view: View) -> np.ndarray:
        """Return the derivatives of what is seen by x: (n, height, width, channels) float32."""
        jacobian = self.renderer.differentiate(x[: self.latent])
        by_z = view.homography.apply(jacobian.astype(np.float32))
        return np.concatenate([by_z, view.homography.differentiate(view.picture)]).astype(
            np.float32
        )

    def weigh_prior(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the mean of (z / deviation)², half its slope and half its curvature by x (n,)."""
        scaled = x[: self.latent] / self.deviation
        none = np.zeros(PARAMETERS)
        slope = np.concatenate([scaled / self.deviation / self.latent, none])
        curvature = np.full(self.latent, self.deviation**-2 / self.latent)
        return float(np.mean(scaled**2)), slope, np.concatenate([curvature, none])


def refuse(x: np.ndarray) -> Point:
    """Return the point of a descent at x (n,), where too little is seen: no step goes there."""
    return Point(x, np.inf, lambda: (np.zeros(len(x)), np.eye(len(x))))
