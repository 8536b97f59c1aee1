"""Generators in safetensors files load, in any order of their names."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch_generators as known
from safetensors_files import write_safetensors
from torch_files import save_archive

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats import read, safetensors
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.settings.conventions import Conventions


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


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16])
def test_other_floats_become_float32(tmp_path: Path, dtype: type) -> None:
    state = {n: a.astype(dtype) if a.ndim else a for n, a in known.make_dcgan().state.items()}
    as_float32 = {n: a.astype(np.float32) if a.ndim else a for n, a in state.items()}
    expected = read(save_archive(tmp_path / "g.pt", as_float32)).sha256
    assert read(write_safetensors(tmp_path / "g.safetensors", state)).sha256 == expected


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        {},
        {"dtype": "F32", "shape": [2], "data_offsets": [0]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 1 << 60]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": 5, "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [1] * 40, "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [5, 8, 4, 4], "data_offsets": [0, 8]},
        {"dtype": ["F32"], "shape": [5, 8, 4, 4], "data_offsets": [0, 8]},
        {"dtype": "F8_E4M3", "shape": [5, 8, 4, 4], "data_offsets": [0, 640]},
    ],
)
def test_a_tensor_described_as_none_is_named(tmp_path: Path, entry: Any) -> None:
    path = write_safetensors(
        tmp_path / "g.safetensors", known.make_dcgan().state, **{"main.0.weight": entry}
    )
    with pytest.raises(CheckpointError, match=r"main\.0"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x02\x00",
        b"\xff" * 8 + b"{}",
        (100).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{]",
        (100_000).to_bytes(8, "little") + b'{"a":' * 20_000,
        (3).to_bytes(8, "little") + b"\xff\xff\xff",
    ],
)
def test_a_damaged_header_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "g.safetensors").write_bytes(content)
    with pytest.raises(UnreadableError, match="copy it again"):
        safetensors.read(tmp_path / "g.safetensors", Conventions())
    with pytest.raises(CheckpointError):
        read(tmp_path / "g.safetensors")


def test_a_file_cut_off_is_a_sentence(tmp_path: Path) -> None:
    whole = write_safetensors(tmp_path / "g.safetensors", known.make_dcgan().state).read_bytes()
    for cut in np.random.default_rng(0).integers(0, len(whole), 60).tolist():
        (tmp_path / "g.safetensors").write_bytes(whole[:cut])
        with pytest.raises(CheckpointError):
            read(tmp_path / "g.safetensors")


def test_a_header_of_millions_of_entries_is_not_parsed(tmp_path: Path) -> None:
    text = b'{"a":[' + b"{}," * 6_000_000 + b"{}]}"
    path = tmp_path / "g.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(CheckpointError, match=r"found 18,000,018 bytes, and a header of 18,000,0"):
        read(path)
