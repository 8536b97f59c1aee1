"""The columns of a certificate that say which change and storage of G(z) explain an image."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import Picture
from ganinv_cli.inversion.randomness import Purpose, uniform
from ganinv_cli.inversion.refine.refinement import find_limits
from ganinv_cli.reenact.explain import explain_image
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

    def explain(
        self,
        picture: Picture,
        starts: np.ndarray,
        label: int,
        rule: str,
        jacobian: np.ndarray,
    ) -> dict[str, Any]:
        """Return columns and their values for an image, from the z that were found by a rule.

        These, `starts` (starts, latent), are under one label, the best first; `jacobian` (latent,
        pixels) is at the best. There are no columns if J is too large or not finite.
        """
        too_large = jacobian.size > MAX_JACOBIAN_VALUES
        if not len(starts) or too_large or not np.isfinite(jacobian).all():
            return {}
        low, high = find_limits(self.generator.prior, rule)
        explanation = explain_image(
            Renderer(self.generator, label, low, high),
            picture,
            starts.astype(np.float64),
            to_grey_levels(jacobian, self.generator),
            lambda: self._draws,
            align=self.config.aligns,
        )
        strangers = np.full(STRANGERS, np.nan) if explanation.explained else self._stranger_errors
        return explanation._asdict() | {"stranger_rmse": strangers}

    @cached_property
    def _draws(self) -> np.ndarray:
        """Own pictures in grey levels: (draws, height, width, channels) float64."""
        return np.asarray((render_draws(self.generator).astype(np.float64) + 1) * GREY_LEVELS)

    @cached_property
    def _stranger_errors(self) -> np.ndarray:
        return find_stranger_errors(self.generator, self.mask)


def render_draws(generator: Generator) -> np.ndarray:
    """Return images of draws from the prior; fewer if they are large or slow to compute."""
    values = int(np.prod(generator.image_shape))
    affordable = min(MAX_VALUES // values, MAX_MULTIPLY_ADDS // max(1, generator.multiply_adds))
    numbers = tf.range(min(PICTURES, max(MIN_PICTURES, affordable)), dtype=tf.int64)
    share = uniform(0, numbers, Purpose.copies, tf.zeros_like(numbers), generator.latent)
    labels = numbers.numpy() % generator.labels if generator.labels else None
    z = generator.prior.quantile(share).numpy()
    return generator.render(z, min(len(z), MIN_PICTURES), labels=labels)
