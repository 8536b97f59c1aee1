"""Conventions missing in a file of weights alone are given, or assumed and reported."""

from typing import Any

import numpy as np
import pytest
import torch_generators as known
import torch_reference as torch
from torch_files import save_archive
from weights_alone import DCGAN, design, list_assumed

from ganinv_cli.formats import read
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import make_normal
from ganinv_cli.settings.conventions import Conventions


def test_what_the_file_does_not_say_is_said(tmp_path):
    path = save_archive(tmp_path / "g.pt", known.make_dcgan().state)
    assert read(path).assumed == (
        "strides 1,2,2,2 (--strides)",
        "padding 0,1,1,1 (--padding)",
        "activation relu (--activation)",
        "range tanh (--range)",
        "epsilon 1e-05 (--epsilon)",
        f"z from the prior {make_normal(known.make_dcgan().latent)} (--prior)",
    )
    layers = {"strides": (1, 2, 2, 2), "padding": (0, 1, 1, 1), "epsilon": (1e-5,)}
    told = Conventions(prior="normal", range="tanh", activation="relu", **layers)
    assert read(path, told).assumed == ()
    assert read(path, told).sha256 == read(path).sha256


def test_a_label_is_one_hot_behind_z(tmp_path):
    network, labels = known.make_dcgan(), 3
    path = save_archive(tmp_path / "g.pt", network.state)
    generator = make_generator(read(path, Conventions(labels=labels)))
    size = network.latent - labels
    assert (generator.latent, generator.labels) == (size, labels)
    z = np.random.default_rng(0).normal(size=(3, size))
    given = np.array([0, labels - 1, 1])
    expected = network.forward(np.concatenate([z, np.eye(labels)[given]], 1))
    assert expected.std() > 0.1
    pictures = np.asarray(generator(z.astype(np.float32), labels=given))
    np.testing.assert_allclose(pictures, torch.channels_last(expected), atol=1e-5)


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"strides": (2,)}, r"--strides 2 does not fit; give 3, one for each of main\.0, main\.3"),
    ({"strides": (1, 0, 2)}, r"main\.3 .*cannot take 4 x 4 x 64; .*--strides and --padding"),
    ({"strides": (1, 1024, 1024)}, r"main\.3 .*makes 4096 x 4096 x 32 values"),
    ({"padding": (0, 1)}, "--padding 0,1 does not fit; give 3, one for each"),
    ({"padding": (0, 4, 4)}, r"main\.6 .*cannot take 2 x 2 x 32"),
    ({"epsilon": (1e-5,) * 3}, r"give 2, one for each of main\.1, main\.4"),
    ({"upsampling": ("nearest",) * 3}, r"nearest does not fit main\.0, .* only transposed"),
    ({"activation": "relu,relu,relu"}, r"give 2, one for each of main\.0, main\.3"),
    ({"activation": "sine"}, "'sine' cannot be read; give leaky_relu with its slope, .* elu, exp"),
    ({"activation": "leaky_relu"}, "'leaky_relu' cannot be read"),
    ({"activation": "relu:1"}, "'relu:1' cannot be read"),
    ({"labels": 1}, "z and 1 labels behind it; --labels .* at least 2"),
    ({"labels": 100}, "z and 100 labels behind it"),
]


@pytest.mark.parametrize(("told", "words"), REFUSALS, ids=lambda each: str(each)[:30])
def test_a_convention_that_cannot_be_is_a_sentence(told, words):
    with pytest.raises(UnreadableError, match=words) as caught:
        design(DCGAN, Conventions(**told))
    assert len(str(caught.value)) < 350


@pytest.mark.parametrize(
    ("shapes", "said"),
    [(DCGAN, False), ({"fc.weight": (4 * 16, 10), "up.weight": (4, 3, 4, 4)}, True)],
    ids=["by number", "by name alone"],
)
def test_where_blocks_might_be_residual_it_is_said_that_they_are_not(shapes, said):
    assert ("its layers follow one another" in list_assumed(shapes)) == said
