"""Averages of two pictures of a generator are found with their weights, and nothing else is."""

import builders
import numpy as np
import pytest

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import to_pixels
from ganinv_cli.reenact.chain import Chain
from ganinv_cli.reenact.fit import Renderer, fit
from ganinv_cli.reenact.known_pictures import OwnDraws
from ganinv_cli.reenact.mixtures import find_mixture
from ganinv_cli.reenact.stages.eight_bits import EightBits
from ganinv_cli.reenact.words import describe_mixture

SIDE, LATENT = 32, 8
COUNTED = np.ones((SIDE, SIDE), np.bool_)
Z = np.random.default_rng(3).uniform(-0.8, 0.8, (2, LATENT))


def _make_generator(folder, seed):
    arrays = builders.make_weights(widths=(12, 8, 4), latent=LATENT, seed=seed)
    renamed = builders.rename_arrays(arrays, "C")
    return make_generator(builders.read(builders.save_checkpoint(folder, renamed)))


@pytest.fixture(scope="module")
def renderer(tmp_path_factory):
    return Renderer(_make_generator(tmp_path_factory.mktemp("own"), 0), -1, -1.0, 1.0)


def _find_mixture(renderer, pixels, start):
    """The mixture of an image, from the z of the one picture that is nearest."""
    chain = Chain((), EightBits(pixels))
    alone = fit(renderer, chain, start, chain.start, COUNTED, 20)
    return find_mixture(renderer, OwnDraws(renderer), pixels, COUNTED, alone.z)


@pytest.mark.parametrize("weight", [0.05, 0.2, 0.35])
def test_an_average_of_two_pictures_has_its_weights_and_both_z(renderer, weight):
    one, other = to_pixels(renderer.generator.render(Z, 2)).astype(np.float64)
    average = np.rint((1 - weight) * one + weight * other).astype(np.uint8)
    mixture = _find_mixture(renderer, average, Z[0])
    assert mixture.weight == pytest.approx(weight, abs=0.02)
    assert np.abs(mixture.z - Z).max() < 0.2
    assert mixture.end.excess < 0.5
    percent = round(100 * weight)
    words = f"an average of two of its pictures, {100 - percent} and {percent} %"
    assert describe_mixture(mixture) == words


def test_an_average_whose_decimals_were_cut_off_is_one_too(renderer):
    one, other = to_pixels(renderer.generator.render(Z, 2)).astype(np.float64)
    mixture = _find_mixture(renderer, np.floor(0.8 * one + 0.2 * other).astype(np.uint8), Z[0])
    assert mixture.weight == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    "kind", ["own", "darker", "contrast", "noise", "halves", "another generator"]
)
def test_other_pictures_are_no_averages(renderer, kind, tmp_path):
    one, other = to_pixels(renderer.generator.render(Z, 2)).astype(np.float64)
    pixels = {
        "own": one,
        "darker": 0.9 * one,
        "contrast": 0.8 * (one - one.mean()) + one.mean(),
        "noise": np.random.default_rng(0).integers(0, 256, one.shape),
        "another generator": to_pixels(_make_generator(tmp_path, 1).render(Z[:1], 1))[0],
        "halves": np.hstack([one[:, : SIDE // 2], other[:, SIDE // 2 :]]),
    }[kind]
    assert _find_mixture(renderer, np.rint(pixels).astype(np.uint8), Z[0]) is None
