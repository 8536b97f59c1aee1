"""carpedm20's DCGAN and its descendants in TensorFlow 1 checkpoints, as steps of fixed choices.

layout   generator                     statistics of the batch norms
A        g_h0_lin/Matrix, g_h1/w, …    g_bn0_1/…/moments/…/ExponentialMovingAverage
B        the same                      g_bn0/moving_mean, g_bn0/moving_variance
C        a prefix such as generator/   the same, with the prefix

z -> g_h0_lin -> map, norm, relu -> g_h1 -> norm, relu -> … -> tanh. In the conditional DCGAN, as
for MNIST, the label is an input of each layer, beside a map at every pixel: z, label -> g_h0_lin ->
norm, relu; label -> g_h1_lin -> norm, relu, map; label -> g_h2 -> norm, relu; label -> g_h3 ->
sigmoid.

An image has the first map's side times the stride of every transposed convolution, which is 2.
(The original code can also cut off the last row and column of a map, for sizes such as 28. The
shapes in the file do not show that.)
"""

import re
from collections.abc import Collection, Mapping
from functools import partial

from ganinv_cli.generators.formats.interface import (
    DISCRIMINATOR,
    UnfinishedGenerator,
    UnreadableError,
    format_names,
    natural_key,
)
from ganinv_cli.generators.formats.tensorflow.tensors import CheckpointTensors
from ganinv_cli.generators.formats.weights.infer_generator import list_conventions, read_network
from ganinv_cli.generators.formats.weights.plan_layers import apply_given
from ganinv_cli.generators.formats.weights.step import Design, Framework, Step
from ganinv_cli.generators.formats.weights.weight import Weight, WeightedLayer
from ganinv_cli.generators.network.layers import Shape
from ganinv_cli.settings.conventions import Conventions

FRAMEWORK = Framework(is_torch=False, epsilon=1e-5, activation="relu")
STRIDE = 2
CONVENTIONS = ("activation", "strides", "epsilon")  # the others are fixed

MATRIX, SECOND_MATRIX = "g_h0_lin/Matrix", "g_h1_lin/Matrix"
EXPECTED = f"{MATRIX}, g_h0_lin/bias, g_h1/w, g_h1/biases, g_bn0/gamma, g_bn0/beta, …"
_AVERAGE_SUFFIX = "/ExponentialMovingAverage"
_DISCRIMINATOR = re.compile(r"(^|/)(discriminator/|d_h[0-9])")  # in the names of its weights

_Names = Mapping[str, str]  # of tensors by role: weight, bias, mean, variance


def read_dcgan(
    tensors: CheckpointTensors, version: str, path: str, conventions: Conventions
) -> UnfinishedGenerator:
    """Return the generator of a checkpoint of version V1 or V2. Raises UnreadableError."""
    prefix = _find_prefix(tensors.shapes)
    labels = _count_labels(tensors.shapes, prefix)
    if conventions.labels not in (None, labels):
        raise UnreadableError(f"takes {labels or 'no'} labels by its shapes; leave --labels out")
    if conventions.key:
        raise UnreadableError("holds a single generator; leave --key out")
    layers = _match_layers(tensors.shapes, prefix)
    steps = tuple(_make_step(tensors, *names) for names in layers)
    design = apply_given(Design(steps, FRAMEWORK, conventions, labels))
    rows = list_conventions(design, {})
    used = {name for layer in layers for names in layer for name in names.values()}
    is_averaged = any(name.endswith(_AVERAGE_SUFFIX) for name in used)
    return UnfinishedGenerator(
        network=read_network(design),
        format=f"TensorFlow {version}",
        layout="A" if is_averaged else "C" if prefix else "B",
        path=path,
        ignored=tuple(sorted(tensors.shapes.keys() - used)),
        conventions=tuple(row for name in CONVENTIONS for row in rows if row.name == name),
        prior="uniform",
    )


def _make_step(tensors: CheckpointTensors, linear: _Names, norm: _Names) -> Step:
    def make_layer(names: _Names) -> WeightedLayer:
        weights = {
            role: Weight(tensors.shapes[name], partial(tensors.__getitem__, name))
            for role, name in names.items()
        }
        return WeightedLayer(names["weight"].rpartition("/")[0], weights, transposed=True)

    return Step(
        make_layer(linear),
        make_layer(norm) if norm else None,
        upsampling="transposed",
        strides=STRIDE,
        padding="same",
        norm="before",
    )


