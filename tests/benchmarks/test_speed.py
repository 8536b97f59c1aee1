"""Pages of measured numbers come from the stored files; the measurements compare like with like."""

import json
from pathlib import Path

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.records import format_page
from benchmarks.reproduction.pages import MEASUREMENTS
from benchmarks.speed import methods, peers

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"


def make_result(**changed):
    given = {"generator": "g", "method": peers.OURS, "pace": 100.0, "seconds": 1.0}
    given |= {"stop": 8e-8, "gradients": [10.0, 30.0], "recovered": [True, True]}
    return peers.Result(**given | changed)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_page_is_what_its_stored_file_says(name):
    stored = json.loads((DOCS / f"{name}.json").read_text("utf-8"))
    assert format_page(stored) == (DOCS / f"{name}.md").read_text("utf-8")


def test_trials_recovered_per_second_are_compared_at_equal_pace():
    assert peers.format_speedup(make_result(), make_result(seconds=8.0)).split()[0] == "8.00"
    slowed = make_result(seconds=8.0, pace=50.0)
    assert peers.format_speedup(make_result(), slowed).split()[0] == "4.00"
    half = make_result(recovered=[True, False])
    assert peers.format_speedup(make_result(), half) == "2.00 [1.00, inf]"


def test_a_method_that_recovered_nothing_gets_a_bound_and_no_interval():
    other = make_result(seconds=8.0, recovered=[False, False])
    # Of two trials it recovers at most .842, by the exact interval of 0 of 2: 8 / .842.
    assert peers.format_speedup(make_result(), other) == "> 9.50"


def test_each_method_solves_the_same_trials(tmp_path, monkeypatch):
    builders.make_definition(tmp_path / "g")
    monkeypatch.setattr(peers, "PACE_SECONDS", 0.01)
    monkeypatch.delitem(peers.METHODS, "TFP L-BFGS")  # is not installed here
    results = list(peers.run_methods(str(tmp_path / "g"), 2))
    assert [each.method for each in results] == [peers.OURS, *peers.METHODS]
    for each in results:
        assert len(each.gradients) == 2 and 0 < each.stop < 1e-6 and each.seconds > 0
    recovered = {row["method"]: row["recovered"] for row in peers.make_tables(results)["rows"]}
    assert recovered[peers.OURS] == recovered["SciPy L-BFGS-B"] == "2 of 2"


@pytest.mark.parametrize(
    ("rule", "optimizer"),
    [
        (methods.adam, keras.optimizers.Adam(0.1, epsilon=1e-8)),
        (methods.momentum, keras.optimizers.SGD(10.0, momentum=0.7)),
    ],
)
def test_a_descent_takes_the_steps_of_keras(rule, optimizer):
    z, gradients = np.zeros((2, 3), np.float32), np.random.default_rng(0).normal(size=(4, 2, 3))
    there, moments = keras.Variable(z), (z, z)
    for count, gradient in enumerate(gradients.astype(np.float32), 1):
        step, moments = rule(gradient, moments, tf.constant(float(count)))
        z = z + step
        optimizer.apply([gradient], [there])
    np.testing.assert_allclose(z, there.numpy(), rtol=1e-5)
