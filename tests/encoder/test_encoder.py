"""An encoder is fitted exactly, and belongs to one generator."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from builders import make_definition

from ganinv_cli.encoder import fit_encoder as fit
from ganinv_cli.encoder.model import (
    MAX_VALUES,
    Encoder,
    extract_features,
    pooled_shape,
)
from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.prior import Normal, Uniform


@pytest.fixture
def encoder(generator):
    """With random weights."""
    random = np.random.default_rng(0)
    weights = random.normal(0, 0.01, (16 * 16 * 3, generator.latent)).astype(np.float32)
    bias = random.normal(size=generator.latent).astype(np.float32)
    return Encoder(weights, bias, (16, 16, 3), (-1.0, 1.0), generator.sha256, {"run": {"seed": 3}})


def _images(count: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).uniform(-1, 1, (count, 16, 16, 3)), tf.float32)


def test_what_is_saved_and_loaded_guesses_the_same(generator, encoder, tmp_path):
    encoder = dataclasses.replace(encoder, weights=encoder.weights.astype(np.float16))
    encoder.save(tmp_path / "encoder.npz")
    loaded = Encoder.load(tmp_path / "encoder.npz", generator)
    np.testing.assert_array_equal(loaded(_images(3)), encoder(_images(3)))
    assert (loaded.about, loaded.bounds) == (encoder.about, encoder.bounds)


@pytest.mark.parametrize(("given", "computed"), [("float64", "float64"), ("bfloat16", "float32")])
def test_it_computes_in_float32_or_better_in_a_graph_too(encoder, given, computed):
    images = tf.cast(_images(2), given)
    in_graph = tf.function(encoder.__call__)(images)
    assert in_graph.dtype == computed
    np.testing.assert_allclose(in_graph, encoder(images), atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 16, 1), (128, 128, 3)], ids=str)
def test_a_large_image_is_averaged_until_it_is_small_enough(shape):
    grey = tf.fill([2, *shape], 0.5)
    seen = extract_features(grey)
    assert 0 < seen.shape[1] == np.prod(pooled_shape(*shape)[1]) <= MAX_VALUES
    assert seen.shape[1] == min(np.prod(shape), seen.shape[1])
    np.testing.assert_allclose(seen, np.arctanh(0.5), rtol=1e-5)


def test_another_generator_or_prior_is_refused(encoder, tmp_path):
    path = tmp_path / "encoder.npz"
    encoder.save(path)
    other = make_definition(tmp_path, seed=1)
    same = dataclasses.replace(make_definition(tmp_path), prior=Uniform(0.0, 1.0))
    for definition, words in ((other, other.sha256[:12]), (same, "z in [0.0, 1.0]; fit one")):
        with pytest.raises(CheckpointError) as caught:
            Encoder.load(path, make_generator(definition))
        said = str(caught.value)
        assert f"{encoder.generator_sha256[:12]}… with z in [-1.0, 1.0], not to" in said
        assert words in said


@pytest.mark.parametrize(
    "weights", [None, np.array([{"code": 1}], object), np.ones((767, 6), np.float32)]
)
def test_a_file_that_is_no_encoder_is_explained(encoder, tmp_path, weights):
    path = tmp_path / "encoder.npz"
    encoder.save(path)
    np.savez(path, **dict(np.load(path)) | {"weights": weights})
    if weights is None:
        path.write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        Encoder.load(path)
    said = str(caught.value)
    assert said.startswith(f"{path} cannot be read as an encoder (")
    assert said.endswith("make it with `ganinv train-encoder --overwrite`")
    assert "\n" not in said


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


@pytest.mark.parametrize(
    ("shape", "prior", "variance"),
    [
        ({"channels": 1}, Uniform(0.0, 2.0), 1 / 3),
        ({"widths": (8, 4, 4)}, Normal(0.5, 0.9999), 0.25),
    ],
    ids=str,
)
def test_grey_and_larger_images_and_other_priors_can_be_fitted(tmp_path, shape, prior, variance):
    definition = make_definition(tmp_path, **shape)
    generator = make_generator(dataclasses.replace(definition, prior=prior))
    settings = fit.EncoderSettings(images=500, batch_size=100)
    encoder = list(fit.fit_encoder(generator, settings, tmp_path / "encoder.npz"))[-1].encoder
    assert encoder is not None
    assert encoder.image_shape == generator.image_shape
    assert encoder.about["quality"]["guessing"] == pytest.approx(variance, rel=0.05)
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
