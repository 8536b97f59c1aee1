"""A layer with the output of an earlier layer as its input is on a branch, whatever its name."""

import pytest
from weights_alone import DCGAN, NORM, planned

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.settings.conventions import Conventions


def _residual_block(name: str, inputs: int, outputs: int, has_bias: bool) -> dict[str, tuple]:
    """The shapes of norm, convolution, norm, convolution, and a convolution beside them."""
    convolutions = {
        f"{name}.conv1": (outputs, inputs, 3, 3),
        f"{name}.conv2": (outputs, outputs, 3, 3),
        f"{name}.conv3": (outputs, inputs, 1, 1),
    }
    shapes: dict[str, tuple] = {f"{name}.bn1.{leaf}": (inputs,) for leaf in NORM}
    for convolution, shape in convolutions.items():
        shapes[f"{convolution}.weight"] = shape
        if has_bias:
            shapes[f"{convolution}.bias"] = (outputs,)
        if convolution.endswith("conv1"):
            shapes |= {f"{name}.bn2.{leaf}": (outputs,) for leaf in NORM}
    return shapes


@pytest.mark.parametrize("strides", [(), (2, 1, 1, 2, 1, 1, 1)])
@pytest.mark.parametrize(
    ("has_bias", "words"),
    [
        (True, r"b1\.conv3 \[12, 16, 1, 1\] takes 16 channels, as fc makes them and b1\.conv2 "),
        (False, r"b2\.bn1 .*takes 12 channels, as b1\.conv2 makes them and b1\.conv3 "),
    ],
)
def test_a_shortcut_of_any_name_is_refused_whatever_strides_say(
    strides: tuple[int, ...], has_bias: bool, words: str
) -> None:
    shapes = {
        "fc.weight": (16 * 16, 10),
        **_residual_block("b1", 16, 12, has_bias),
        **_residual_block("b2", 12, 8, has_bias),
        "out.weight": (3, 8, 3, 3),
    }
    with pytest.raises(UnreadableError, match=words + r".*branch.* ONNX"):
        planned(shapes, Conventions(strides=strides))


def test_a_layer_on_an_earlier_map_is_refused() -> None:
    shapes = DCGAN | {"main.5.weight": (64, 32, 4, 4), "main.5.bias": (32,)}
    last = shapes.pop("main.6.weight")
    with pytest.raises(UnreadableError, match=r"main\.5 .* as main\.0 makes them and main\.3"):
        planned(shapes | {"main.6.weight": last})


def test_layers_in_sequence_are_not_taken_for_branches() -> None:
    assert planned(DCGAN).inputs == 100
