"""Draws of z that are not those of independent numbers are the prior of a run."""

import json

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from exported.decoders import SHAPE, write_decoder

import ganinv_cli as ganinv
from ganinv_cli.cli import main
from ganinv_cli.prior import Normal, parse_prior


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A decoder, and draws of z whose neighbours agree and whose lengths vary."""
    folder = tmp_path_factory.mktemp("latents")
    write_decoder(folder / "decoder.onnx", SHAPE[1:])
    random = np.random.default_rng(0)
    draws = random.normal(size=(40, 4, 1, 1)) + 0.3 * random.normal(size=(40, *SHAPE))
    np.save(folder / "latents.npy", draws.astype(np.float32))
    np.save(folder / "others.npy", draws[::-1].astype(np.float32) / 2)
    return folder


def test_known_z_and_their_prior_are_of_the_draws(folder):
    draws = np.load(folder / "latents.npy")
    generator = ganinv.load(folder / "decoder.onnx", latents=draws)
    z = generator.draw_z(5)
    assert all((draws == each).all((1, 2, 3)).any() for each in z)
    prior = generator.definition.prior
    assert isinstance(prior, Normal) and parse_prior(str(prior), 16) == prior
    assert prior.high > np.abs(draws).max() and not generator.assumptions[1:]
    norms = np.linalg.norm(draws.reshape(40, -1), axis=1)
    assert prior.lengths[0] < norms.min() and norms.max() < prior.lengths[1]
    longest = draws[norms.argmax()][None]
    found = ganinv.invert(generator, generator(longest), starts=3)
    assert found.verdict == ["made"] and found.z == pytest.approx(longest, abs=1e-3)
    with pytest.raises(ganinv.UsageError, match=r"finite floats of \(n, 4, 2, 2\)"):
        ganinv.load(folder / "decoder.onnx", latents=draws[:, :3])


def test_a_run_goes_on_with_the_same_draws_alone(folder):
    def run(name, *more):
        given = ("--checkpoint", folder / "decoder.onnx", "--latents", folder / name)
        out = ("--out", folder / "recover.h5", "--clip", "none", *more)
        return CliRunner().invoke(main, ["recover", *map(str, (*given, *out))])

    assert run("latents.npy", "--trials", 2).exit_code == 0
    with h5py.File(folder / "recover.h5") as file:
        draws = np.load(folder / "latents.npy").reshape(40, -1)
        assert all((draws == each).all(1).any() for each in file["z_true"][:])
        assert len(json.loads(file.attrs["identity"])["latents_sha256"]) == 64
    refused = run("others.npy", "--trials", 3)
    assert refused.exit_code and "the hash of --latents" in refused.output
