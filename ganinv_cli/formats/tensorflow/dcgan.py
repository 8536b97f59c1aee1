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
from typing import NamedTuple

from ganinv_cli.formats.interface import (
    DISCRIMINATOR,
    UnfinishedGenerator,
    UnreadableError,
    format_names,
    natural_key,
)
from ganinv_cli.formats.tensorflow.tensors import CheckpointTensors
from ganinv_cli.formats.weights.build import build, build_network
from ganinv_cli.formats.weights.step import Design, Framework, Step, WeightedLayer, format_value
from ganinv_cli.formats.weights.weight import Weight
from ganinv_cli.network.convention import Convention
from ganinv_cli.settings.conventions import Conventions

FRAMEWORK = Framework(is_torch=False, epsilon=1e-5, activation="relu")
STRIDE = 2
CONVENTIONS = ("activation", "strides", "epsilon")  # the others are fixed

MATRIX, SECOND_MATRIX, KERNEL = "g_h0_lin/Matrix", "g_h1_lin/Matrix", "g_h1/w"
EXPECTED = f"{MATRIX}, g_h0_lin/bias, {KERNEL}, g_h1/biases, g_bn0/gamma, g_bn0/beta, …"
_AVERAGE_SUFFIX = "/ExponentialMovingAverage"
_DISCRIMINATOR = re.compile(r"(^|/)(discriminator/|d_h[0-9])")  # in the names of its weights


class LayerNames(NamedTuple):
    """The tensors of a layer, and of the norm behind it."""

    linear: Mapping[str, str]  # name by role: weight, bias
    norm: Mapping[str, str]  # weight, bias, mean, variance; empty if there is none


def read_dcgan(
    tensors: CheckpointTensors, version: str, path: str, conventions: Conventions
) -> UnfinishedGenerator:
    """Return the generator of a checkpoint of version V1 or V2. Raises UnreadableError."""
    for name in ("norm", "upsampling", "padding"):
        if conventions.is_given(name):
            raise UnreadableError(
                f"is a TensorFlow 1 DCGAN, which has no choice of {name}; leave --{name} out"
            )
    prefix = _find_prefix(tensors.shapes)
    layers = _match_layers(tensors.shapes, prefix)
    labels = _count_labels(tensors.shapes, prefix)
    if labels and conventions.labels not in (-1, labels):
        raise UnreadableError(f"takes {labels} labels by its shapes; leave --labels out")
    stride = None if conventions.strides else STRIDE
    steps = tuple(_make_step(tensors, names, stride) for names in layers)
    design = Design(steps, FRAMEWORK, conventions)
    choices = build(design, labels=labels).choices
    used = {name for each in layers for name in (*each.linear.values(), *each.norm.values())}
    is_averaged = any(name.endswith(_AVERAGE_SUFFIX) for name in used)
    return UnfinishedGenerator(
        network=build_network(design, labels),
        format=f"TensorFlow {version}",
        layout="A" if is_averaged else "C" if prefix else "B",
        path=path,
        ignored=tuple(sorted(tensors.shapes.keys() - used)),
        conventions=tuple(
            Convention(name, each.layer, format_value(each.value), each.source)
            for name in CONVENTIONS
            for each in choices
            if each.name == name
        ),
        prior="uniform",
    )


def _make_step(tensors: CheckpointTensors, names: LayerNames, stride: int | None) -> Step:
    def make_layer(roles: Mapping[str, str]) -> WeightedLayer:
        return WeightedLayer(
            roles["weight"].rpartition("/")[0],
            {
                role: Weight(tensors.shapes[name], partial(tensors.__getitem__, name))
                for role, name in roles.items()
            },
            transposed=True,
        )

    return Step(
        make_layer(names.linear),
        make_layer(names.norm) if names.norm else None,
        upsampling="transposed",
        strides=stride,
        padding="same",
        norm="before",
    )


