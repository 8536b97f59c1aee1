"""Distances and clusters of the recoveries of one image."""

import tracemalloc

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.special import gammaln

from ganinv_cli import statistics
from ganinv_cli.prior import Normal, Uniform


def test_the_distance_of_vectors_is_the_papers() -> None:
    """Not squared, over latent: two corners of the cube are 2√latent / latent apart."""
    z = np.array([[-1.0] * 4, [1.0] * 4, [1.0, 1.0, 1.0, -1.0]])
    assert statistics.pairwise_distances(z) == pytest.approx([1, 12**0.5 / 4, 2 / 4])


def test_distances_are_exact_where_an_expansion_loses_them() -> None:
    z = np.full((2, 100), 0.7)
    z[1, 0] += 1e-12
    assert statistics.pairwise_distances(z) == pytest.approx(
        [abs(z[1, 0] - z[0, 0]) / 100], rel=1e-12
    )


def test_distances_of_float32_are_taken_in_float64() -> None:
    z = np.random.default_rng(1).uniform(-1, 1, (3, 5)).astype(np.float32)
    exact = [np.linalg.norm(z[i].astype(float) - z[j]) / 5 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert statistics.pairwise_distances(z) == pytest.approx(exact, rel=1e-14)


def test_a_thousand_vectors_need_no_array_of_all_differences() -> None:
    z = np.random.default_rng(2).uniform(-1, 1, (1000, 100))
    tracemalloc.start()
    distances = statistics.pairwise_distances(z)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert distances.shape == (499_500,)
    assert peak < 20e6  # the differences: 800e6


@pytest.mark.parametrize("vectors", [0, 1])
def test_without_a_pair_there_is_no_distance(vectors) -> None:
    assert statistics.pairwise_distances(np.zeros((vectors, 4))).shape == (0,)


def test_the_baseline_is_the_papers() -> None:
    assert round(statistics.expected_distance(100), 4) == 0.0815


@pytest.mark.parametrize(
    ("latent", "distance"), [(1, 1 / 3), (2, 0.5214054331647), (3, 0.6617071822672)]
)
def test_the_baseline_is_the_mean_distance_in_segment_square_and_cube(latent, distance) -> None:
    """The last is Robbins' constant."""
    for low, high in ((0, 1), (-3, 2)):
        found = statistics.expected_distance(latent, Uniform(low, high)) * latent
        assert found == pytest.approx((high - low) * distance, rel=1e-9)


def test_the_baseline_is_what_random_vectors_give() -> None:
    z = np.random.default_rng(3).uniform(-1, 1, (300, 512))
    simulated = statistics.pairwise_distances(z).mean()
    assert statistics.expected_distance(512) == pytest.approx(simulated, rel=2e-3)


@pytest.mark.parametrize(("latent", "draws"), [(1, 200_000), (3, 100_000), (100, 4000)])
def test_the_baseline_is_what_draws_of_a_cut_normal_give(latent, draws) -> None:
    prior = Normal(2.0, 0.9)
    u, v = prior.quantile(np.random.default_rng(5).uniform(size=(2, draws, latent)))
    distances = np.linalg.norm(u - v, axis=1) / latent
    error = distances.std() / draws**0.5
    found = statistics.expected_distance(latent, prior)
    assert found == pytest.approx(distances.mean(), abs=4 * error)
    assert (
        abs(found - statistics.expected_distance(latent, Uniform(prior.low, prior.high)))
        > 9 * error
    )
    assert abs(found - statistics.expected_distance(latent, Normal(2.0, 0.999999))) > 9 * error


@pytest.mark.parametrize("latent", [1, 2, 100, 512])
def test_the_baseline_of_a_normal_is_known_where_hardly_any_or_nearly_all_is_cut(latent) -> None:
    """√2 σ times the mean of χ with `latent` degrees of freedom; and the value for a uniform."""
    whole = 2**0.5 * 3 * 2**0.5 * np.exp(gammaln((latent + 1) / 2) - gammaln(latent / 2)) / latent
    assert statistics.expected_distance(latent, Normal(3.0, 1 - 1e-15)) == pytest.approx(
        whole, rel=1e-9
    )
    sliver = Normal(3.0, 1e-6)
    flat = statistics.expected_distance(latent, Uniform(sliver.low, sliver.high))
    assert statistics.expected_distance(latent, sliver) == pytest.approx(flat, rel=1e-9)


def test_only_vectors_of_one_label_have_a_distance() -> None:
    z, labels = np.arange(5.0)[:, None], np.array([2, 0, 2, 0, 1])
    assert statistics.pairwise_distances(z, labels).tolist() == [2, 2]
    assert statistics.pairwise_distances(z, np.arange(5)).tolist() == []
    assert statistics.pairwise_distances(z[:1], labels[:1]).tolist() == []


def test_vectors_of_other_labels_are_no_cluster_of_ones_own() -> None:
    z = np.array([[0.0], [0.0], [0.1], [0.2], [5.0]])
    assert statistics.assign_clusters(z, 0.15, np.array([1, 0, 0, 0, 0])).tolist() == [
        1,
        0,
        0,
        0,
        2,
    ]
    apart = statistics.assign_clusters(
        z, 0.15, np.array([0, 0, 1, 0, 0])
    )  # no step leads past another
    assert apart.tolist() == [0, 0, 1, 2, 3]


def test_clusters_come_with_the_largest_first() -> None:
    z = np.array([[5.0], [0.0], [9.0], [0.1], [5.1], [0.2]])
    assert statistics.assign_clusters(z, 0.15).tolist() == [1, 0, 2, 0, 1, 0]


def test_clusters_of_one_size_come_in_the_order_of_their_first_members() -> None:
    z = np.array([[5.0], [0.0], [5.0], [9.0], [0.0], [9.0]])
    assert statistics.assign_clusters(z, 0.1).tolist() == [0, 1, 0, 2, 1, 2]


def test_steps_below_the_tolerance_lead_through_a_cluster() -> None:
    z = np.arange(10)[:, None] * 1.0
    assert not statistics.assign_clusters(z, 1.01).any()
    assert statistics.assign_clusters(z, 1.0).tolist() == list(range(10))


def test_the_tolerance_is_in_the_papers_distance() -> None:
    z = np.array([[0.0, 0.0], [0.3, 0.4]])  # .5 apart, over latent .25
    assert statistics.assign_clusters(z, 0.26).tolist() == [0, 0]
    assert statistics.assign_clusters(z, 0.24).tolist() == [0, 1]


def test_clusters_are_those_of_single_linkage() -> None:
    z = np.random.default_rng(4).uniform(-1, 1, (300, 2))
    ours = statistics.assign_clusters(z, 0.03)
    theirs = fcluster(linkage(z, "single"), 0.06, "distance")
    assert 10 < len(set(theirs)) < 290
    assert len(set(zip(ours, theirs, strict=True))) == len(set(ours)) == len(set(theirs))
    sizes = np.bincount(ours)
    assert (np.diff(sizes) <= 0).all()


def test_a_vector_that_is_not_finite_is_alone() -> None:
    z = np.array([[np.nan, 0], [0, 0], [np.inf, 0], [0, 0], [np.inf, 0]])
    assert statistics.assign_clusters(z, 0.1).tolist() == [1, 0, 2, 0, 3]


def test_none_and_one_are_clustered() -> None:
    assert statistics.assign_clusters(np.zeros((0, 4)), 0.1).tolist() == []
    assert statistics.assign_clusters(np.zeros((1, 4)), 0.1).tolist() == [0]


def test_the_least_loss_is_reached_to_within_a_share() -> None:
    losses = np.array([100.0, 100.09, 100.11, np.nan, 250.0, np.inf])
    assert statistics.is_lowest(losses).tolist() == [True, True, False, False, False, False]
    assert statistics.is_lowest(losses, 2e-3).tolist() == [True, True, True, False, False, False]


def test_a_loss_near_zero_is_reached_to_within_the_floor() -> None:
    losses = np.array([1e-12, 9e-7, 2e-6])
    assert statistics.is_lowest(losses).tolist() == [True, False, False]
    assert statistics.is_lowest(losses, atol=1e-6).tolist() == [True, True, False]
    above = np.array([5e-7, 1.2e-6])  # the floor is no distance from the least
    assert statistics.is_lowest(above, atol=1e-6).tolist() == [True, False]


@pytest.mark.parametrize("losses", [[], [np.nan, np.inf]])
def test_without_a_finite_loss_none_is_reached(losses) -> None:
    assert not statistics.is_lowest(np.array(losses), atol=1.0).any()
