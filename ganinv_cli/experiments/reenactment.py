"""The columns of a certificate that say which change and storage of G(z) explain an image."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import Picture
from ganinv_cli.inversion.polish.gauss_newton import find_z_bounds
from ganinv_cli.precision import Dtype
from ganinv_cli.reenact.crops import explain_file
from ganinv_cli.reenact.explain import explain_image
from ganinv_cli.reenact.fit import Renderer, scale_jacobian
from ganinv_cli.reenact.known_pictures import STRANGERS, OwnDraws, find_stranger_errors
from ganinv_cli.results.store.reenactment import Reenactment
from ganinv_cli.settings.config import ImagesConfig

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
        own = OwnDraws(renderer)

        def explain(
            picture: Picture, starts: np.ndarray, jacobian: np.ndarray
        ) -> Reenactment | None:
            return explain_image(
                renderer,
                picture,
                starts,
                jacobian,
                own,
                aligns=self.config.aligns,
                stored_alone=stored_alone,
            )

        found = explain_file(
            renderer,
            picture,
            starts.astype(np.float64),
            scale_jacobian(jacobian, self.generator),
            explain,
            may_crop=self.mask is None,  # a mask already says what counts
        )
        if found is None:
            return None
        strangers = np.full(STRANGERS, np.nan) if found.explained else self._stranger_errors
        return found._replace(stranger_rmse=strangers)._asdict()

    @cached_property
    def _stranger_errors(self) -> np.ndarray:
        return find_stranger_errors(self.generator, self.mask)
