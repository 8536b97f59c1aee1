"""Names of a generator's tensors in checkpoints of carpedm20's DCGAN and its descendants.

layout   generator                     statistics of the batch norms
A        g_h0_lin/Matrix, g_h1/w, …    g_bn0_1/…/moments/…/ExponentialMovingAverage
B        the same                      g_bn0/moving_mean, g_bn0/moving_variance
C        a prefix such as generator/   the same, with the prefix

A conditional generator has g_h1_lin/Matrix behind g_h0_lin, and g_h2/w behind that.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from ganinv_cli.formats.interface import DISCRIMINATOR, UnreadableError
from ganinv_cli.formats.reading import format_names, natural_key

MATRIX, BIAS, KERNEL = "g_h0_lin/Matrix", "g_h0_lin/bias", "g_h1/w"
SECOND_MATRIX, SECOND_BIAS = "g_h1_lin/Matrix", "g_h1_lin/bias"
EXPECTED = f"{MATRIX}, {BIAS}, {KERNEL}, g_h1/biases, g_bn0/gamma, g_bn0/beta, …"
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # in every TensorFlow 2 object checkpoint

_AVERAGE_SUFFIX = "/ExponentialMovingAverage"


class LinearNames(NamedTuple):
    """The names of the tensors of one layer with weights."""

    weights: str
    bias: str


class BatchNormNames(NamedTuple):
    """The names of the tensors of one batch norm."""

    gamma: str
    beta: str
    mean: str
    variance: str


class GeneratorNames(NamedTuple):
    """The names of a generator's tensors."""

    layout: str
    denses: tuple[LinearNames, ...]  # two in a conditional generator
    convolutions: tuple[LinearNames, ...]
    norms: tuple[BatchNormNames | None, ...]  # after the dense layers and after each convolution

    @property
    def dense(self) -> LinearNames:
        """The names of the layer that takes z."""
        return self.denses[0]

    def list_names(self) -> tuple[str, ...]:
        """Return all names."""
        groups = (*self.denses, *self.convolutions, *self.norms)
        return tuple(name for group in groups if group for name in group)


def match_names(names: Collection[str]) -> GeneratorNames:
    """Return the generator's names among all names in a file. Raises UnreadableError."""
    prefix = _find_prefix(names)
    dense = LinearNames(f"{prefix}{MATRIX}", f"{prefix}{BIAS}")
    second = LinearNames(f"{prefix}{SECOND_MATRIX}", f"{prefix}{SECOND_BIAS}")
    denses = (dense, second) if second.weights in names else (dense,)
    last = max(_find_depth(names, prefix), len(denses))
    convolutions = tuple(
        LinearNames(f"{prefix}g_h{number}/w", f"{prefix}g_h{number}/biases")
        for number in range(len(denses), last + 1)
    )
    for linear in (*denses, *convolutions):
        _require(names, *linear)
    norms = tuple(_find_norm(names, prefix, number) for number in range(last + 1))
    averaged = any(norm and norm.mean.endswith(_AVERAGE_SUFFIX) for norm in norms)
    layout = "A" if averaged else "C" if prefix else "B"
    return GeneratorNames(layout, denses, convolutions, norms)


def _find_prefix(names: Collection[str]) -> str:
    """Return the prefix of g_h0_lin/Matrix, which must be unique apart from a sampler's copy.

    If that tensor is missing, other tensors of the first layers are used.
    """
    prefixes = next(
        filter(None, (_list_prefixes(names, name) for name in (MATRIX, BIAS, KERNEL))), []
    )
    prefixes = [prefix for prefix in prefixes if not _is_sampler(prefix)] or prefixes
    if not prefixes:
        raise UnreadableError(_explain_no_generator(names))
    if len(prefixes) > 1:
        raise UnreadableError(
            f"holds {len(prefixes)} generators ({format_names([p + MATRIX for p in prefixes])}), "
            "but one was expected; use a checkpoint with one"
        )
    return prefixes[0]


def _list_prefixes(names: Collection[str], ending: str) -> list[str]:
    return [name.removesuffix(ending) for name in names if f"/{name}".endswith(f"/{ending}")]


_DISCRIMINATOR = re.compile(r"(^|/)(discriminator/|d_h[0-9])")  # in the names of its weights


def _explain_no_generator(names: Collection[str]) -> str:
    if any(_DISCRIMINATOR.search(name) for name in names):
        return DISCRIMINATOR
    return (
        f"holds no DCGAN generator: found {format_names(names)}; expected {EXPECTED}, with or "
        "without a prefix such as generator/; is it the right checkpoint?"
    )


def _find_depth(names: Collection[str], prefix: str) -> int:
    """Return the highest N of a g_hN/w; 1 if there is none, so that g_h1/w is reported missing."""
    pattern = re.compile(rf"{re.escape(prefix)}g_h([0-9]{{1,4}})/w")
    matches = (pattern.fullmatch(name) for name in names)
    return max((int(match[1]) for match in matches if match), default=1) or 1


def _find_norm(names: Collection[str], prefix: str, number: int) -> BatchNormNames | None:
    name = f"{prefix}g_bn{number}"
    norm_names = BatchNormNames(
        *(f"{name}/{tensor}" for tensor in ("gamma", "beta", "moving_mean", "moving_variance"))
    )
    averages = _find_averages(names, number)
    if not averages and not any(tensor in names for tensor in norm_names):
        return None
    _require(names, norm_names.gamma, norm_names.beta)
    if norm_names.mean in names or norm_names.variance in names:
        _require(names, norm_names.mean, norm_names.variance)
        return norm_names
    if averages:
        return norm_names._replace(mean=averages[0], variance=averages[1])
    raise UnreadableError(
        f"{name} has gamma and beta but no statistics: expected {norm_names.mean} and "
        f"{norm_names.variance}, or g_bn{number}_1/…/moments/…{_AVERAGE_SUFFIX}, without which a "
        "picture would depend on the others in its batch; use a checkpoint saved with all "
        "variables, not the trainable ones only"
    )


def _find_averages(names: Collection[str], number: int) -> tuple[str, str] | None:
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
        average = pattern.fullmatch(name)
        if average:
            what = "mean" if average["what"] in ("mean", "Squeeze") else "variance"
            calls.setdefault(average["call"], {})[what] = name
    complete_calls = [call for call, pair in calls.items() if len(pair) == 2]
    if not complete_calls:
        return None
    first = calls[min(complete_calls, key=lambda call: (_is_sampler(call), natural_key(call)))]
    return first["mean"], first["variance"]


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
