"""The cells of Table 2 are measured correctly."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.reproduction.table2 import TABLES, Data, measure, read_cell

RESULTS = Path(__file__).parents[3] / "docs" / "results"
BASE, *_ = CELLS = TABLES["Table 2, one factor at a time"]


def make_data(**changed):
    """Three recoveries at 0, 1 and 1 + 1e-5 of one component; the last two are one minimum."""
    z, yes = np.zeros((3, 100)), np.ones(3, bool)
    z[1, 0], z[2, 0] = 1, 1 + 1e-5
    return Data(3072, z, np.array([4.0, 1.0, 2.0]), ~yes, z, yes)._replace(**changed)


def test_distances_minima_and_components_are_counted():
    found = measure(BASE, make_data())
    assert found.mean == pytest.approx((1 + 1 + 1e-5 + 1e-5) / 3 / 100)
    assert (found.row["distinct minima"], found.row["at a minimum"]) == ("2", "3")
    assert (found.row["image loss"], found.row["at a bound"]) == ("2.00", "1")


def test_a_recovery_that_is_no_minimum_is_not_counted_as_one():
    row = measure(BASE, make_data(is_minimum=np.array([True, False, False]))).row
    assert (row["distinct minima"], row["at a minimum"]) == ("1", "1")


def test_what_was_not_refined_says_so():
    row = measure(BASE, make_data(refined=None, is_minimum=None)).row
    assert row["refined"] == row["at a minimum"] == row["distinct minima"] == "-"


def test_every_cell_but_the_base_changes_one_thing():
    assert len({(cell.factor, cell.value) for cell in CELLS}) == len(CELLS)


def test_the_best_of_some_starts_is_that_of_the_least_loss():
    whole, best = (read_cell(RESULTS, BASE._replace(best_of=number)) for number in (1, 4))
    np.testing.assert_array_equal(best.loss, whole.loss.reshape(-1, 4).min(axis=1))
