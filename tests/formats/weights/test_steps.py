"""Layers are inferred from the shapes of weights; a layer that does not fit is named."""

from collections.abc import Mapping

import pytest
from weights_alone import DCGAN, NORM, build_network, design, list_assumed

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network.layers import Activation, Conv, ConvTranspose, Upsample
from ganinv_cli.settings.conventions import Conventions

Change = Mapping[str, tuple[int, ...] | None]


@pytest.mark.parametrize(
    ("kernel", "stride", "crop"),
    [
        (4, 2, (1, 1)),  # padding 1
        (5, 2, (2, 1)),  # padding 2, output_padding 1
        (3, 2, (1, 0)),  # padding 1, output_padding 1
        (2, 2, (0, 0)),
        (1, 2, (0, -1)),  # output_padding 1
    ],
)
def test_the_sides_grow_just_stride_times(kernel, stride, crop):
    shapes = {"fc.weight": (4 * 16, 10), "up.weight": (4, 3, kernel, kernel)}
    network = build_network(shapes, Conventions(strides=(stride,)))
    (layer,) = (n.layer for n in network.nodes if isinstance(n.layer, ConvTranspose))
    assert (layer.stride, layer.crop) == ((stride, stride), (crop, crop))
    assert network.shapes[-1] == (4 * stride, 4 * stride, 3)


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
    assert build_network(shapes).shapes[-1] == (28, 28, 1)


def test_strides_of_plain_convolutions_enlarge_the_map_before_them():
    shapes = {"fc.weight": (8 * 16, 10), "a.weight": (4, 8, 3, 3), "b.weight": (3, 4, 5, 5)}
    network = build_network(shapes, Conventions(strides=(2, 4)))
    kinds = [type(node.layer) for node in network.nodes]
    assert kinds.count(Upsample) == kinds.count(Conv) == 2
    assert network.shapes[-1] == (32, 32, 3)


def test_between_neighbours_by_number_stands_no_activation():
    shapes = {"m.0.weight": (5, 4, 4, 4), "m.1.weight": (4, 4, 3, 3), "m.3.weight": (4, 3, 4, 4)}
    names = [n.layer.name for n in build_network(shapes).nodes if isinstance(n.layer, Activation)]
    assert names == ["relu", "tanh"]


def test_a_slope_that_was_learnt_is_the_activation():
    shapes = {"m.0.weight": (5, 4, 4, 4), "m.1.weight": (1,), "m.2.weight": (4, 3, 4, 4)}
    acts = [n.layer for n in build_network(shapes).nodes if isinstance(n.layer, Activation)]
    assert [each.name for each in acts] == ["leaky_relu", "tanh"]


REFUSALS: list[tuple[Change, str]] = [  # changes of a DCGAN
    ({"main.3.weight": (60, 32, 4, 4)}, r"main\.3 .*expects 60 or 32 channels, found 4 x 4 x 64"),
    ({"main.4.running_mean": (31,)}, r"main\.3 .*BatchNorm cannot take 8 x 8 x 32"),
    ({"main.3.bias": (31,)}, r"main\.3 .*ConvTranspose cannot take 4 x 4 x 64"),
    (
        {"main.1.running_var": None},
        r"main\.1 .*norm behind one with its running mean",
    ),
    ({"main.6.weight": (32, 2, 4, 4)}, r"main\.6 .*makes 16 x 16 x 2; expected a square image"),
    ({"main.2.scale": ()}, r"main\.2\.scale \[\] is not part"),
    ({"main.3.weight": (64, 0, 4, 4)}, r"main\.3 .*is no dense layer"),
    ({f"main.{n}.{e}": (3,) for n in (7, 8) for e in NORM}, r"main\.8 .* is no dense layer"),
    ({"short.weight": (12, 64, 1, 1)}, r"short .*expects 64 or 12 channels, .*branches.* ONNX"),
    ({"attn.weight": (8, 8)}, r"attn \[8, 8\] belongs to a branch.* export the generator to ONNX"),
    ({"main.skip.weight": (64, 64, 1, 1)}, r"main\.skip .*branch.* ONNX"),
    ({"label_emb.weight": (10, 10)}, r"label_emb \[10, 10\] belongs to .* takes a label"),
]


@pytest.mark.parametrize(("change", "words"), REFUSALS, ids=lambda each: str(each)[:30])
def test_what_does_not_fit_is_named(change, words):
    shapes = {name: shape for name, shape in (DCGAN | dict(change)).items() if shape is not None}
    with pytest.raises(UnreadableError, match=words):
        design(shapes)


def test_maps_that_make_no_image_are_refused():
    with pytest.raises(UnreadableError, match="with strides of 1; give 1 others"):
        design({"fc.weight": (64, 10), "a.weight": (3, 4, 3, 3)})
