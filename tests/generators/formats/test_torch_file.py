"""Generators in files of torch.save and safetensors load, and make PyTorch's pictures."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import ml_dtypes
import numpy as np
import pytest
import torch_generators as known
import torch_reference as torch
from safetensors_files import write_safetensors
from torch_files import Module, Parameter, Tensor, save_archive, save_stream

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.formats.weights import state_dict
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.settings.conventions import Conventions

PYTORCH = Path(__file__).parents[2] / "data" / "torch"
WRITERS = (save_archive, save_stream, write_safetensors)
LEAKY = Conventions(activation="leaky_relu:0.2")


@pytest.mark.parametrize(
    ("network", "conventions"),
    [
        (known.make_dcgan(widths=(8, 7, 6, 5)), Conventions()),  # with numbers beyond 9
        (known.make_wgan(), Conventions()),
        (known.make_upsampling((1e-5, 0.8, 0.8)), replace(LEAKY, epsilon=(1e-5, 0.8, 0.8))),
        (
            known.make_dcgan(widths=(8, 6), stride=3, padding=0),
            Conventions(strides=(1, 3, 3), padding=(0, 0, 0)),
        ),
        (known.make_perceptron(3), Conventions()),
    ],
    ids=["dcgan", "wgan", "epsilons", "no padding", "matrices"],
)
def test_the_pictures_are_pytorchs(tmp_path, network, conventions):
    paths = [write(tmp_path / write.__name__, network.state) for write in WRITERS]
    found = [read(path, conventions) for path in paths]
    assert [each.format for each in found] == ["PyTorch", "PyTorch before 1.6", "safetensors"]
    assert len({each.sha256 for each in found}) == 1  # safetensors sorts the names
    z = np.random.default_rng(0).normal(size=(3, network.latent))
    made = np.asarray(make_generator(found[0])(z.astype(np.float32)))
    expected = torch.channels_last(network.forward(z))
    assert expected.std() > 0.1
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state, other: {"netG_state_dict": state, "netD_state_dict": other, "epoch": 3},
        lambda state, other: {"state_dict": _under("generator", state) | _under("disc", other)},
        lambda state, other: {"model": {"generator": state, "discriminator": other}},
        lambda state, other: {"G": _under("module", state), "D": _under("module", other)},
        lambda state, other: _under("_orig_mod", state),
        lambda state, other: _under("net.G", state) | _under("net.D", other),
        lambda state, other: [other, state],
        lambda state, other: {
            "g": state,
            "optimizer": {"state": {0: {"step": state["main.0.weight"]}}},
        },
    ],
)
def test_the_generator_is_found_wherever_it_stands(tmp_path, wrap):
    network = known.make_dcgan()
    found = read(
        save_archive(tmp_path / "gan.tar", wrap(network.state, known.make_discriminator()))
    )
    assert found.sha256 == _hash_plain(tmp_path, network.state)


def test_of_two_generators_the_average_is_taken_or_the_one_of_a_key(tmp_path):
    one, two = known.make_dcgan().state, known.make_dcgan(seed=1).state
    path = save_archive(tmp_path / "gan.pt", {"G": one, "G_ema": two})
    found = read(path)
    assert (found.format, found.layout) == ("PyTorch", "G_ema")
    assert found.sha256 == _hash_plain(tmp_path, two)
    assert "G_ema, the average, of 2 generators" in found.assumed
    assert read(path, Conventions(key="G")).sha256 == _hash_plain(tmp_path, one)
    with pytest.raises(CheckpointError, match="no network under --key netG, only G, G_ema"):
        read(path, Conventions(key="netG"))


@pytest.mark.parametrize("path", sorted(PYTORCH.glob("*.pt")), ids=lambda path: path.stem)
def test_files_of_pytorch_hold_any_object_and_make_its_pictures(path):
    """tests/support/exported/pytorch_data.py says what each holds."""
    key = ""
    if path.stem == "two":
        with pytest.raises(CheckpointError, match=r"2 generators \(first, second\.G\).*--key"):
            read(path)
        key = "first"
    definition = read(path, Conventions(key=key))
    known_pictures = np.load(PYTORCH / "pictures.npz")
    made = make_generator(definition)(known_pictures["z"])
    tolerance = 5e-3 if path.stem == "half" else 1e-5
    np.testing.assert_allclose(made, known_pictures["pictures"], atol=tolerance)


def test_a_safetensors_file_is_of_one_generator_and_one_order(tmp_path):
    parts = {"generator": known.make_dcgan().state, "discriminator": known.make_discriminator()}
    both = {f"{part}.{name}": state[name] for part, state in parts.items() for name in state}
    found = read(write_safetensors(tmp_path / "gan.safetensors", both))
    assert found.sha256 == _hash_plain(tmp_path, parts["generator"])
    assert found.layout == "generator"
    assert all(name.startswith("discriminator.") for name in found.ignored)
    sizes = {"first": (16, 4), "left": (16, 16), "right": (16, 16), "last": (64, 16)}
    state = {f"{name}.weight": np.ones(size, np.float32) for name, size in sizes.items()}
    with pytest.raises(CheckpointError, match="no order and more than one fits"):
        read(write_safetensors(tmp_path / "g.safetensors", state))


@pytest.mark.parametrize(
    ("change", "conventions", "words"),
    [
        ({"golf.weight": (99, 20, 2, 2)}, {}, r"golf .* expects 99 or 20 channels, found .* x 28"),
        ({"hotel.weight": (20, 2, 2, 2)}, {}, r"hotel .* makes .* x 2; expected a square image"),
        (
            {},
            {"strides": (1, 2)},
            "--strides 1,2 does not fit; give 8, one for each of stem, alpha",
        ),
    ],
)
def test_of_eight_blocks_in_no_order_the_reason_is_of_the_order_that_fits_best(
    tmp_path, change, conventions, words
):
    names = ("stem", "alpha", "bravo", "delta", "echo", "foxtrot", "golf", "hotel")
    widths = (9, 80, 64, 52, 44, 36, 28, 20, 3)
    pairs = zip(names, itertools.pairwise(widths), strict=True)
    shapes = {f"{name}.weight": (*pair, 2, 2) for name, pair in pairs} | change
    state = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    path = write_safetensors(tmp_path / "g.safetensors", state)
    with (
        mock.patch.object(state_dict, "apply_given", wraps=state_dict.apply_given) as tried,
        pytest.raises(CheckpointError, match=words),
    ):
        read(path, Conventions(**conventions))
    assert tried.call_count < 1000  # of 40,320 orders


def test_a_file_is_known_by_its_content_whatever_its_ending(tmp_path):
    state = known.make_dcgan().state
    for name in ("g.onnx", "g.keras", "g.h5", "g.safetensors"):
        assert read(save_archive(tmp_path / name, state)).format == "PyTorch"


def test_a_whole_module_is_read_as_its_state_dict(tmp_path):
    state = known.make_dcgan().state
    layers: dict[str, dict[str, Any]] = {}
    for name, array in state.items():
        _, layer, leaf = name.split(".")
        kind = Tensor if leaf.startswith(("running", "num")) else Parameter
        layers.setdefault(layer, {})[leaf] = kind(array)
    modules = {
        layer: Module(
            {name: each for name, each in leaves.items() if isinstance(each, Parameter)},
            {name: each for name, each in leaves.items() if not isinstance(each, Parameter)},
        )
        for layer, leaves in layers.items()
    }
    found = read(save_archive(tmp_path / "g.pt", Module(modules={"main": Module(modules=modules)})))
    assert found.sha256 == _hash_plain(tmp_path, state)


def test_tensors_share_storages_and_have_strides(tmp_path):
    network = known.make_dcgan()
    whole = np.concatenate([np.ravel(a) for a in network.state.values()]).astype(np.float32)
    content: dict[str, Tensor] = {}
    start = 0
    for name, array in network.state.items():
        end = start + array.size
        if array.ndim:
            turned = np.moveaxis(array, 0, -1)  # as other memory formats have it
            whole[start:end] = turned.ravel()
            view = np.moveaxis(whole[start:end].reshape(turned.shape), -1, 0)
            content[name] = Tensor(whole, view)
        start = end
    for write in WRITERS[:2]:
        assert read(write(tmp_path / "g.pt", content)).sha256 == _hash_plain(
            tmp_path, network.state
        )


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_other_floats_become_float32(tmp_path, dtype):
    state = {n: a.astype(dtype) if a.ndim else a for n, a in known.make_dcgan().state.items()}
    as_float32 = {n: a.astype(np.float32) if a.ndim else a for n, a in state.items()}
    for write in WRITERS:
        assert read(write(tmp_path / "g.pt", state)).sha256 == _hash_plain(tmp_path, as_float32)


@pytest.mark.parametrize("saved", [{"order": "big"}, {"compress": True}], ids=str)
def test_other_archives(tmp_path, saved):
    state = known.make_dcgan().state
    found = read(save_archive(tmp_path / "g.pt", state, **saved))
    assert found.sha256 == _hash_plain(tmp_path, state)


def _under(prefix: str, state: known.Arrays) -> known.Arrays:
    return {f"{prefix}.{name}": array for name, array in state.items()}


def _hash_plain(folder: Path, state: known.Arrays) -> str:
    return read(save_archive(folder / "plain.pt", state)).sha256


def test_a_header_may_be_as_long_as_a_pickle_begins(tmp_path):
    path = write_safetensors(tmp_path / "g.safetensors", known.make_perceptron().state)
    content, length = path.read_bytes(), 0x0480
    end = 8 + int.from_bytes(content[:8], "little")
    longer = tmp_path / "longer.safetensors"
    header = content[8:end].ljust(length)
    longer.write_bytes(length.to_bytes(8, "little") + header + content[end:])
    assert read(longer).sha256 == read(path).sha256
