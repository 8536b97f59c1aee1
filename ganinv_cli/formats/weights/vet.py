"""The steps that the layers of a file make, if they are a generator's and in sequence.

Kinds are inferred from shapes: a matrix is a dense layer, four axes are a convolution, and vectors
with statistics are a batch norm.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from ganinv_cli.formats.interface import DISCRIMINATOR, IMAGE_NETWORK, UnreadableError
from ganinv_cli.formats.weights.step import Framework, Step, WeightedLayer

_LABEL_NAME = re.compile(r"embed|label|emb(?![a-z])|class_?cond", re.IGNORECASE)
_BRANCH_NAME = re.compile(
    r"(?<![a-z])(res(net|idual)?(_?(blocks?|layers?|units?))?|short_?cuts?|skips?|c_sc|conv_sc|"
    r"bypass|identity|to_?rgbs?|from_?rgb|(self_?)?(attn|attentions?)|query|key|value|to_[qkv]|"
    r"style\w*|ada_?in|mapping|synthesis|modulation|affine|downsampl(e|ers?)|downs?|time_?emb\w*|"
    r"(down|mid|up)_blocks?|lora\w*)(?![a-z])",
    re.IGNORECASE,
)


def list_steps(layers: Sequence[WeightedLayer], framework: Framework) -> tuple[Step, ...]:
    """Return the steps that layers in their order make. Raises UnreadableError, e.g. for labels."""
    if not layers:
        raise UnreadableError("holds no layer with weights")
    for layer in layers:
        _refuse_name(layer, framework)
    _refuse_image_network(layers, framework)
    steps: list[Step] = []
    for layer in layers:
        rank, roles = len(layer.shape), layer.weights.keys()
        last = steps[-1] if steps else None
        if rank in (2, 4) and roles <= {"weight", "bias"} and 0 not in layer.shape:
            steps.append(Step(layer))
        elif last and not last.norm_layer and rank < 2 and {"mean", "variance"} <= roles:
            steps[-1] = replace(last, norm_layer=layer)
        else:
            contents = ", ".join(f"{role} {list(e.shape)}" for role, e in layer.weights.items())
            raise UnreadableError(
                f"{layer.name} ({contents}) is no dense layer, convolution of two axes, or batch "
                "norm behind one with its running mean and variance; expected a sequence of these: "
                f"use a file with all of them, or {framework.remedy}"
            )
    return tuple(steps)


def _refuse_name(layer: WeightedLayer, framework: Framework) -> None:
    """Raise UnreadableError for a layer whose name belongs to a label or a branch."""
    if _LABEL_NAME.search(layer.name):
        problem = "a generator that takes a label, and weights alone do not say how it joins z"
    elif _BRANCH_NAME.search(layer.name):
        problem = "a branch, and weights alone do not say where it leaves and joins"
    else:
        return
    raise UnreadableError(
        f"{layer.name} {list(layer.shape)} belongs to {problem}; {framework.remedy}"
    )


def _refuse_image_network(layers: Sequence[WeightedLayer], framework: Framework) -> None:
    """Raise UnreadableError for a network that takes pictures, as a discriminator does."""
    shapes = [layer.shape for layer in layers if len(layer.shape) in (2, 4)]
    if len(shapes) < 2 or layers[0].transposed:
        return
    # of a matrix or of a convolution that is not transposed
    pairs = [shape[:2] if framework.is_torch else shape[:-3:-1] for shape in shapes]
    (outputs, inputs), is_number = pairs[0], pairs[-1][0] == 1
    takes_pictures = inputs in (1, 3) and outputs > inputs
    if len(shapes[0]) == 2:  # a grey generator ends in a convolution
        takes_pictures = is_number and len(shapes[-1]) == 2
    if takes_pictures:
        raise UnreadableError(DISCRIMINATOR if is_number else IMAGE_NETWORK)
