"""Trial numbers are kept in memory by how many there are, not by the largest."""

import tracemalloc

import numpy as np
import pytest

from ganinv_cli.limits import MAX_TRIALS
from ganinv_cli.store.catalogue import Catalogue
from ganinv_cli.store.merge.merged_rows import MergedRows
from ganinv_cli.store.ranges import TrialValues

LARGEST = MAX_TRIALS - 1


@pytest.mark.parametrize("most", [50, 3000, LARGEST])
def test_values_are_those_of_a_dictionary(most):
    draw = np.random.default_rng(most)
    values, expected = TrialValues(), {}
    for value in range(20):
        trials = draw.choice(most, 30, replace=False)
        values.set(trials, value)
        expected |= dict.fromkeys(trials.tolist(), value)
    numbers = np.array(sorted(expected))
    for low, high in (
        (0, most),
        (most // 3, most // 2),
        (most, most + 1),
        (numbers[3], numbers[9]),
    ):
        inside = numbers[(numbers >= low) & (numbers < high)]
        trials, found = values.select(low, high)
        assert trials.tolist() == inside.tolist()
        assert found.tolist() == [expected[number] for number in inside.tolist()]
    asked = draw.integers(most, size=200)
    assert values.get(asked).tolist() == [expected.get(number, -1) for number in asked.tolist()]


def test_a_large_trial_number_takes_no_memory(tmp_path):
    tracemalloc.start()
    catalogue, merged = Catalogue(), MergedRows()
    assert catalogue.add(tmp_path / "part.h5", {"none": np.array([3, LARGEST])})
    assert not catalogue.add(tmp_path / "again.h5", {"none": np.array([LARGEST])})
    catalogue.attributes = {"finished": ""}
    merged.add_rows(tmp_path / "a.h5", catalogue)
    assert merged.list_trials("none").tolist() == [3, LARGEST]
    assert merged.find_shared_trials(catalogue)["none"].tolist() == [3, LARGEST]
    assert catalogue.is_missing("none", np.array([2, 3, LARGEST])).tolist() == [True, False, False]
    assert catalogue.saved_trials == 2
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20
