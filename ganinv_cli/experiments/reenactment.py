"""The columns of a certificate that say which change and storage of G(z) explain an image."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import Picture
from ganinv_cli.inversion.objective.ground_truth import draw_z
from ganinv_cli.inversion.polish.gauss_newton import find_z_bounds
from ganinv_cli.inversion.randomness import Purpose
from ganinv_cli.precision import Dtype
from ganinv_cli.reenact.crops import explain_crops
from ganinv_cli.reenact.explain import Explanation, explain_image
from ganinv_cli.reenact.fit import GREY_LEVELS, Renderer, to_grey_levels
from ganinv_cli.reenact.strangers import STRANGERS, find_stranger_errors
from ganinv_cli.settings.config import ImagesConfig

PICTURES = 64  # draws from the prior, if they are small
MIN_PICTURES = 8
MAX_VALUES = 2**24  # of all pictures together
MAX_MULTIPLY_ADDS = 2**38  # for all pictures together
MAX_JACOBIAN_VALUES = 1 << 26  # of J in float64, half a GiB; images of a larger one are not tested


@dataclass(frozen=True, eq=False)
class Reenactor:
    """Re-enacts images with one generator; what they share is computed once."""

    generator: Generator
    mask: np.ndarray | None  # (height, width, 1), which pixels count
    config: ImagesConfig
    step_precision: Dtype = "float32"  # of J in the steps of a fit

    def explain(
        self,
        picture: Picture,
        starts: np.ndarray,
        label: int,
        rule: str,
        jacobian: np.ndarray,
        *,
        stored_alone: bool = False,
    ) -> dict[str, Any] | None:
        """Return columns and their values for an image, from the z that were found by a rule.

        If it is to be explained as `stored_alone`, without a change, return None if it is not.

        These, `starts` (starts, latent), are under one label, the best first; `jacobian` (latent,
        pixels) is at the best. There are no columns if J is too large or not finite.
        """
        too_large = jacobian.size > MAX_JACOBIAN_VALUES
        if not len(starts) or too_large or not np.isfinite(jacobian).all():
            return {}
        low, high = find_z_bounds(self.generator.prior, rule)
        renderer = Renderer(self.generator, label, low, high, step_precision=self.step_precision)

        def explain(
            picture: Picture, starts: np.ndarray, jacobian: np.ndarray
        ) -> Explanation | None:
            return explain_image(
                renderer,
                picture,
                starts,
                jacobian,
                lambda: self._draws,
                measure_rounding=lambda: self._rounding,
                align=self.config.aligns,
                stored_alone=stored_alone,
            )

        z = starts.astype(np.float64)
        explanation = explain(picture, z, to_grey_levels(jacobian, self.generator))
        if explanation is None:
            return None
        if not explanation.explained and self.mask is None:  # a mask already says what counts
            explanation = explain_crops(renderer, picture, z, explain, explanation)
        strangers = np.full(STRANGERS, np.nan) if explanation.explained else self._stranger_errors
        return explanation._asdict() | {"stranger_rmse": strangers}

    @cached_property
    def _draws(self) -> np.ndarray:
        """Own pictures in grey levels: (draws, height, width, channels) float64."""
        return np.asarray((render_draws(self.generator).astype(np.float64) + 1) * GREY_LEVELS)

    @cached_property
    def _rounding(self) -> float:
        """Mean squared error of pixels in [-1, 1] from computing in float32, of the worst draw."""
        exact = render_draws(self.generator, MIN_PICTURES, "float64")
        errors = render_draws(self.generator, MIN_PICTURES) - exact
        return float(np.mean(errors**2, (1, 2, 3)).max())

    @cached_property
    def _stranger_errors(self) -> np.ndarray:
        return find_stranger_errors(self.generator, self.mask)


def render_draws(
    generator: Generator, most: int = PICTURES, precision: str = "float32"
) -> np.ndarray:
    """Return images of draws from the prior; fewer if they are large or slow to compute."""
    values = int(np.prod(generator.image_shape))
    affordable = min(MAX_VALUES // values, MAX_MULTIPLY_ADDS // max(1, generator.multiply_adds))
    numbers = np.arange(min(most, max(MIN_PICTURES, affordable)))
    labels = numbers % generator.labels if generator.labels else None
    z = draw_z(generator, Purpose.copies, numbers)
    return generator.render(z, min(len(z), MIN_PICTURES), precision, labels)
