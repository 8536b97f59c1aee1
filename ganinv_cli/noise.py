"""The kinds of noise: one value per kind.

Each is one entry of `NOISES`: what it does to an image, the image loss that it explains, its levels
and its words. The command line, the experiment, the tables and the figures all use this table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ganinv_cli.errors import ResultsError

if TYPE_CHECKING:
    import numpy as np

GREY_LEVELS = 127.5  # per unit of a pixel in [-1, 1]


@dataclass(frozen=True)
class Noise:
    """A kind of noise, at any level."""

    name: str
    level: str  # what a level is, in one word: in groups, keys of the JSON and names of figures
    plural: str  # of that word
    title: str  # what a level is, in tables and sentences
    # images (..., height, width, channels) in [-1, 1], a draw of a standard normal for each value,
    # level -> noisy images; NaN: the value is not known, and does not count
    apply: "Callable[[np.ndarray, np.ndarray, float], np.ndarray]"
    describe: Callable[[float], str]  # level -> caption of its pictures
    levels: tuple[float, ...] = (0.01, 0.05, 0.1, 0.3)  # of a sweep, unless others are given
    more_is_worse: bool = True  # whether a higher level is more noise, and 0 none; else the reverse
    # noisy image, level, components of z, quantile -> quantile of the image loss at the right z;
    # None: it is not known
    find_residual: "Callable[[np.ndarray, float, int, float], float] | None" = None
    leaves_no_residual: bool = False  # whether the right z leaves no residual at any level
    is_variance: bool = False  # whether the level is the variance in the Cramér-Rao bound
    setting: str = "levels"  # the setting that has its levels
    axis: str = ""  # label of the axis of its levels; empty: the title
    most: float = 1.0  # level


class Level(NamedTuple):
    """A kind of noise at a level."""

    noise: Noise
    value: float

    @property
    def group(self) -> str:
        """The name of its HDF5 group."""
        return f"{self.noise.level}={self.value:g}"

    @property
    def is_clean(self) -> bool:
        """Whether it leaves images as they are."""
        return self.noise.more_is_worse and self.value == 0

    def apply(self, images: "np.ndarray", draws: "np.ndarray", clip: bool) -> "np.ndarray":
        """Return noisy images (..., height, width, channels), clipped to [-1, 1] or not.

        `draws` are of a standard normal, for each of their values.
        """
        noisy = self.noise.apply(images, draws, self.value)
        clipped: np.ndarray = noisy.clip(-1, 1)
        return clipped if clip else noisy

    def find_residual(self, image: "np.ndarray", latent: int, quantile: float) -> float:
        """Return the quantile of the image loss at the right z; infinite if it is not known."""
        if self.is_clean or self.noise.leaves_no_residual:
            return 0.0
        find = self.noise.find_residual
        return find(image, self.value, latent, quantile) if find else float("inf")


def get_noise(settings: Mapping[str, Any]) -> Noise:
    """Return the kind of noise in the settings of a run; early files have Gaussian noise alone.

    Raises ResultsError for one that is not in the table.
    """
    name = settings.get("noise", "gaussian")
    if name not in NOISES:
        raise ResultsError(
            f"the run added noise of the kind {name}, and this ganinv has {', '.join(NOISES)}; use "
            "the one that made the file"
        )
    return NOISES[name]


def _add_gaussian(images: "np.ndarray", draws: "np.ndarray", variance: float) -> "np.ndarray":
    noisy: np.ndarray = images + variance**0.5 * draws
    return noisy


def expected_residual(variance: float, pixels: int, latent: int, share: float = 1 - 1e-6) -> float:
    """Return the `share` quantile of the image loss at the best z near the true one, under noise.

    Gaussian noise of this variance in each of `pixels` numbers, less its projection on `latent`
    directions, leaves variance · χ²(pixels − latent) as a sum of squares, if the generator is
    linear over the distance that noise moves z (Kay 1993, volume I, chapter 4). Noise that is
    clipped to the pixels' range leaves less. Returns 0 without noise, or if latent ≥ pixels.
    """
    from scipy.special import gammaincinv

    free = pixels - latent
    return float(variance * 2 * gammaincinv(free / 2, share)) if free > 0 else 0.0


def _draw_shares(draws: "np.ndarray") -> "np.ndarray":
    """Return a uniform draw in (0, 1) for each pixel (..., height, width, 1)."""
    from scipy.special import ndtr

    shares: np.ndarray = ndtr(draws[..., :1])
    return shares


def _add_salt_and_pepper(images: "np.ndarray", draws: "np.ndarray", share: float) -> "np.ndarray":
    import numpy as np

    shares = _draw_shares(draws)
    return np.where(shares < share / 2, -1, np.where(shares > 1 - share / 2, 1, images))


def _find_salt_and_pepper_residual(
    image: "np.ndarray", share: float, latent: int, quantile: float
) -> float:
    """Return the quantile of a sum over pixels, of which a share becomes black or white.

    A pixel that does adds its squared distance to that. The noisy image has these distances; its
    black and white pixels make them a little too large.
    """
    import numpy as np
    from scipy.special import ndtri

    distances = np.stack([np.sum((image - end) ** 2, -1) for end in (-1.0, 1.0)])
    mean, square = share * np.mean(distances), share * np.mean(distances**2)
    pixels = distances[0].size
    return float(pixels * mean + ndtri(quantile) * np.sqrt(pixels * (square - mean**2)))


def _remove_pixels(images: "np.ndarray", draws: "np.ndarray", share: float) -> "np.ndarray":
    import numpy as np

    return np.where(_draw_shares(draws) < share, np.nan, images)


NOISES = {  # by name
    noise.name: noise
    for noise in (
        Noise(
            "gaussian",
            level="variance",
            plural="variances",
            title="noise variance",
            apply=_add_gaussian,
            find_residual=lambda image, variance, latent, quantile: expected_residual(
                variance, image.size, latent, quantile
            ),
            is_variance=True,
            describe=lambda variance: (
                f"Noise of variance {variance:g}, a standard deviation of "
                f"{GREY_LEVELS * variance**0.5:.1f} of 255 grey levels"
            ),
            levels=(1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1, 1.0),
            setting="variances",
            axis="variance of the noise (pixels in [−1, 1])",
            most=float("inf"),
        ),
        Noise(
            "salt-and-pepper",
            level="share",
            plural="shares",
            title="share of black and white pixels",
            apply=_add_salt_and_pepper,
            find_residual=_find_salt_and_pepper_residual,
            describe=lambda share: f"{share:.1%} of the pixels are black or white",
        ),
        Noise(
            "missing-pixels",
            level="share",
            plural="shares",
            title="share of missing pixels",
            apply=_remove_pixels,
            describe=lambda share: f"{share:.1%} of the pixels are missing",
            leaves_no_residual=True,
        ),
    )
}
