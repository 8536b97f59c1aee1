"""The range of ‖z‖ holds all but one draw in a million."""

import numpy as np
import pytest
from scipy.stats import chi

from ganinv_cli import statistics
from ganinv_cli.prior import Normal, Uniform


@pytest.mark.parametrize("sigma", [1.0, 0.5])
@pytest.mark.parametrize("latent", [20, 100, 512])
def test_that_of_a_normal_prior_with_wide_bounds_is_chis(latent, sigma):
    found = statistics.find_norm_range(Normal(sigma, 1 - 1e-6), latent)
    assert found == pytest.approx(sigma * chi(latent).ppf([5e-7, 1 - 5e-7]), rel=0.02)


@pytest.mark.parametrize(
    ("prior", "latent"), [(Uniform(), 6), (Uniform(0, 1), 40), (Normal(1, 0.5), 100)]
)
def test_it_is_little_wider_than_what_many_draws_cover(prior, latent):
    share = np.random.default_rng(0).uniform(size=(100_000, latent))
    norms = np.linalg.norm(prior.quantile(share), axis=1)
    low, high = statistics.find_norm_range(prior, latent)
    spread = norms.std()
    assert low < norms.min() < low + spread
    assert high - spread < norms.max() < high


def test_no_draw_of_one_component_is_out_of_range():
    assert statistics.find_norm_range(Uniform(), 1) == pytest.approx((0, 1), abs=1e-3)
