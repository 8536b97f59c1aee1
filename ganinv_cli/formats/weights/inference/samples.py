"""Samples of z for a prior, with exactly its mean and covariance."""

from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from ganinv_cli.prior import Uniform, parse_prior

MAX_SAMPLES = 512
MAX_WHITENED = 1024  # components of z up to which their correlations are removed
TYPICAL_LATENT = 100  # components, for priors whose bounds do not matter
UNCUT_ABOVE = 0.98  # a normal prior that keeps this share was trained without bounds


def draw_samples(prior_text: str, latent: int, labels: int) -> np.ndarray:
    """Return samples (n, latent + labels) of z, and of a one-hot label behind it if there is one.

    n is MAX_SAMPLES, or more if z has more components. The samples have the prior's exact moments,
    so the output of a linear layer has the exact mean and variance.
    """
    prior = parse_prior(prior_text, latent)
    count = max(MAX_SAMPLES, 2 * latent)
    mean = (prior.low + prior.high) / 2
    if isinstance(prior, Uniform):
        family = "uniform"
    else:
        family = "normal" if prior.inside > UNCUT_ABOVE else f"normal:1,{prior.inside}"
    base = _draw_standard(family, count, latent)
    z = (mean + compute_sigma(prior_text) * base).astype(np.float32)
    if not labels:
        return z
    drawn = np.random.default_rng(1).permutation(np.arange(len(z)) % labels)
    return np.concatenate([z, np.eye(labels, dtype=np.float32)[drawn]], 1)


@lru_cache(maxsize=256)
def compute_sigma(prior_text: str) -> float:
    """Return the standard deviation of a component of z."""
    prior = parse_prior(prior_text, TYPICAL_LATENT)
    if isinstance(prior, Uniform) or prior.inside > UNCUT_ABOVE:
        return prior.deviation
    shares = (np.arange(20_000) + 0.5) / 20_000
    return float(np.std(np.asarray(prior.quantile(shares))))


@lru_cache(maxsize=4)
def _draw_standard(family: str, count: int, latent: int) -> np.ndarray:
    """Return samples (count, latent) of mean 0 and variance 1, uncorrelated if they are few."""
    shares = np.random.default_rng(0).random((count, latent)).clip(1e-9, 1 - 1e-9)
    if family == "normal":
        x = ndtri(shares)
    else:
        x = np.asarray(parse_prior(family, latent).quantile(shares))
    x = x - x.mean(0)
    if latent > MAX_WHITENED:
        return np.asarray(x / x.std(0))
    return np.linalg.solve(np.linalg.cholesky(x.T @ x / count), x.T).T
