"""A prior has its own bounds and draws, and one text form."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ganinv_cli.errors import ConfigError
from ganinv_cli.prior import Normal, Uniform, make_normal, parse_prior

PRIORS = [
    Uniform(),
    Uniform(-1.2345678, 1 / 3),
    make_normal(100),
    Normal(0.5, 0.9),
]


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_its_draws_lie_within_its_bounds(prior):
    z = prior.quantile(np.linspace(1e-9, 1 - 1e-9, 1001))
    assert not prior.is_outside(z[1:-1]).any()
    assert z[0] == pytest.approx(prior.low, rel=1e-5) and z[-1] == pytest.approx(
        prior.high, rel=1e-5
    )
    assert prior.is_outside(np.array([prior.low, prior.high, prior.high + 1])).all()


def test_a_normal_is_cut_where_so_much_of_it_is_inside():
    prior = Normal(1, 0.99)
    assert prior.high == -prior.low == pytest.approx(2.5758293)
    cut = stats.truncnorm(-2.5758293, 2.5758293)
    share = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(prior.quantile(share), cut.ppf(share), atol=1e-7)
    np.testing.assert_allclose(Normal(2, 0.99).quantile(share), 2 * cut.ppf(share), atol=1e-7)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_tensors_and_arrays_come_to_the_same(prior):
    share = np.linspace(0.001, 0.999, 99, dtype=np.float32)
    found = prior.quantile(tf.constant(share))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(
        found, prior.quantile(share.astype(np.float64)), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_its_name_is_read_back(prior):
    assert parse_prior(str(prior), latent=7) == prior


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("uniform", Uniform()),
        ("uniform:0,1", Uniform(0, 1)),
        ("normal", Normal(1, 0.9999)),
        ("normal:2", Normal(2, 0.9999)),
        ("normal:1,0.95", Normal(1, 0.95)),
    ],
)
def test_what_is_left_out_is_usual(text, prior):
    assert parse_prior(text, latent=100) == prior


@pytest.mark.parametrize("latent", [1, 100, 1 << 14])
def test_a_normal_keeps_99_percent_of_whole_vectors_however_long(latent):
    prior = parse_prior("normal", latent)
    assert prior == make_normal(latent) == parse_prior(str(prior), latent=3)
    assert prior.inside**latent == pytest.approx(0.99, abs=6e-4)
    assert len(str(prior)) <= len("normal:1,0.99999939")


def test_the_longest_z_is_drawn_within_its_bounds():
    prior = make_normal(1 << 14)
    share = np.array([0, 1e-7, 0.5, 1 - 2**-24, 1], np.float32)
    for z in (prior.quantile(share), prior.quantile(tf.constant(share)).numpy()):
        assert np.isfinite(z).all() and np.abs(z).max() <= np.float32(prior.high)


@pytest.mark.parametrize(
    "text",
    [
        *("", "gamma", "uniform:1", "uniform:1,-1", "uniform:0,inf", "uniform:0,nan", "normal:a"),
        *("normal:0", "normal:1,1e-4", "normal:1,0.99999999", "normal:1,1", "normal:1,2,3"),
        *("uniform:1e-45,2e-45", "uniform:999,999.0001", "normal:1e-40", "normal:1e30"),
        "uniform:-3e38,3e38",
    ],
)
def test_what_is_no_prior_is_refused_in_a_sentence(text):
    with pytest.raises(ConfigError, match=r"is not a prior of z: (give|LOW comes first)"):
        parse_prior(text, latent=100)


@pytest.mark.parametrize("prior", [Uniform(-1, 3), Normal(2, 0.9)])
def test_the_share_below_a_quantile_is_its_share(prior):
    share = np.linspace(0.01, 0.99, 9)
    np.testing.assert_allclose(prior.share_below(prior.quantile(share)), share)
    assert prior.share_below(np.array([-99.0, 99.0])).tolist() == [0, 1]


@pytest.mark.parametrize(
    "prior", [Uniform(0.0, 3.0), Normal(2.0, 0.9999), Normal(1.0, 0.5)], ids=str
)
def test_the_variance_is_that_of_the_draws(prior):
    draws = prior.quantile((np.arange(100_000) + 0.5) / 100_000)
    assert prior.variance == pytest.approx(draws.var(), rel=1e-3)
