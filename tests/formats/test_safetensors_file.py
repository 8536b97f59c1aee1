"""Generators in safetensors files load, in any order of their names."""

from pathlib import Path

import ml_dtypes
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
        known.make_upsampling(),
        known.make_perceptron(),
    ],
    ids=["numbers beyond 9", "blocks by name", "blocks by name and number", "matrices"],
)
def test_it_is_the_generator_of_the_pytorch_file(
    tmp_path: Path, network: known.KnownGenerator
) -> None:
    expected = read(save_archive(tmp_path / "g.pt", network.state))
    found = read(write_safetensors(tmp_path / "g.safetensors", network.state))
    assert (found.format, found.sha256) == ("safetensors", expected.sha256)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16])
def test_other_floats_become_float32(tmp_path: Path, dtype: type) -> None:
    state = {name: array.astype(dtype) for name, array in known.make_dcgan().state.items()}
    as_float32 = {name: array.astype(np.float32) for name, array in state.items()}
    found = read(write_safetensors(tmp_path / "other.safetensors", state))
    expected = read(write_safetensors(tmp_path / "float32.safetensors", as_float32))
    assert found.sha256 == expected.sha256


def test_a_header_may_be_as_long_as_a_pickle_begins(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "g.safetensors", known.make_perceptron().state)
    content, length = path.read_bytes(), 0x0480
    end = 8 + int.from_bytes(content[:8], "little")
    longer = tmp_path / "longer.safetensors"
    header = content[8:end].ljust(length)
    longer.write_bytes(length.to_bytes(8, "little") + header + content[end:])
    assert read(longer).sha256 == read(path).sha256


def test_the_generator_stands_beside_its_opponent(tmp_path: Path) -> None:
    parts = {"generator": known.make_dcgan().state, "discriminator": known.make_discriminator()}
    both = {f"{part}.{name}": state[name] for part, state in parts.items() for name in state}
    found = read(write_safetensors(tmp_path / "gan.safetensors", both))
    assert found.sha256 == read(save_archive(tmp_path / "g.pt", known.make_dcgan().state)).sha256
    assert found.layout == "generator"
    assert all(name.startswith("discriminator.") for name in found.ignored)


def test_layers_that_fit_in_two_orders_are_not_guessed(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sizes = {"first": (16, 4), "left": (16, 16), "right": (16, 16), "last": (64, 16)}
    state = {f"{n}.weight": random.normal(size=s).astype(np.float32) for n, s in sizes.items()}
    with pytest.raises(CheckpointError, match="no order and more than one fits"):
        read(write_safetensors(tmp_path / "g.safetensors", state))
