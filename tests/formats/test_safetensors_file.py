"""Generators in safetensors files load, in any order of their names."""

import numpy as np
import pytest
import torch_generators as known
from safetensors_files import write_safetensors
from torch_files import save_archive

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats import read


@pytest.mark.parametrize(
    "network",
    [
        known.make_dcgan(widths=(8, 7, 6, 5)),
        known.make_wgan(),
        known.make_perceptron(),
    ],
    ids=["numbers beyond 9", "blocks by name", "matrices"],
)
def test_it_is_the_generator_of_the_pytorch_file(tmp_path, network):
    expected = read(save_archive(tmp_path / "g.pt", network.state))
    found = read(write_safetensors(tmp_path / "g.safetensors", network.state))
    assert (found.format, found.sha256) == ("safetensors", expected.sha256)


def test_the_generator_stands_beside_its_opponent(tmp_path):
    parts = {"generator": known.make_dcgan().state, "discriminator": known.make_discriminator()}
    both = {f"{part}.{name}": state[name] for part, state in parts.items() for name in state}
    found = read(write_safetensors(tmp_path / "gan.safetensors", both))
    assert found.sha256 == read(save_archive(tmp_path / "g.pt", known.make_dcgan().state)).sha256
    assert found.layout == "generator"
    assert all(name.startswith("discriminator.") for name in found.ignored)


def test_layers_that_fit_in_two_orders_are_not_guessed(tmp_path):
    random = np.random.default_rng(0)
    sizes = {"first": (16, 4), "left": (16, 16), "right": (16, 16), "last": (64, 16)}
    state = {f"{n}.weight": random.normal(size=s).astype(np.float32) for n, s in sizes.items()}
    with pytest.raises(CheckpointError, match="no order and more than one fits"):
        read(write_safetensors(tmp_path / "g.safetensors", state))
