"""Distances and clusters of z, and what they are for draws from the prior."""

import numpy as np
import pytest

from ganinv_cli.prior import Normal, Uniform
from ganinv_cli.results import statistics


def test_the_distance_is_the_papers_not_squared_and_over_latent():
    z = np.array([[-1.0] * 4, [1.0] * 4, [1.0, 1.0, 1.0, -1.0]])
    assert statistics.pairwise_distances(z) == pytest.approx([1, 12**0.5 / 4, 2 / 4])
    assert statistics.pairwise_distances(z[:1]).shape == (0,)
    near = np.full((2, 100), 0.7)  # in the expansion of ‖zᵢ − zⱼ‖² rounding would hide this
    near[1, 0] += 1e-12
    assert statistics.pairwise_distances(near) == pytest.approx([1e-14], rel=1e-3)


@pytest.mark.parametrize("prior", [Uniform(0, 3), Normal(1.0, 0.99), Normal(2.0, 0.5)])
def test_the_expected_distance_is_that_of_random_z(prior):
    for latent in (2, 100):
        shares = np.random.default_rng(3).uniform(size=(2, 20_000, latent))
        first, second = prior.quantile(shares)
        simulated = np.linalg.norm(first - second, axis=1) / latent
        error = 4 * simulated.std() / np.sqrt(len(simulated))
        found = statistics.expected_distance(latent, prior)
        assert found == pytest.approx(simulated.mean(), abs=error)


@pytest.mark.parametrize(
    ("latent", "distance"), [(1, 1 / 3), (2, 0.5214054331647), (3, 0.6617071822672)]
)
def test_the_expected_distance_is_known_in_segment_square_and_cube(latent, distance):
    """The last is Robbins' constant."""
    found = statistics.expected_distance(latent, Uniform(-3, 2)) * latent
    assert found == pytest.approx(5 * distance, rel=1e-9)
    assert round(statistics.expected_distance(100), 4) == 0.0815  # the paper's


@pytest.mark.parametrize(
    ("z", "labels", "clusters"),
    [
        ([5, 0, 9, 0.1, 5.1, 0.2], None, [1, 0, 2, 0, 1, 0]),  # the largest first
        ([5, 0, 5, 9, 0, 9], None, [0, 1, 0, 2, 1, 2]),  # then by the first member
        ([0, 0.15, 0.3], None, [0, 1, 2]),  # not below the tolerance
        ([np.nan, 0, np.inf, 0, np.inf], None, [1, 0, 2, 0, 3]),  # not finite: alone
        ([0, 0, 0.1, 0.2, 5], [1, 0, 0, 0, 0], [1, 0, 0, 0, 2]),  # under another label
        ([0, 0, 0.1, 0.2, 5], [0, 0, 1, 0, 0], [0, 0, 1, 2, 3]),  # no step across a label
        ([], None, []),
        ([3], None, [0]),
    ],
)
def test_z_are_one_cluster_if_steps_below_the_tolerance_link_them(z, labels, clusters):
    given = None if labels is None else np.array(labels)
    found = statistics.assign_clusters(np.array(z, float)[:, None], 0.15, given)
    assert found.tolist() == clusters


def test_the_least_loss_is_reached_to_within_a_share_or_below_the_floor():
    losses = np.array([100.0, 100.09, 100.11, np.nan, 250.0, np.inf])
    assert np.flatnonzero(statistics.is_lowest(losses)).tolist() == [0, 1]
    assert np.flatnonzero(statistics.is_lowest(losses, 2e-3)).tolist() == [0, 1, 2]
    small = np.array([5e-7, 9e-7, 1.2e-6])
    assert statistics.is_lowest(small, atol=1e-6).tolist() == [True, True, False]
    for without in ([], [np.nan, np.inf]):
        assert not statistics.is_lowest(np.array(without), atol=1.0).any()


@pytest.mark.parametrize(("prior", "latent"), [(Uniform(0, 1), 40), (Normal(1, 0.5), 100)])
def test_the_norm_range_is_little_wider_than_what_many_draws_cover(prior, latent):
    share = np.random.default_rng(0).uniform(size=(50_000, latent))
    norms = np.linalg.norm(prior.quantile(share), axis=1)
    low, high = statistics.find_norm_range(prior, latent)
    assert low < norms.min() < low + norms.std()
    assert high - norms.std() < norms.max() < high
    assert statistics.find_norm_range(Uniform(), 1) == pytest.approx((0, 1), abs=1e-3)
