"""Usual geometry of generators, for files of weights that do not state it.

* Stride: 1 for a transposed convolution on a 1 x 1 map, and for a kernel of a single pixel; else 2.
  From a map of 7 x 7, all but two convolutions have stride 1, so the image is 28 x 28.
* A convolution that is not transposed keeps the sides. Its stride in --strides is the factor of a
  nearest-neighbour upsampling before it. The factor is 2 if two layers without weights precede the
  convolution (activation and upsampling), or one after the norm of the first map; else it is 1.
* Padding: the padding by which the sides grow exactly stride times, or the given one, in PyTorch's
  convention and without output_padding.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ganinv_cli.formats.interface import DISCRIMINATOR, IMAGE_NETWORK, UnreadableError
from ganinv_cli.formats.weights.layers import ConvGeometry, Framework, WeightedLayer
from ganinv_cli.network.layers import Pair, Sides, same_crop
from ganinv_cli.network.shapes import Shape

_LABEL_NAME = re.compile(r"embed|label|emb(?![a-z])|class_?cond", re.IGNORECASE)
_BRANCH_NAME = re.compile(
    r"(?<![a-z])(res(net|idual)?(_?(blocks?|layers?|units?))?|short_?cuts?|skips?|c_sc|conv_sc|"
    r"bypass|identity|to_?rgbs?|from_?rgb|(self_?)?(attn|attentions?)|query|key|value|to_[qkv]|"
    r"style\w*|ada_?in|mapping|synthesis|modulation|affine|downsampl(e|ers?)|downs?|time_?emb\w*|"
    r"(down|mid|up)_blocks?|lora\w*)(?![a-z])",
    re.IGNORECASE,
)


class KernelLayout(NamedTuple):
    """One interpretation of a convolution's kernel."""

    transposed: bool
    inputs: int
    outputs: int
    kernel_size: Pair


def classify_layer(layer: WeightedLayer, framework: Framework) -> str:
    """Return dense, convolution, norm or slope. Raises UnreadableError for other layers."""
    rank = len(layer.shape)
    vectors = [each.shape for what, each in layer.weights.items() if what != "weight"]
    if any(len(shape) != 1 for shape in vectors) or 0 in layer.shape:
        raise _unknown_layer_error(layer, framework)
    if rank in (2, 4) and not layer.weights.keys() - {"weight", "bias"}:
        return "dense" if rank == 2 else "convolution"
    if rank < 2 and {"mean", "variance"} <= layer.weights.keys():
        return "norm"
    if layer.shape == (1,) and layer.weights.keys() == {"weight"}:
        return "slope"
    if rank == 1:
        raise UnreadableError(
            f"{layer.name} has one weight a channel and no statistics; expected a batch norm with "
            "its running mean and variance, without which a picture would depend on the others in "
            f"its batch; use a file with all of them, or {framework.remedy}"
        )
    raise _unknown_layer_error(layer, framework)


def check_names(layers: Sequence[WeightedLayer], framework: Framework) -> None:
    """Raise UnreadableError for a layer whose name belongs to a label or a branch."""
    for layer in layers:
        if _LABEL_NAME.search(layer.name):
            raise UnreadableError(
                f"{layer.name} {list(layer.shape)} belongs to a generator that takes a label, and "
                f"weights alone do not say how it joins z; {framework.remedy}"
            )
        if _BRANCH_NAME.search(layer.name):
            raise UnreadableError(
                f"{layer.name} {list(layer.shape)} belongs to a branch, and weights alone do not "
                f"say where it leaves and joins; {framework.remedy}"
            )


def check_direction(layers: Sequence[WeightedLayer], framework: Framework) -> None:
    """Raise UnreadableError for a network that takes pictures, as a discriminator does."""
    first, *rest = [layer for layer in layers if len(layer.shape) in (2, 4)] or [layers[0]]
    if not rest or first.transposed:
        return
    if len(first.shape) == 4:
        layout = next(
            each for each in list_kernel_layouts(first, framework, layers) if not each.transposed
        )
        takes_pictures = layout.inputs in (1, 3) and layout.outputs > layout.inputs
        takes_pictures = takes_pictures and any(
            size % layout.outputs == 0 for each in rest for size in each.shape
        )
    else:
        last = rest[-1]  # a grey generator ends in a convolution
        takes_pictures = len(last.shape) == 2 and get_matrix_sizes(last, framework)[1] == 1
    if takes_pictures:
        is_number = _count_outputs(rest[-1], framework, layers) == 1
        raise UnreadableError(DISCRIMINATOR if is_number else IMAGE_NETWORK)


def _count_outputs(
    layer: WeightedLayer, framework: Framework, layers: Sequence[WeightedLayer]
) -> int:
    if len(layer.shape) == 2:
        return get_matrix_sizes(layer, framework)[1]
    return list_kernel_layouts(layer, framework, layers)[0].outputs


def count_channels(layer: WeightedLayer) -> int:
    """Return the number of channels of a batch norm. Raises UnreadableError if vectors differ."""
    shapes = {weight.shape for weight in layer.weights.values()}
    if len(shapes) > 1 or len(layer.weights["mean"].shape) != 1:
        found = ", ".join(str(list(shape)) for shape in sorted(shapes))
        raise UnreadableError(f"the vectors of {layer.name} differ in their lengths ({found})")
    return layer.weights["mean"].shape[0]


