"""What is usual in generators where a file of weights alone does not say it.

* Stride: 1 for a transposed convolution on a 1 x 1 map, which it fills, and for one of a single
  pixel; else 2. On a map of 7 x 7 as many have 1 as make the image 28 x 28.
* A convolution that is not transposed keeps the sides. Its stride in --strides is by how much the
  map is enlarged before it, each pixel repeated. It is 2 where two layers without weights stand
  before it, which are the activation and the enlarging, or one behind the norm of a first map,
  and 1 elsewhere.
* Padding: that by which the sides grow just stride times, or that which is given, as PyTorch
  counts it and without output_padding.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.formats.weights.parts import Part, Place, Style
from ganinv_cli.network.layers import Pair, same_crop
from ganinv_cli.network.shapes import Shape

_LABEL = re.compile(r"embed|label|emb(?![a-z])|class_?cond", re.IGNORECASE)
_BRANCH = re.compile(
    r"(?<![a-z])(res(net|idual)?(_?blocks?)?|short_?cut|skip|c_sc|conv_sc|bypass|"
    r"to_?rgbs?|from_?rgb|attn|attention|self_?attn|query|key|value|style\w*|mapping|modulation|"
    r"downsample|lora\w*)(?![a-z])",
    re.IGNORECASE,
)


class Orientation(NamedTuple):
    """A way to read the kernel of a convolution."""

    transposed: bool
    inputs: int
    outputs: int
    kernel: Pair


def kind(part: Part, style: Style) -> str:
    """dense, convolution, norm or slope. Raises UnreadableError where it is none of these."""
    rank = len(part.shape)
    vectors = [each.shape for what, each in part.weights.items() if what != "weight"]
    if any(len(shape) != 1 for shape in vectors) or 0 in part.shape:
        raise _unknown(part, style)
    if rank in (2, 4) and not part.weights.keys() - {"weight", "bias"}:
        return "dense" if rank == 2 else "convolution"
    if rank < 2 and {"mean", "variance"} <= part.weights.keys():
        return "norm"
    if part.shape == (1,) and part.weights.keys() == {"weight"}:
        return "slope"
    if rank == 1:
        raise UnreadableError(
            f"{part.name} has one weight a channel and no statistics; expected a batch norm with "
            "its running mean and variance, without which a picture would depend on the others in "
            f"its batch; use a file with all of them, or {style.remedy}"
        )
    raise _unknown(part, style)


def check_names(parts: Sequence[Part], style: Style) -> None:
    """Raises UnreadableError at a layer that does not simply follow the one before it."""
    for part in parts:
        if _LABEL.search(part.name):
            raise UnreadableError(
                f"{part.name} {list(part.shape)} belongs to a generator that takes a label, and "
                f"weights alone do not say how it joins z; {style.remedy}"
            )
        if _BRANCH.search(part.name):
            raise UnreadableError(
                f"{part.name} {list(part.shape)} belongs to a branch, and weights alone do not say "
                f"where it leaves and joins; {style.remedy}"
            )


def channels(part: Part) -> int:
    """Of a batch norm, in which all vectors have as many. Raises UnreadableError."""
    shapes = {weight.shape for weight in part.weights.values()}
    if len(shapes) > 1 or len(part.weights["mean"].shape) != 1:
        found = ", ".join(str(list(shape)) for shape in sorted(shapes))
        raise UnreadableError(f"the vectors of {part.name} differ in their lengths ({found})")
    return part.weights["mean"].shape[0]


def check_bias(part: Part, outputs: int) -> None:
    """Raises UnreadableError where there is one that does not fit."""
    bias = part.weights.get("bias")
    if bias and bias.shape != (outputs,):
        raise UnreadableError(
            f"the bias of {part.name} {list(part.shape)} is {list(bias.shape)}; expected "
            f"[{outputs}]; the file is damaged"
        )


def matrix(part: Part, style: Style) -> Pair:
    """Inputs and outputs of a dense layer."""
    first, second = part.shape
    return (second, first) if style.torch else (first, second)


def orientations(part: Part, style: Style, parts: Sequence[Part]) -> list[Orientation]:
    """The ways to read a kernel, the likelier first."""
    if style.torch:
        first, second, *kernel = part.shape
    else:
        *kernel, second, first = part.shape
    sides = (kernel[0], kernel[1])
    both = [Orientation(True, first, second, sides), Orientation(False, second, first, sides)]
    return both if _transposed(part, both[0], parts) else both[::-1]


def _transposed(part: Part, read: Orientation, parts: Sequence[Part]) -> bool:
    """By its name; the first, which takes the latent vector; by channels, which become fewer.

    Where they stay as many: by an even kernel.
    """
    if part.transposed is not None:
        return part.transposed
    if part is parts[0]:
        return True
    return read.inputs > read.outputs or (read.inputs == read.outputs and read.kernel[0] % 2 == 0)


def stride(chosen: Orientation, side: int, before: int | None, begun: bool) -> int:
    """By how much the sides grow.

    `before`: how many layers without weights stand between the last with some; `begun`: whether
    that is a norm with which the first map begins.
    """
    if chosen.transposed:
        return 1 if side == 1 or chosen.kernel == (1, 1) else 2
    return 2 if before is not None and before + begun >= 2 else 1


def stepping(left: Sequence[Orientation], side: int) -> range:
    """Which of the convolutions that are left to a map have stride 1 all the same."""
    if side != 7 or len(left) < 3 or not all(each.transposed for each in left):
        return range(0)
    # kernels of 3 are followed by one that only tidies up
    return range(2, len(left)) if left[-1].kernel[0] == 3 else range(len(left) - 2)


def place(chosen: Orientation, stride: int, side: int, style: Style, padding: int | None) -> Place:
    """With the usual padding where none is given."""
    pair = (stride, stride)
    if padding is not None:
        around = ((padding, padding), (padding, padding))
        return Place(chosen.transposed, pair if chosen.transposed else (1, 1), around)
    if not chosen.transposed:
        (top, bottom), (left, right) = (((k - 1) // 2, k // 2) for k in chosen.kernel)
        return Place(False, (1, 1), ((top, bottom), (left, right)))
    if side == 1 and stride == 1:
        return Place(True, pair, ((0, 0), (0, 0)))
    (top, bottom), (left, right) = same_crop(chosen.kernel, pair)
    if style.torch:  # padding takes as much from both sides, and output_padding gives back one
        (bottom, top), (right, left) = sorted((top, bottom)), sorted((left, right))
    return Place(True, pair, ((top, bottom), (left, right)))


def sides(chosen: Orientation, placed: Place, shape: Shape) -> Pair:
    """Of the map that it makes."""
    if not placed.transposed:
        first, second = (
            side + sum(added) - kernel + 1
            for side, kernel, added in zip(shape[:2], chosen.kernel, placed.sides, strict=True)
        )
        return first, second
    made = [
        (side - 1) * step + kernel - sum(crop)
        for side, step, kernel, crop in zip(
            shape[:2], placed.stride, chosen.kernel, placed.sides, strict=True
        )
    ]
    return made[0], made[1]


def _unknown(part: Part, style: Style) -> UnreadableError:
    held = ", ".join(f"{what} {list(each.shape)}" for what, each in part.weights.items())
    return UnreadableError(
        f"{part.name} ({held}) is no dense layer, convolution of two axes or batch norm; expected "
        f"a sequence of these: {style.remedy}"
    )
