"""Fitting an encoder is better than guessing, and is exact."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from builders import make_checkpoint

from ganinv_cli.encoder import fit
from ganinv_cli.encoder.model import Encoder, extract_features
from ganinv_cli.errors import CheckpointError
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import Uniform

SMALL = fit.EncoderSettings(images=3000, batch_size=700, seed=3)


def test_it_is_nearer_than_guessing_and_says_how_near(generator, tmp_path):
    path = tmp_path / "encoder.npz"
    seen = list(fit.fit_encoder(generator, SMALL, path))
    assert [at.images for at in seen] == [700, 1400, 2100, 2800, 3000, 3000]
    assert [at.encoder is None for at in seen] == [True] * 5 + [False]
    encoder = Encoder.load(path, generator)
    z = np.random.default_rng(0).uniform(-1, 1, (500, generator.latent)).astype(np.float32)
    error = np.mean((encoder(generator(tf.constant(z))).numpy() - z) ** 2)
    quality = encoder.about["quality"]
    assert quality["guessing"] == pytest.approx(1 / 3)
    assert error < 0.1 * quality["guessing"]
    assert quality["clipped"] <= quality["error"] == pytest.approx(error, rel=0.2)
    assert quality["error"] < quality["rounded"] < quality["guessing"]
    assert encoder.about["run"]["seed"] == 3
    assert encoder.about["versions"]["tensorflow"] == tf.__version__


@pytest.mark.parametrize("shape", [{"channels": 1}, {"widths": (8, 4, 4)}], ids=str)
def test_grey_and_larger_images_and_other_priors_can_be_fitted(tmp_path, shape):
    generator = make_generator(
        dataclasses.replace(make_checkpoint(tmp_path, **shape), prior=Uniform(0.0, 2.0))
    )
    settings = fit.EncoderSettings(images=500, batch_size=100)
    encoder = list(fit.fit_encoder(generator, settings, tmp_path / "encoder.npz"))[-1].encoder
    assert encoder is not None
    assert encoder.image_shape == generator.image_shape
    assert encoder.about["quality"]["error"] < 0.5 * encoder.about["quality"]["guessing"]


def test_it_is_the_ridge_regression_of_z_on_the_values(generator, tmp_path):
    settings = fit.EncoderSettings(images=900, batch_size=400, ridge=1e-2, seed=5)
    encoder = list(fit.fit_encoder(generator, settings, tmp_path / "encoder.npz"))[-1].encoder
    assert encoder is not None
    z = np.concatenate(
        [tf.random.stateless_uniform([400, generator.latent], [5, n]) * 2 - 1 for n in range(3)]
    )[:900]
    v = np.hstack([extract_features(generator(tf.constant(z))), np.ones((900, 1))]).astype(
        np.float64
    )
    squares = v.T @ v + 900 * 1e-2 * np.mean(v**2) * np.eye(v.shape[1])
    expected = np.linalg.solve(squares, v.T @ z)
    solved = np.vstack([encoder.weights, encoder.bias])
    np.testing.assert_allclose(solved, expected, rtol=1e-3, atol=1e-4)  # weights in float16


def test_images_that_are_not_finite_are_refused(generator, tmp_path):
    spoilt = make_generator(
        dataclasses.replace(make_checkpoint(tmp_path), prior=Uniform(float("nan"), 1.0))
    )
    with pytest.raises(CheckpointError, match="images that are not finite"):
        next(fit.fit_encoder(spoilt, SMALL, tmp_path / "encoder.npz"))