def _count_labels(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> int:
    """Return how many inputs of the second dense layer are not outputs of the first."""
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


def _match_layers(names: Collection[str], prefix: str) -> list[LayerNames]:
    """Return the generator's tensors, from z to the image. Raises UnreadableError."""
    denses = ["g_h0_lin", *["g_h1_lin"] * (f"{prefix}{SECOND_MATRIX}" in names)]
    pattern = re.compile(rf"{re.escape(prefix)}g_h([0-9]{{1,4}})/w")
    depths = [int(match[1]) for match in map(pattern.fullmatch, names) if match]
    # g_h1/w is reported missing if there is none
    convolutions = [f"g_h{n}" for n in range(len(denses), max(*depths, len(denses), 1) + 1)]
    layers = []
    for number, layer in enumerate([*denses, *convolutions]):
        leaves = ("Matrix", "bias") if layer in denses else ("w", "biases")
        weight, bias = (f"{prefix}{layer}/{leaf}" for leaf in leaves)
        _require(names, weight, bias)
        norm = _match_norm(names, prefix, number)
        layers.append(LayerNames({"weight": weight, "bias": bias}, norm))
    return layers


def _find_prefix(names: Collection[str]) -> str:
    """Return the prefix of g_h0_lin/Matrix, which must be unique apart from a sampler's copy.

    If that tensor is missing, other tensors of the first layers are used.
    """
    for ending in (MATRIX, "g_h0_lin/bias", KERNEL):
        prefixes = [e.removesuffix(ending) for e in names if f"/{e}".endswith(f"/{ending}")]
        prefixes = [prefix for prefix in prefixes if not _is_sampler(prefix)] or prefixes
        if len(prefixes) > 1:
            found = format_names([prefix + MATRIX for prefix in prefixes])
            raise UnreadableError(
                f"holds {len(prefixes)} generators ({found}), but one was expected; use a "
                "checkpoint with one"
            )
        if prefixes:
            return prefixes[0]
    if any(_DISCRIMINATOR.search(name) for name in names):
        raise UnreadableError(DISCRIMINATOR)
    raise UnreadableError(
        f"holds no DCGAN generator: found {format_names(names)}; expected {EXPECTED}, with or "
        "without a prefix such as generator/; is it the right checkpoint?"
    )


def _match_norm(names: Collection[str], prefix: str, number: int) -> Mapping[str, str]:
    name = f"{prefix}g_bn{number}"
    leaves = ("gamma", "beta", "moving_mean", "moving_variance")
    norm = dict(
        zip(
            ("weight", "bias", "mean", "variance"),
            (f"{name}/{leaf}" for leaf in leaves),
            strict=True,
        )
    )
    averages = _find_averages(names, number)
    if not averages and not any(tensor in names for tensor in norm.values()):
        return {}
    _require(names, norm["weight"], norm["bias"])
    if norm["mean"] in names or norm["variance"] in names:
        _require(names, norm["mean"], norm["variance"])
    elif not averages:
        raise UnreadableError(
            f"{name} has gamma and beta but no statistics: expected {norm['mean']} and "
            f"{norm['variance']}, or g_bn{number}_1/…/moments/…{_AVERAGE_SUFFIX}, without which a "
            "picture would depend on the others in its batch; use a checkpoint saved with all "
            "variables, not the trainable ones only"
        )
    else:
        norm |= averages
    return norm


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


def _require(names: Collection[str], *required: str) -> None:
    for name in required:
        if name not in names:
            folder = name.rpartition("/")[0] + "/"
            siblings = [other for other in names if other.startswith(folder)]
            raise UnreadableError(
                f"the generator's {name} is missing (found {format_names(siblings)} in its place); "
                "use a checkpoint saved with all variables"
            )


def _is_sampler(name: str) -> bool:
    """Return whether a name is from a second copy of the network, for drawing samples."""
    return any(segment.startswith("sampler") for segment in name.split("/"))
