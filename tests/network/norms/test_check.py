"""Batch norms show whether a generator has the layers and the prior of its training."""

from dataclasses import replace

import numpy as np
import pytest
from settled import (
    LEAKY,
    check,
    make_checkpoint,
    make_network,
    make_norm,
    replace_layer,
    settle_norms,
)

from ganinv_cli.formats.cached_check import load_check, measure_check
from ganinv_cli.network.convention import Convention
from ganinv_cli.network.folding import add_label_input
from ganinv_cli.network.graph import chain
from ganinv_cli.network.layers import Activation, BatchNorm, Dense, Reshape
from ganinv_cli.network.norm_statistics import Moments
from ganinv_cli.network.norms.check import StoredNorm, compare_norms

FIRST, SECOND = Activation("leaky_relu", 0.2), Activation("leaky_relu", 0.2)  # two objects


@pytest.mark.parametrize("prior", ["normal", "normal:1,0.5", "uniform:0,1"])
def test_a_generator_with_statistics_of_its_own_run_is_confirmed(prior):
    """Training draws from the normal distribution without bounds, for each share inside them."""
    result = check(settle_norms(make_network(), prior.partition(",0.5")[0]), prior)
    assert (result.status, result.doubt, result.is_confirmed) == ("confirmed", "", True)
    assert [row.name for row in result.rows] == ["norm1", "norm2"]
    assert max(row.discrepancy.total for row in result.rows) < 0.06
    labelled = settle_norms(add_label_input(make_network(), 3))
    assert check(labelled).is_confirmed  # labels are drawn alike


def test_another_prior_is_found_with_its_scale():
    result = check(settle_norms(make_network(), "normal"), "uniform")
    assert result.status == "contradicted"
    found = float(result.doubt.split("z of ")[1].split()[0])
    assert found == pytest.approx(1.73, rel=0.03)
    assert result.doubt.endswith("e.g. --prior normal")
    assert not result.rows[0].discrepancy.fits


@pytest.mark.parametrize(
    ("place", "wrong", "fits"),
    [
        (0, Activation("tanh"), [True, False]),
        (1, Activation("relu"), [True, True]),  # behind the last norm, nothing is seen
    ],
)
def test_a_wrong_slope_contradicts_exactly_the_next_norm(place, wrong, fits):
    settled = settle_norms(make_network(FIRST, SECOND))
    result = check(replace_layer(settled, (FIRST, SECOND)[place], wrong))
    assert [row.discrepancy.fits for row in result.rows] == fits
    assert result.is_confirmed == all(fits)
    if not all(fits):
        assert "norm2" in result.doubt and "norm1" not in result.doubt


def test_statistics_as_initialised_are_unsettled():
    result = check(make_network())
    assert (result.status, result.is_confirmed) == ("unsettled", False)
    assert "never settled (means 0 and variances 1 as initialised)" in result.doubt


def test_statistics_that_no_prior_explains_are_called_so():
    settled = settle_norms(make_network())
    norm = next(node.layer for node in settled.nodes if isinstance(node.layer, BatchNorm))
    result = check(replace_layer(settled, norm, replace(norm, mean=norm.mean + 1)))
    assert result.doubt.startswith("no prior fits its moving averages")


@pytest.mark.parametrize("variance", [np.inf, 1e-90, np.nan])
def test_variances_that_overflow_are_compared_without_a_warning(variance):
    def measure(scale: float) -> list[Moments]:
        return [Moments(np.zeros(3), np.full(3, variance))]

    stored = Moments(np.zeros(3, np.float32), np.array([1e-40, 1, 1e38], np.float32))
    result = compare_norms([StoredNorm("norm", stored)], measure, 1.0)
    assert result.status == "contradicted"
    assert result.doubt.startswith("no prior fits its moving averages")


def test_norms_of_single_values_are_compared_without_sampling_error():
    """Each has as few values as there are z, and the covariances of z are the prior's."""
    random = np.random.default_rng(0)
    weights = random.normal(size=(8, 96)).astype(np.float32)
    bias = random.normal(size=96).astype(np.float32)
    exact = replace(make_norm(random, 96), mean=bias, variance=(weights**2).sum(0))  # normal z
    result = check(chain(8, [Dense(weights, bias), exact, Reshape((4, 8, 3))]))
    assert result.rows[0].discrepancy.total < 1e-4


def test_a_generator_without_norms_is_not_checked_and_not_doubted():
    dense = Dense(np.ones((8, 12), np.float32), np.zeros(12, np.float32))
    checkpoint = make_checkpoint(chain(8, [dense, Reshape((2, 2, 3))]))
    result = load_check(checkpoint)
    assert result is not None
    assert (result.status, result.is_confirmed, result.doubt) == ("unchecked", None, "")
    assumed = (
        Convention("prior", "", "normal", "assumed"),
        Convention("activation", "0", "relu", "assumed"),
    )
    doubted = load_check(replace(checkpoint, conventions=assumed))
    assert doubted is not None
    assert doubted.doubt.endswith("what is assumed about its layers (activation)")


def test_a_check_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    checkpoint = make_checkpoint(settle_norms(make_network(LEAKY, LEAKY)))
    assert load_check(checkpoint) is None
    measured = measure_check(checkpoint)
    assert load_check(checkpoint) == measured
    assert load_check(make_checkpoint(checkpoint.network, "uniform")) is None
