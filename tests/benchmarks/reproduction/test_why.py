"""The power of a planned test is how often random trials make it significant."""

import numpy as np
import pytest

from benchmarks.reproduction.why import SIGNIFICANT, find_power
from ganinv_cli.results.statistics import mcnemar

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("only_first", "only_second"), [(0.08, 0.02), (0.0, 0.08)])
def test_the_power_of_mcnemars_test_is_how_often_it_is_significant(only_first, only_second):
    random, significant = np.random.default_rng(0), 0
    for _ in range(1000):
        drawn = random.random(100)
        first, second = drawn < only_first, drawn > 1 - only_second
        significant += mcnemar(first, second).p < SIGNIFICANT
    assert find_power(only_first, only_second, 100) == pytest.approx(significant / 1000, abs=0.05)
