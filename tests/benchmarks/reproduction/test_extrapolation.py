"""Errors at the end of descent, from two on the way."""

import numpy as np
import pytest

from benchmarks.reproduction.extrapolation import extrapolate_errors

pytestmark = pytest.mark.slow


def test_an_error_that_falls_by_a_steady_factor_is_predicted_and_one_that_rises_stays():
    """By .1 for 10,000 updates at the first rate: 3 + 5 / 2 of them follow, after the halving."""
    first, second = np.array([0.1, 0.1, 0.0]), np.array([0.01, 0.2, 0.0])
    found = extrapolate_errors(first, second, 100_000, 50_000)
    np.testing.assert_allclose(found, [0.01 * 0.1**5.5, 0.2, 0.0])
