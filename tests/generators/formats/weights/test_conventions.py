"""Layers and conventions of weights alone: from their shapes, given, or assumed and reported."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch_generators as known
import torch_reference as torch
from torch_files import save_archive

from ganinv_cli.generators.formats import read
from ganinv_cli.generators.formats.interface import UnreadableError
from ganinv_cli.generators.formats.weights.infer_generator import (
    describe_assumptions,
    list_conventions,
    read_network,
)
from ganinv_cli.generators.formats.weights.plan_layers import apply_given, plan_layers
from ganinv_cli.generators.formats.weights.state_dict import PYTORCH, make_weighted_layers
from ganinv_cli.generators.formats.weights.step import Design, list_steps
from ganinv_cli.generators.formats.weights.weight import Weight
from ganinv_cli.generators.network.graph import Network
from ganinv_cli.generators.network.layers import Activation
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.prior import make_normal
from ganinv_cli.settings.conventions import Conventions

Shapes = Mapping[str, tuple[int, ...]]

NORM = ("weight", "bias", "running_mean", "running_var")
DCGAN = {
    "main.0.weight": (100, 64, 4, 4),
    **{f"main.1.{leaf}": (64,) for leaf in NORM},
    "main.3.weight": (64, 32, 4, 4),
    **{f"main.4.{leaf}": (32,) for leaf in NORM},
    "main.6.weight": (32, 3, 4, 4),
}


def design(shapes: Shapes, conventions: Conventions | None = None) -> Design:
    """The generator of a file that holds such tensors, all of which are ones."""
    weights = {
        name: Weight(shape, lambda shape=shape: np.ones(shape, np.float32))
        for name, shape in shapes.items()
    }
    steps = list_steps(make_weighted_layers(weights, PYTORCH), PYTORCH)
    made = apply_given(Design(steps, PYTORCH, conventions or Conventions()))
    plan_layers(made)
    return made


def list_assumed(shapes: Shapes) -> tuple[str, ...]:
    """What is assumed of it before any statistics are read."""
    made = design(shapes)
    return describe_assumptions(made, list_conventions(made, {}))


def make_network(shapes: Shapes, conventions: Conventions | None = None) -> Network:
    """Its network."""
    return read_network(design(shapes, conventions))


def test_what_the_file_does_not_say_is_said(tmp_path):
    path = save_archive(tmp_path / "g.pt", known.make_dcgan().state)
    assert read(path).assumed == (
        "labels 0 (--labels)",
        "strides 1,2,2,2 (--strides)",
        "padding 0,1,1,1 (--padding)",
        "activation relu (--activation)",
        "range tanh (--range)",
        "epsilon 1e-05 (--epsilon)",
        f"z from the prior {make_normal(known.make_dcgan().latent)} (--prior)",
    )
    layers = {"strides": (1, 2, 2, 2), "padding": (0, 1, 1, 1), "epsilon": (1e-5,)}
    told = Conventions(prior="normal", range="tanh", activation="relu", labels=0, **layers)
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


@pytest.mark.parametrize(
    ("kernels", "strides"),
    [
        ((5, 5, 5), "1,2,2"),  # as in TensorFlow's tutorial
        ((3, 3, 3), "2,2,1"),  # as in Keras' examples
        ((4, 4), "2,2"),
        ((4, 4, 4, 4), "1,1,2,2"),
    ],
)
def test_a_map_of_7_becomes_an_image_of_28(kernels, strides):
    widths = (8, *range(7, 8 - len(kernels), -1), 1)
    shapes = {"fc.weight": (7 * 7 * 8, 10)} | {
        f"up{n}.weight": (widths[n], widths[n + 1], size, size) for n, size in enumerate(kernels)
    }
    assert f"strides {strides} (" in list_assumed(shapes)[0]
    assert make_network(shapes).shapes[-1] == (28, 28, 1)


def test_between_neighbours_by_number_stands_no_activation():
    shapes = {"m.0.weight": (5, 4, 4, 4), "m.1.weight": (4, 4, 3, 3), "m.3.weight": (4, 3, 4, 4)}
    names = [n.layer.name for n in make_network(shapes).nodes if isinstance(n.layer, Activation)]
    assert names == ["relu", "tanh"]


SHAPED: list[tuple[dict[str, tuple[int, ...] | None], str]] = [  # changes of a DCGAN
    ({"main.3.weight": (60, 32, 4, 4)}, r"main\.3 .*expects 60 or 32 channels, found 4 x 4 x 64"),
    ({"main.4.running_mean": (31,)}, r"main\.3 .*BatchNorm cannot take 8 x 8 x 32"),
    ({"main.3.bias": (31,)}, r"main\.3 .*ConvTranspose cannot take 4 x 4 x 64"),
    ({"main.1.running_var": None}, r"main\.1 .*norm behind one with its running mean"),
    ({"main.6.weight": (32, 2, 4, 4)}, r"main\.6 .*makes 16 x 16 x 2; expected a square image"),
    ({"main.2.scale": ()}, r"main\.2\.scale \[\] is not part"),
    ({"main.3.weight": (64, 0, 4, 4)}, r"main\.3 .*is not a dense layer"),
    ({f"main.{n}.{e}": (3,) for n in (7, 8) for e in NORM}, r"main\.8 .* is not a dense layer"),
    ({"short.weight": (12, 64, 1, 1)}, r"short .*expects 64 or 12 channels, .*branches.* ONNX"),
    ({"attn.weight": (8, 8)}, r"attn \[8, 8\] belongs to a branch.* export the generator to ONNX"),
    ({"main.skip.weight": (64, 64, 1, 1)}, r"main\.skip .*branch.* ONNX"),
    ({"label_emb.weight": (10, 10)}, r"label_emb \[10, 10\] belongs to .* takes a label"),
]


GIVEN: list[tuple[dict[str, Any], str]] = [
    ({"strides": (2,)}, r"--strides 2 does not fit; give 3, one for each of main\.0, main\.3"),
    (
        {"strides": (1, 0, 2)},
        r"main\.3 .*cannot take 4 x 4 x 64; leave --strides out, or correct it",
    ),
    ({"strides": (1, 1024, 1024)}, r"main\.3 .*makes 4096 x 4096 x 32 values"),
    ({"padding": (0, 1)}, "--padding 0,1 does not fit; give 3, one for each"),
    ({"padding": (0, 4, 4)}, r"main\.6 .*cannot take 2 x 2 x 32"),
    ({"epsilon": (1e-5,) * 3}, r"give 2, one for each of main\.1, main\.4"),
    ({"upsampling": ("nearest",) * 3}, r"nearest does not fit main\.0, .* only transposed"),
    ({"upsampling": ("nearest",)}, "--upsampling nearest fits none of its layers"),
    ({"activation": "relu,relu,relu"}, r"give 2, one for each of main\.0, main\.3"),
    ({"activation": "sine"}, "'sine' cannot be read; give leaky_relu with its slope, .* elu, exp"),
    ({"activation": "leaky_relu"}, "'leaky_relu' cannot be read"),
    ({"activation": "relu:1"}, "'relu:1' cannot be read"),
    ({"labels": 1}, "z and 1 labels behind it; --labels .* at least 2"),
    ({"labels": 100}, "z and 100 labels behind it"),
]


@pytest.mark.parametrize(
    ("change", "told", "words"),
    [*((change, {}, words) for change, words in SHAPED), *(({}, *row) for row in GIVEN)],
    ids=lambda each: str(each)[:30],
)
def test_what_does_not_fit_is_named(change, told, words):
    shapes = {name: shape for name, shape in (DCGAN | change).items() if shape is not None}
    with pytest.raises(UnreadableError, match=words) as caught:
        design(shapes, Conventions(**told))
    assert len(str(caught.value)) < 700


def test_maps_that_make_no_image_are_refused():
    with pytest.raises(UnreadableError, match="with strides of 1; give 1 others"):
        design({"fc.weight": (64, 10), "a.weight": (3, 4, 3, 3)})
