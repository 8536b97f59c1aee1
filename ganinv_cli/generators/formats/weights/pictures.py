"""The stride of the last convolution, which no norm tests, by the pictures of both candidates.

Pixels side by side differ less than pixels with one between them. A transposed convolution that
was trained with a stride of 1 makes of a stride of 2 checkered pictures, where they do not. So may
one early in training, but a kernel of even size, of which a stride of 1 changes the side, has 2.
"""

from ganinv_cli.generators.formats.interface import UnreadableError
from ganinv_cli.generators.formats.picture_check import CHECKERED, SMOOTH, compare_neighbours
from ganinv_cli.generators.formats.weights.moments import QUICK, Measurements
from ganinv_cli.generators.formats.weights.plan_layers import count_labels, plan_layers
from ganinv_cli.generators.formats.weights.step import (
    PRIOR,
    Decision,
    Design,
    Inference,
    change_step,
)
from ganinv_cli.generators.network.definition import Convention
from ganinv_cli.generators.network.layers import ConvTranspose

NOISE = 1.5  # a ratio of neighbours; with random weights more is by chance
MIN_KERNEL = 3  # of 2, no trained ones were tested


def decide_last_stride(design: Design, inference: Inference) -> Inference:
    """Return the decision on the last stride; empty if the pictures do not tell.

    The design has the inferred values. If a norm was not reached, more than that is open.
    """
    norms = [number for number, step in enumerate(design.steps) if step.norm_layer]
    sequence = plan_layers(design)
    strides = [each for each in sequence.choices if each.name == "strides"]
    are_tested = PRIOR in inference and norms[-1] in (0, *(number for _, number in inference))
    untested = [each for each in strides if each.key not in inference and each.others]
    if not are_tested or len(untested) != 1 or untested != strides[-1:]:
        return {}
    (choice,) = untested
    layer = next(each.layer for each in sequence.layers if each.name == choice.layer)
    if not isinstance(layer, ConvTranspose) or min(layer.weights.shape[:2]) < MIN_KERNEL:
        return {}
    is_odd = all(side % 2 for side in layer.weights.shape[:2])
    labels = count_labels(design.conventions, sequence.inputs)
    measurements = Measurements(design.framework.is_torch, sequence.inputs - labels, labels)
    ratios: dict[int, float] = {}
    for stride in (1, 2):
        steps = change_step(design.steps, choice.key, stride)
        try:
            layers = plan_layers(design._replace(steps=steps)).layers
        except UnreadableError:
            return {}
        pictures = measurements.run(layers, str(inference[PRIOR].value), QUICK)
        ratios[stride] = compare_neighbours(pictures.numpy())
    if ratios[2] < SMOOTH:
        value = 2
    elif is_odd and CHECKERED < ratios[2] < NOISE and ratios[1] < SMOOTH:
        value = 1
    else:
        return {}
    row = Convention(choice.name, choice.layer, f"{value}", "pictures")
    return {choice.key: Decision(value, row)}
