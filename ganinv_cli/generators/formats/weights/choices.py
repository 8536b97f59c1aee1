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

from ganinv_cli.generators.formats.weights.step import Framework, Step, Value
from ganinv_cli.generators.formats.weights.weight import WeightedLayer
from ganinv_cli.generators.network.layers import Pair, Sides, same_crop


class Kernel(NamedTuple):
    """One interpretation of a convolution's kernel."""

    transposed: bool
    inputs: int
    outputs: int
    size: Pair


def list_kernels(layer: WeightedLayer, framework: Framework, is_first: bool) -> list[Kernel]:
    """Return both interpretations of a kernel, the likelier first.

    The name decides. Else it is transposed if it takes the latent vector, or reduces the channels,
    or keeps them and has an even kernel.
    """
    if framework.is_torch:
        first, second, height, width = layer.shape
    else:
        height, width, second, first = layer.shape
    size = (height, width)
    kernels = [Kernel(True, first, second, size), Kernel(False, second, first, size)]
    is_transposed = layer.transposed
    if is_transposed is None:
        is_transposed = is_first or first > second or (first == second and height % 2 == 0)
    return kernels if is_transposed else kernels[::-1]


def list_upsamplings(layer: WeightedLayer, kernels: Sequence[Kernel]) -> list[str]:
    """Return the possible upsamplings of a convolution with these interpretations."""
    possible = kernels[:1] if layer.transposed is not None else kernels
    names = (("transposed",) if each.transposed else ("nearest", "bilinear") for each in possible)
    return [name for group in names for name in group]


def list_strides(kernel: Kernel, side: int, weightless_before: int | None) -> list[int]:
    """Return the factors by which the sides of a map may grow.

    `weightless_before` is the number of layers without weights since the last one with weights, if
    known; the norm of the first map counts as one.
    """
    if kernel.transposed:
        return [1] if side == 1 or kernel.size == (1, 1) else [2, 1]
    usual = 2 if weightless_before is not None and weightless_before >= 2 else 1
    return [usual] if weightless_before == 0 else [usual, 3 - usual]


def find_unit_strides(steps: Sequence[Step], framework: Framework, side: int) -> range:
    """Return which of all convolutions have stride 1, for images of 28 pixels a side.

    `side` is that of the first map.
    """
    kernels = [
        list_kernels(step.linear, framework, step is steps[0])[0]
        for step in steps
        if step.is_convolution
    ]
    if side != 7 or len(kernels) < 3 or not all(each.transposed for each in kernels):
        return range(0)
    # after kernels of 3 there is one convolution that keeps the sides
    return range(2, len(kernels)) if kernels[-1].size[0] == 3 else range(len(kernels) - 2)


def list_paddings(kernel: Kernel, stride: int, side: int) -> list[str | int]:
    """Return the possible paddings; "same" if no number is right for both sides of the map."""
    numbers = {number for pair in _find_same(kernel, stride, side) for number in pair}
    usual = numbers.pop() if len(numbers) == 1 and min(numbers) >= 0 else "same"
    is_open = kernel.transposed and side > 1 and kernel.size > (1, 1)
    return [usual, *(each for each in (0, 1) if is_open and each != usual)]


def find_sides(kernel: Kernel, stride: int, side: int, padding: Value, is_torch: bool) -> Sides:
    """Return the rows and columns that a padding, a number or "same", adds or crops."""
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    rows, columns = _find_same(kernel, stride, side)
    if kernel.transposed and is_torch:
        # padding takes as much from both sides, and output_padding gives back one
        return (max(rows), min(rows)), (max(columns), min(columns))
    return rows, columns


def _find_same(kernel: Kernel, stride: int, side: int) -> Sides:
    if not kernel.transposed:
        rows, columns = (((size - 1) // 2, size // 2) for size in kernel.size)
        return rows, columns
    if side == 1 and stride == 1:
        return (0, 0), (0, 0)
    return same_crop(kernel.size, (stride, stride))
