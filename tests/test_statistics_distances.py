"""Whether recoveries of one image agree."""

import tracemalloc

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from ganinv_cli import statistics


def test_the_distance_of_vectors_is_the_papers() -> None:
    """Not squared, over latent: two corners of the cube are 2√latent / latent apart."""
    z = np.array([[-1.0] * 4, [1.0] * 4, [1.0, 1.0, 1.0, -1.0]])
    assert statistics.pairwise(z) == pytest.approx([1, 12**0.5 / 4, 2 / 4])


def test_distances_are_exact_where_an_expansion_loses_them() -> None:
    z = np.full((2, 100), 0.7)
    z[1, 0] += 1e-12
    assert statistics.pairwise(z) == pytest.approx([abs(z[1, 0] - z[0, 0]) / 100], rel=1e-12)


def test_distances_of_float32_are_taken_in_float64() -> None:
    z = np.random.default_rng(1).uniform(-1, 1, (3, 5)).astype(np.float32)
    exact = [np.linalg.norm(z[i].astype(float) - z[j]) / 5 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert statistics.pairwise(z) == pytest.approx(exact, rel=1e-14)


def test_a_thousand_vectors_need_no_array_of_all_differences() -> None:
    z = np.random.default_rng(2).uniform(-1, 1, (1000, 100))
    tracemalloc.start()
    distances = statistics.pairwise(z)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert distances.shape == (499_500,)
    assert peak < 20e6  # the differences: 800e6


def test_the_spread_is_that_of_three_points_on_a_line() -> None:
    z = np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0]])  # 1, 3 and 4 apart, latent 2
    spread = statistics.spread(statistics.pairwise(z), 2)
    assert spread == pytest.approx((3, 8 / 3 / 2, 3 / 2, (1 + 9 + 16) / 3 / 2))


@pytest.mark.parametrize("vectors", [0, 1])
def test_without_a_pair_there_is_no_spread(vectors) -> None:
    distances = statistics.pairwise(np.zeros((vectors, 4)))
    assert distances.shape == (0,)
    assert statistics.spread(distances, 4) == pytest.approx((0, *[np.nan] * 3), nan_ok=True)


def test_the_baseline_is_the_papers() -> None:
    assert round(statistics.baseline(100), 4) == 0.0815


@pytest.mark.parametrize(
    ("latent", "distance"), [(1, 1 / 3), (2, 0.5214054331647), (3, 0.6617071822672)]
)
def test_the_baseline_is_the_mean_distance_in_segment_square_and_cube(latent, distance) -> None:
    """The last is Robbins' constant."""
    assert statistics.baseline(latent, 0, 1) * latent == pytest.approx(distance, rel=1e-9)
    assert statistics.baseline(latent, -3, 2) * latent == pytest.approx(5 * distance, rel=1e-9)


def test_the_baseline_is_what_random_vectors_give() -> None:
    z = np.random.default_rng(3).uniform(-1, 1, (300, 512))
    simulated = statistics.spread(statistics.pairwise(z), 512).mean
    assert statistics.baseline(512) == pytest.approx(simulated, rel=2e-3)


def test_clusters_come_with_the_largest_first() -> None:
    z = np.array([[5.0], [0.0], [9.0], [0.1], [5.1], [0.2]])
    assert statistics.clusters(z, 0.15).tolist() == [1, 0, 2, 0, 1, 0]


def test_clusters_of_one_size_come_in_the_order_of_their_first_members() -> None:
    z = np.array([[5.0], [0.0], [5.0], [9.0], [0.0], [9.0]])
    assert statistics.clusters(z, 0.1).tolist() == [0, 1, 0, 2, 1, 2]


def test_steps_below_the_tolerance_lead_through_a_cluster() -> None:
    z = np.arange(10)[:, None] * 1.0
    assert not statistics.clusters(z, 1.01).any()
    assert statistics.clusters(z, 1.0).tolist() == list(range(10))


def test_the_tolerance_is_in_the_papers_distance() -> None:
    z = np.array([[0.0, 0.0], [0.3, 0.4]])  # .5 apart, over latent .25
    assert statistics.clusters(z, 0.26).tolist() == [0, 0]
    assert statistics.clusters(z, 0.24).tolist() == [0, 1]


def test_clusters_are_those_of_single_linkage() -> None:
    z = np.random.default_rng(4).uniform(-1, 1, (300, 2))
    ours = statistics.clusters(z, 0.03)
    theirs = fcluster(linkage(z, "single"), 0.06, "distance")
    assert 10 < len(set(theirs)) < 290
    assert len(set(zip(ours, theirs, strict=True))) == len(set(ours)) == len(set(theirs))
    sizes = np.bincount(ours)
    assert (np.diff(sizes) <= 0).all()


def test_a_vector_that_is_not_finite_is_alone() -> None:
    z = np.array([[np.nan, 0], [0, 0], [np.inf, 0], [0, 0], [np.inf, 0]])
    assert statistics.clusters(z, 0.1).tolist() == [1, 0, 2, 0, 3]


def test_none_and_one_are_clustered() -> None:
    assert statistics.clusters(np.zeros((0, 4)), 0.1).tolist() == []
    assert statistics.clusters(np.zeros((1, 4)), 0.1).tolist() == [0]


def test_the_least_loss_is_reached_to_within_a_share() -> None:
    losses = np.array([100.0, 100.09, 100.11, np.nan, 250.0, np.inf])
    assert statistics.reached(losses).tolist() == [True, True, False, False, False, False]
    assert statistics.reached(losses, 2e-3).tolist() == [True, True, True, False, False, False]


def test_a_loss_near_zero_is_reached_to_within_the_floor() -> None:
    losses = np.array([1e-12, 9e-7, 2e-6])
    assert statistics.reached(losses).tolist() == [True, False, False]
    assert statistics.reached(losses, floor=1e-6).tolist() == [True, True, False]
    above = np.array([5e-7, 1.2e-6])  # the floor is no distance from the least
    assert statistics.reached(above, floor=1e-6).tolist() == [True, False]


@pytest.mark.parametrize("losses", [[], [np.nan, np.inf]])
def test_without_a_finite_loss_none_is_reached(losses) -> None:
    assert not statistics.reached(np.array(losses), floor=1.0).any()
