"""Draws of z in place of those of the prior: given ones, or those of an intermediate tensor."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ganinv_cli.errors import ConfigError, UsageError, explain_failures, to_printable
from ganinv_cli.files import ArrayFileError, read_arrays
from ganinv_cli.generators.formats.complete import LENGTH_NOTE
from ganinv_cli.generators.network.definition import Convention, Definition
from ganinv_cli.generators.network.intermediates import (
    compute_intermediate,
    cut_network,
    list_intermediates,
)
from ganinv_cli.prior import fit_normal
from ganinv_cli.settings.conventions import Conventions

DRAWS = 4096  # of an intermediate tensor


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
    return replace(definition, draws=draws, prior=prior, assumed=_leave_out_prior(definition))


def cut_definition(definition: Definition, name: str) -> Definition:
    """Return the definition of a generator that begins at an intermediate tensor; "": at z.

    Draws of z of the prior, or the given ones, make the draws of the tensor, and these its prior.
    Raises ConfigError.
    """
    if not name:
        return definition
    network, known = definition.network, list_intermediates(definition.network)
    if name not in (each.name for each in known):
        names = ", ".join(each.name for each in known) or "none"
        raise ConfigError(
            f"latent = {name!r} is neither a shape of z nor a tensor of {definition.path} that "
            f"decides the whole picture; these are {names}"
        )
    random, z = np.random.default_rng(0), definition.draws
    if z is None:
        share = random.uniform(size=(DRAWS, network.latent))
        z = definition.prior.quantile(share).astype(np.float32)
    labels = random.integers(max(1, network.labels), size=len(z), dtype=np.int32)
    draws = compute_intermediate(network, name, z, labels, definition.prior)
    prior = fit_normal(draws)
    row = Convention("prior", "", str(prior), "inferred")
    return replace(
        definition,
        network=cut_network(network, name),
        draws=draws,
        prior=prior,
        conventions=tuple(row if x.name == "prior" else x for x in definition.conventions),
        notes=tuple(each for each in definition.notes if each != LENGTH_NOTE),
        assumed=_leave_out_prior(definition),
    )


def _leave_out_prior(definition: Definition) -> tuple[str, ...]:
    return tuple(each for each in definition.assumed if not each.endswith("(--prior)"))