def check_bias(layer: WeightedLayer, outputs: int, framework: Framework) -> None:
    """Raise UnreadableError if the bias does not have one value per output."""
    bias = layer.weights.get("bias")
    if bias and bias.shape != (outputs,):
        raise UnreadableError(
            f"the bias of {layer.name} {list(layer.shape)} is {list(bias.shape)}; expected "
            f"[{outputs}]; the file is damaged or its layers do not simply follow one another: "
            f"{framework.remedy}"
        )


def get_matrix_sizes(layer: WeightedLayer, framework: Framework) -> Pair:
    """Return the numbers of inputs and outputs of a dense layer."""
    first, second = layer.shape
    return (second, first) if framework.is_torch else (first, second)


def list_kernel_layouts(
    layer: WeightedLayer, framework: Framework, layers: Sequence[WeightedLayer]
) -> list[KernelLayout]:
    """Return both interpretations of a kernel, the likelier first."""
    if framework.is_torch:
        first, second, *kernel = layer.shape
    else:
        *kernel, second, first = layer.shape
    sides = (kernel[0], kernel[1])
    layouts = [KernelLayout(True, first, second, sides), KernelLayout(False, second, first, sides)]
    return layouts if _is_transposed(layer, layouts[0], layers) else layouts[::-1]


def _is_transposed(
    layer: WeightedLayer, layout: KernelLayout, layers: Sequence[WeightedLayer]
) -> bool:
    """Return whether a convolution is transposed, by its name, position and channels.

    The first layer, which takes the latent vector, is transposed. So is a layer that reduces the
    channels, or keeps them and has an even kernel.
    """
    if layer.transposed is not None:
        return layer.transposed
    if layer is layers[0]:
        return True
    return layout.inputs > layout.outputs or (
        layout.inputs == layout.outputs and layout.kernel_size[0] % 2 == 0
    )


def choose_stride(
    layout: KernelLayout, side: int, weightless_before: int | None, after_first_norm: bool
) -> int:
    """Return the factor by which the sides grow.

    `weightless_before` is the number of layers without weights since the last one with weights;
    `after_first_norm` is whether that one is the norm of the first map.
    """
    if layout.transposed:
        return 1 if side == 1 or layout.kernel_size == (1, 1) else 2
    return 2 if weightless_before is not None and weightless_before + after_first_norm >= 2 else 1


def find_unit_strides(layouts: Sequence[KernelLayout], side: int) -> range:
    """Return which of the remaining convolutions have stride 1, for images of 28 pixels a side."""
    if side != 7 or len(layouts) < 3 or not all(each.transposed for each in layouts):
        return range(0)
    # after kernels of 3 there is one convolution that keeps the sides
    return range(2, len(layouts)) if layouts[-1].kernel_size[0] == 3 else range(len(layouts) - 2)


def find_usual_padding(layout: KernelLayout, stride: int, side: int) -> str:
    """Return the padding by which sides grow exactly `stride` times: a number, or "same".

    It is "same" if no number is right for both sides of the map.
    """
    sides = _find_same_padding(layout, stride, side)
    numbers = {number for pair in sides for number in pair}
    return str(numbers.pop()) if len(numbers) == 1 and min(numbers) >= 0 else "same"


def choose_geometry(
    layout: KernelLayout, stride: int, side: int, framework: Framework, padding: str
) -> ConvGeometry:
    """Return the geometry of a convolution with this padding, a number or "same"."""
    pair = (stride, stride) if layout.transposed else (1, 1)
    if padding != "same":
        both = (int(padding), int(padding))
        return ConvGeometry(layout.transposed, pair, (both, both))
    (top, bottom), (left, right) = _find_same_padding(layout, stride, side)
    if layout.transposed and framework.is_torch:
        # padding takes as much from both sides, and output_padding gives back one
        (bottom, top), (right, left) = sorted((top, bottom)), sorted((left, right))
    return ConvGeometry(layout.transposed, pair, ((top, bottom), (left, right)))


def _find_same_padding(layout: KernelLayout, stride: int, side: int) -> Sides:
    if not layout.transposed:
        (top, bottom), (left, right) = (((k - 1) // 2, k // 2) for k in layout.kernel_size)
        return (top, bottom), (left, right)
    if side == 1 and stride == 1:
        return (0, 0), (0, 0)
    return same_crop(layout.kernel_size, (stride, stride))


def compute_output_sides(layout: KernelLayout, geometry: ConvGeometry, shape: Shape) -> Pair:
    """Return height and width of the output of a convolution."""
    if not geometry.transposed:
        first, second = (
            side + sum(added) - kernel + 1
            for side, kernel, added in zip(
                shape[:2], layout.kernel_size, geometry.padding, strict=True
            )
        )
        return first, second
    output_sides = [
        (side - 1) * step + kernel - sum(crop)
        for side, step, kernel, crop in zip(
            shape[:2], geometry.stride, layout.kernel_size, geometry.padding, strict=True
        )
    ]
    return output_sides[0], output_sides[1]


def _unknown_layer_error(layer: WeightedLayer, framework: Framework) -> UnreadableError:
    contents = ", ".join(f"{what} {list(each.shape)}" for what, each in layer.weights.items())
    return UnreadableError(
        f"{layer.name} ({contents}) is not a dense layer, convolution of two axes or batch norm; "
        f"expected a sequence of these: {framework.remedy}"
    )
