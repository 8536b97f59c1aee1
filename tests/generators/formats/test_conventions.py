"""Conventions are given, in a file beside a generator, or assumed; a generator makes pictures."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_weights, rename_arrays, save_checkpoint

from ganinv_cli.errors import ConfigError
from ganinv_cli.generators.formats import read, read_conventions
from ganinv_cli.generators.formats.complete import complete_generator
from ganinv_cli.generators.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.generators.network.graph import make_sequence
from ganinv_cli.generators.network.layers import (
    Activation,
    Affine,
    Dense,
    Layer,
    Pad,
    Reshape,
    Transpose,
)
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.prior import Normal, Uniform
from ganinv_cli.settings.conventions import Conventions


def test_what_stands_beside_a_checkpoint_is_read(tmp_path):
    prefix = save_checkpoint(tmp_path, rename_arrays(make_weights(), "C"))
    (tmp_path / "generator.toml").write_text(
        'prior = "normal:2,0.9"\nrange = "tanh"\n', encoding="utf-8"
    )
    definition = read(tmp_path)
    assert definition.prior == read(prefix).prior == Normal(2, 0.9)
    assert definition.convention_files == (str(tmp_path / "generator.toml"),)
    given = read(prefix, Conventions(prior="uniform"))
    assert (given.prior, given.convention_files) == (Uniform(), definition.convention_files)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prior = 1", 'prior = 1 should be text in quotes, e.g. "normal:1,0.999"'),
        ("trust = true", "trust is not a setting; there are prior"),
        ('prior = "gamma"', "'gamma' is not a prior of z"),
    ],
)
def test_what_stands_there_wrongly_is_refused(tmp_path, text, words):
    prefix = save_checkpoint(tmp_path, rename_arrays(make_weights(), "C"))
    (tmp_path / "generator.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read(prefix)
    assert words in str(caught.value) and "generator.toml" in str(caught.value)


def test_a_whole_model_is_told_nothing_of_its_layers(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    words = "describes its own layers: leave out --activation and --strides"
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, Conventions(strides=(2,), activation="relu"))


def test_a_file_of_its_own_goes_before_that_of_the_folder(tmp_path):
    (tmp_path / "generator.toml").write_text(
        'strides = [1, 2]\nprior = "normal:2"\nlabels = 8\n', encoding="utf-8"
    )
    alone = tmp_path / "x.pt.toml"
    alone.write_text('prior = "uniform"\n', encoding="utf-8")
    found, files = read_conventions(tmp_path / "x.pt", Conventions())
    assert (found.strides, found.prior, found.labels) == ((1, 2), "uniform", 8)
    assert files == (str(alone), str(tmp_path / "generator.toml"))
    assert read_conventions(tmp_path / "y.pt", Conventions())[0].prior == "normal:2"
    given = Conventions(strides=(2,), prior="normal", labels=0)
    assert read_conventions(tmp_path / "x.pt", given) == (given, ())


def _found(*layers: Layer, side: int = 4, channels: int = 3) -> UnfinishedGenerator:
    random = np.random.default_rng(0)
    outputs = side * side * channels
    dense = Dense(
        random.normal(size=(5, outputs)).astype(np.float32), np.zeros(outputs, np.float32)
    )
    network = make_sequence(
        5, (dense, Reshape((side, side, channels)), *layers), ("dense", "reshape")
    )
    return UnfinishedGenerator(network, "test", "plain", "here")


def _affine(scale: float, shift: float) -> Affine:
    return Affine(np.full(3, scale, np.float32), np.full(3, shift, np.float32))


def _pictures(found: UnfinishedGenerator, **told: str) -> np.ndarray:
    definition = complete_generator(found, Conventions(**told))
    z = np.random.default_rng(1).normal(0, 3, size=(50, 5)).astype(np.float32)
    pictures: np.ndarray = make_generator(definition)(z).numpy()
    return pictures


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([Activation("tanh")], ""),
        ([Activation("tanh"), _affine(0.5, 0.5)], ""),
        ([Activation("sigmoid"), _affine(255, 0)], ""),
        ([Activation("tanh"), Transpose((1, 0, 2)), Pad(((-1, 1), (0, 0)))], ""),
        ([Activation("sigmoid")], "sigmoid"),
        ([Activation("tanh"), _affine(127.5, 127.5)], "0,255"),
    ],
)
def test_pictures_are_from_minus_one_to_one_whatever_the_file_ends_in(layers, told):
    pictures = _pictures(_found(*layers), range=told)
    assert pictures.min() == pytest.approx(-1, abs=0.02)
    assert pictures.max() == pytest.approx(1, abs=0.02)


def test_a_file_that_ends_in_nothing_is_taken_as_it_is_and_that_is_said():
    plain = complete_generator(_found(), Conventions())
    assert any("pixels from -1 to 1" in clause and "--range" in clause for clause in plain.assumed)
    told = complete_generator(_found(), Conventions(range="0,255"))
    assert not any("--range" in clause for clause in told.assumed)
    z = np.ones((1, 5), np.float32)
    np.testing.assert_allclose(
        make_generator(told)(z), make_generator(plain)(z) / 127.5 - 1, atol=1e-6
    )


def test_a_range_that_differs_from_the_files_by_rounding_is_that():
    found = _found(Activation("tanh"), _affine(0.9999999, 0))
    assert complete_generator(found, Conventions(range="-1,1")).network.image_shape == (4, 4, 3)
    with pytest.raises(UnreadableError, match="which --range -2,1 contradicts; leave it out"):
        complete_generator(found, Conventions(range="-2,1"))


@pytest.mark.parametrize("text", ["relu", "1,0", "0", "0,inf"])
def test_a_range_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="is not a range of pixels: give tanh, sigmoid, or the"):
        complete_generator(_found(), Conventions(range=text))


def _nan() -> UnfinishedGenerator:
    generator = _found()
    generator.network.nodes[0].layer.weights[0, 0] = np.nan
    return generator


def _huge() -> UnfinishedGenerator:
    weights = np.broadcast_to(np.float32(1), (5, 200_000_000))
    network = make_sequence(5, (Dense(weights, np.broadcast_to(np.float32(0), weights.shape[1:])),))
    return replace(_found(), network=network)


@pytest.mark.parametrize(
    ("generator", "words"),
    [
        (_found(side=3), "makes 3 x 3 x 3 of a latent vector; expected pictures of 4 to 1024"),
        (_found(channels=2), "makes 4 x 4 x 2 of a latent vector; expected"),
        (_found(Reshape((48,))), "makes 48 of a latent vector; expected"),
        (_nan(), "dense holds values that are not finite"),
        (_huge(), "makes 200000000 values for one picture, but at most 67,108,864 were expected"),
    ],
)
def test_what_makes_no_pictures_is_refused(generator, words):
    with pytest.raises(UnreadableError, match=words):
        complete_generator(generator, Conventions())


def test_a_range_within_what_a_file_ends_in_is_the_users():
    halved = _pictures(_found(Activation("tanh"), _affine(0.5, 0)), range="-0.5,0.5")
    assert np.abs(halved).max() == pytest.approx(1, abs=0.02)
