"""The possible conventions of a step, the usual one first.

* Upsampling: transposed, or nearest or bilinear before a convolution that is not.
* Strides: 1 for a transposed convolution on a 1 x 1 map, or with one pixel of kernel; else 2.
  From a map of 7 x 7, all but two convolutions have stride 1, so the image is 28 x 28. Before a
  convolution that is not transposed, it is the factor of the upsampling: 2 if two layers without
  weights precede it (activation and upsampling), or one after the norm of the first map; else 1.
* Padding: the padding by which the sides grow exactly stride times, in PyTorch's convention.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ganinv_cli.formats.weights.step import Framework, Step, WeightedLayer
from ganinv_cli.network.layers import Pair, Sides, same_crop


class KernelLayout(NamedTuple):
    """One interpretation of a convolution's kernel."""

    transposed: bool
    inputs: int
    outputs: int
    kernel_size: Pair


class ConvGeometry(NamedTuple):
    """Geometry of a convolution."""

    transposed: bool
    stride: Pair
    padding: Sides  # cropped from a transposed one, added before another


def get_matrix_sizes(layer: WeightedLayer, framework: Framework) -> Pair:
    """Return the numbers of inputs and outputs of a dense layer."""
    first, second = layer.shape
    return (second, first) if framework.is_torch else (first, second)


def list_kernel_layouts(
    layer: WeightedLayer, framework: Framework, is_first: bool
) -> list[KernelLayout]:
    """Return both interpretations of a kernel, the likelier first.

    The name decides. Else it is transposed if it takes the latent vector, or reduces the channels,
    or keeps them and has an even kernel.
    """
    if framework.is_torch:
        first, second, *kernel = layer.shape
    else:
        *kernel, second, first = layer.shape
    sides = (kernel[0], kernel[1])
    layouts = [KernelLayout(True, first, second, sides), KernelLayout(False, second, first, sides)]
    is_transposed = layer.transposed
    if is_transposed is None:
        is_transposed = is_first or first > second or (first == second and sides[0] % 2 == 0)
    return layouts if is_transposed else layouts[::-1]


def list_upsamplings(layer: WeightedLayer, layouts: Sequence[KernelLayout]) -> list[str]:
    """Return the possible upsamplings of a convolution with these interpretations."""
    possible = layouts[:1] if layer.transposed is not None else layouts
    return [
        name
        for layout in possible
        for name in (("transposed",) if layout.transposed else ("nearest", "bilinear"))
    ]


def list_strides(
    layout: KernelLayout, side: int, weightless_before: int | None, after_first_norm: bool
) -> list[int]:
    """Return the factors by which the sides of a map may grow.

    `weightless_before` is the number of layers without weights since the last one with weights;
    `after_first_norm` is whether that one is the norm of the first map.
    """
    if layout.transposed:
        is_fixed = side == 1 or layout.kernel_size == (1, 1)
        return [1] if is_fixed else [2, 1]
    is_two = weightless_before is not None and weightless_before + after_first_norm >= 2
    usual = 2 if is_two else 1
    is_open = weightless_before is None or weightless_before > 0
    return [usual, 3 - usual] if is_open else [usual]


def find_unit_strides(steps: Sequence[Step], framework: Framework, side: int) -> range:
    """Return which of all convolutions have stride 1, for images of 28 pixels a side."""
    layouts = [
        list_kernel_layouts(step.linear, framework, step is steps[0])[0]
        for step in steps
        if len(step.linear.shape) == 4
    ]
    if side != 7 or len(layouts) < 3 or not all(each.transposed for each in layouts):
        return range(0)
    # after kernels of 3 there is one convolution that keeps the sides
    return range(2, len(layouts)) if layouts[-1].kernel_size[0] == 3 else range(len(layouts) - 2)


def list_paddings(layout: KernelLayout, stride: int, side: int) -> list[str | int]:
    """Return the possible paddings; "same" if no number is right for both sides of the map."""
    sides = _find_same_padding(layout, stride, side)
    numbers = {number for pair in sides for number in pair}
    usual = numbers.pop() if len(numbers) == 1 and min(numbers) >= 0 else "same"
    is_open = layout.transposed and side > 1 and layout.kernel_size > (1, 1)
    return [usual, *(each for each in (0, 1) if is_open and each != usual)]


def make_geometry(
    layout: KernelLayout, stride: int, side: int, padding: str | int, framework: Framework
) -> ConvGeometry:
    """Return the geometry of a convolution with this padding, a number or "same"."""
    pair = (stride, stride) if layout.transposed else (1, 1)
    if isinstance(padding, int):
        return ConvGeometry(layout.transposed, pair, ((padding, padding), (padding, padding)))
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


def compute_output_sides(layout: KernelLayout, geometry: ConvGeometry, sides: Pair) -> list[int]:
    """Return height and width of the output of a convolution."""
    along = zip(sides, geometry.stride, layout.kernel_size, geometry.padding, strict=True)
    if geometry.transposed:
        return [(side - 1) * step + kernel - sum(crop) for side, step, kernel, crop in along]
    return [side + sum(added) - kernel + 1 for side, _, kernel, added in along]
