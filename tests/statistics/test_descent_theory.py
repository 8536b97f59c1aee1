"""Linear theory of descent, against descent on quadratic functions."""

import numpy as np
import pytest

from ganinv_cli.statistics.descent_theory import (
    Schedule,
    find_stability_limit,
    find_stable_rate,
    is_beyond_limit,
    predict,
    predict_errors,
)

LATENT = 5


def _descend(eigenvalues, start_error, schedule):
    """‖e‖² / latent after descent on mean(r²) = Σ λ e², whose gradient is 2 λ e."""
    error = start_error.copy()
    for update in range(schedule.updates):
        halvings = update // schedule.halve_every if schedule.halve_every else 0
        error -= schedule.rate * 0.5**halvings * 2 * eigenvalues * error
    return np.mean(error**2)


@pytest.mark.parametrize("halve_every", [0, 1, 7, 30])
def test_the_error_is_that_of_descent_on_a_quadratic(halve_every):
    random = np.random.default_rng(0)
    eigenvalues, errors = random.random((4, LATENT)), random.standard_normal((4, 3, LATENT))
    schedule = Schedule(0.9, 30, halve_every)
    expected = [
        [_descend(eigenvalues[point], errors[point, start], schedule) for start in range(3)]
        for point in range(4)
    ]
    np.testing.assert_allclose(predict_errors(eigenvalues, errors**2, schedule), expected)


@pytest.mark.parametrize(("factor", "beyond"), [(0.999, False), (1.001, True)])
def test_beyond_the_limit_descent_leaves_the_solution(factor, beyond):
    eigenvalues = np.array([0.1, 3.0, 0.7, 0.2, 0.4])
    rate = factor * float(find_stability_limit(eigenvalues))
    grown = _descend(eigenvalues, np.ones(LATENT), Schedule(rate, 10_000, 0))
    assert (grown > 1) == bool(is_beyond_limit(eigenvalues, rate)) == beyond
    assert find_stable_rate(np.array([[0.1, 1.0], [3.0, 0.2]])) == 0.167  # 1 / 6


def test_z_beyond_the_limit_count_if_halving_brings_them_below_it_and_only_in_the_larger_share():
    eigenvalues = np.array([[0.5, 0.4], [0.5, 1.5], [0.5, 3.0], [0.5, 0.4]])
    starts = np.ones((4, 2, 2))
    found = predict(eigenvalues, starts, Schedule(1.0, 2000, 1000))
    assert (found.points, found.beyond, found.beyond_at_end) == (4, 0.5, 0.25)
    assert set(found.least.values()) == {0.5}
    assert set(found.most.values()) == {0.75}
    constant = predict(eigenvalues, starts, Schedule(1.0, 2000, 0))
    assert constant.least == constant.most == found.least
    eigenvalues[0] = np.nan  # a z without numbers is not recovered
    assert set(predict(eigenvalues, starts, Schedule(1.0, 2000, 1000)).least.values()) == {0.25}


def test_every_budget_has_its_phases():
    assert Schedule(1.0, 0).list_phases() == []
    assert Schedule(1.0, 5, 0).list_phases() == [(1.0, 5)]
    assert Schedule(1.0, 5, 2).list_phases() == [(1.0, 2), (0.5, 2), (0.25, 1)]
    assert len(Schedule(1.0, 10**9, 1).list_phases()) == 100  # the rate is 0 by then
    unmoved = predict(np.array([[0.5]]), np.array([[[4.0]]]), Schedule(1.0, 0))
    assert unmoved.least["1e-1"] == 0