def _find_prefix(names: Collection[str]) -> str:
    """Return the prefix of the first matrix, which is unique apart from a sampler's copy."""
    prefixes = [name.removesuffix(MATRIX) for name in names if f"/{name}".endswith(f"/{MATRIX}")]
    prefixes = [prefix for prefix in prefixes if not _is_sampler(prefix)] or prefixes
    if len(prefixes) == 1:
        return prefixes[0]
    if prefixes:
        raise UnreadableError(
            f"holds {len(prefixes)} generators ({format_names([p + MATRIX for p in prefixes])}), "
            "but one was expected; use a checkpoint with one"
        )
    if any(_DISCRIMINATOR.search(name) for name in names):
        raise UnreadableError(DISCRIMINATOR)
    raise UnreadableError(
        f"holds no DCGAN generator: found {format_names(names)}; expected {EXPECTED}, with or "
        "without a prefix such as generator/; is it the right checkpoint?"
    )


def _count_labels(shapes: Mapping[str, Shape], prefix: str) -> int:
    """Return how many inputs of the second matrix are not outputs of the first."""
    first, second = f"{prefix}{MATRIX}", f"{prefix}{SECOND_MATRIX}"
    if second not in shapes:
        return 0
    labels = shapes[second][0] - shapes[first][1]
    if not 0 < labels < shapes[first][0]:
        raise UnreadableError(
            f"{second} {list(shapes[second])} takes what {first} {list(shapes[first])} makes and "
            f"{labels} values of a label; the checkpoint is damaged or not a conditional DCGAN's"
        )
    return labels


def _match_layers(names: Collection[str], prefix: str) -> list[tuple[_Names, _Names]]:
    matrices = 2 if f"{prefix}{SECOND_MATRIX}" in names else 1
    pattern = re.compile(rf"{re.escape(prefix)}g_h([0-9]{{1,4}})/w")
    depths = [int(match[1]) for match in map(pattern.fullmatch, names) if match]
    layers: list[tuple[_Names, _Names]] = []
    for number in range(max(*depths, matrices, 1) + 1):
        layer = f"{prefix}g_h{number}"
        linear = {"weight": f"{layer}/w", "bias": f"{layer}/biases"}
        if number < matrices:
            linear = {"weight": f"{layer}_lin/Matrix", "bias": f"{layer}_lin/bias"}
        layers.append((linear, _match_norm(names, f"{prefix}g_bn{number}", number)))
    return layers


def _match_norm(names: Collection[str], norm: str, number: int) -> _Names:
    averages = _find_averages(names, number)
    statistics = {"mean": f"{norm}/moving_mean", "variance": f"{norm}/moving_variance"}
    if not averages and not any(name.startswith(f"{norm}/") for name in names):
        return {}
    if not any(name in names for name in statistics.values()):
        statistics = averages
    if not statistics:
        raise UnreadableError(
            f"{norm} has gamma and beta but no statistics: expected {norm}/moving_mean and "
            f"{norm}/moving_variance, or g_bn{number}_1/…/moments/…{_AVERAGE_SUFFIX}; use a "
            "checkpoint saved with all variables, not the trainable ones only"
        )
    return {"weight": f"{norm}/gamma", "bias": f"{norm}/beta", **statistics}


def _find_averages(names: Collection[str], number: int) -> dict[str, str]:
    """Return mean and variance of the first call of a norm, which is in the training graph.

    TensorFlow names them after the operations that compute the averaged values. So the path differs
    between versions, except for the norm's name, `moments` and the end.
    """
    pattern = re.compile(
        rf"(?P<call>(?:.*/)?g_bn{number}(?:_[0-9]+)?/(?:.*?/)?moments(?:_[0-9]+)?/)(?:.*/)?"
        rf"(?P<what>mean|variance|Squeeze|Squeeze_1){_AVERAGE_SUFFIX}"
    )
    calls: dict[str, dict[str, str]] = {}
    for name in names:
        if average := pattern.fullmatch(name):
            what = "mean" if average["what"] in ("mean", "Squeeze") else "variance"
            calls.setdefault(average["call"], {})[what] = name
    complete = [call for call, pair in calls.items() if len(pair) == 2]
    first = min(complete, key=lambda call: (_is_sampler(call), natural_key(call)), default="")
    return calls.get(first, {})


def _is_sampler(name: str) -> bool:
    """Return whether a name is from a second copy of the network, for drawing samples."""
    return any(segment.startswith("sampler") for segment in name.split("/"))
