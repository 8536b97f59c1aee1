"""Draws of z that a generator is given, in place of those of its prior."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ganinv_cli.errors import UsageError, explain_failures, to_printable
from ganinv_cli.files import ArrayFileError, read_arrays
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.prior import fit_normal
from ganinv_cli.settings.conventions import Conventions


def take_draws(definition: Definition, latents: ArrayLike, conventions: Conventions) -> Definition:
    """Return a definition with draws of z, (n, *shape) or a file of them, and their prior.

    A prior that is given is kept. Raises UsageError.
    """
    name = "latents"
    if isinstance(latents, str):
        name, what = to_printable(latents), f"{to_printable(latents)} cannot be read"
        with explain_failures(what, "name a .npy file", UsageError, (OSError, ArrayFileError)):
            (latents, *_) = read_arrays(Path(latents)).values()
    draws, network = np.asarray(latents), definition.network
    fits = draws.shape[1:] in (network.latent_shape, (network.latent,)) and len(draws) > 1
    if not (fits and draws.dtype.kind == "f" and np.isfinite(draws).all() and np.ptp(draws)):
        sizes = ", ".join(map(str, network.latent_shape))
        raise UsageError(
            f"{name} has draws of z of {draws.dtype} {draws.shape}; the generator takes finite "
            f"floats of (n, {sizes})"
        )
    draws = draws.reshape(len(draws), -1).astype(np.float32)
    prior = definition.prior if conventions.prior else fit_normal(draws)
    assumed = tuple(each for each in definition.assumed if not each.endswith("(--prior)"))
    return replace(definition, draws=draws, prior=prior, assumed=assumed)
