"""Which tensors of a checkpoint are its generator, in the names of carpedm20's DCGAN and its heirs.

layout   generator                     statistics of the batch norms
A        g_h0_lin/Matrix, g_h1/w, …    g_bn0_1/…/moments/…/ExponentialMovingAverage
B        the same                      g_bn0/moving_mean, g_bn0/moving_variance
C        a prefix such as generator/   the same, with the prefix

A conditional generator has g_h1_lin/Matrix behind g_h0_lin, and g_h2/w behind that.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from ganinv_cli.formats.reading import UnreadableError

MATRIX, BIAS, SECOND = "g_h0_lin/Matrix", "g_h0_lin/bias", "g_h1/w"
MATRIX_OF_SECOND, BIAS_OF_SECOND = "g_h1_lin/Matrix", "g_h1_lin/bias"
EXPECTED = f"{MATRIX}, {BIAS}, {SECOND}, g_h1/biases, g_bn0/gamma, g_bn0/beta, …"
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # in every TensorFlow 2 object checkpoint

_AVERAGE = "/ExponentialMovingAverage"


class Linear(NamedTuple):
    """The names of the tensors of one layer with weights."""

    weights: str
    bias: str


class Norm(NamedTuple):
    """The names of the tensors of one batch norm."""

    gamma: str
    beta: str
    mean: str
    variance: str


class Names(NamedTuple):
    """The names of a generator's tensors."""

    layout: str
    dense: Linear
    convolutions: tuple[Linear, ...]
    norms: tuple[Norm | None, ...]  # behind the dense layers and behind each convolution
    second: Linear | None = None  # another dense layer: that of a conditional generator

    def used(self) -> tuple[str, ...]:
        """All of them."""
        groups = (self.dense, self.second, *self.convolutions, *self.norms)
        return tuple(name for group in groups if group for name in group)


def match(found: Collection[str]) -> Names:
    """The generator's among all names in a file. Raises UnreadableError."""
    prefix = _prefix(found)
    dense = Linear(f"{prefix}{MATRIX}", f"{prefix}{BIAS}")
    second = Linear(f"{prefix}{MATRIX_OF_SECOND}", f"{prefix}{BIAS_OF_SECOND}")
    denses = (dense, second) if second.weights in found else (dense,)
    last = max(_depth(found, prefix), len(denses))
    convolutions = tuple(
        Linear(f"{prefix}g_h{number}/w", f"{prefix}g_h{number}/biases")
        for number in range(len(denses), last + 1)
    )
    for linear in (*denses, *convolutions):
        _require(found, *linear)
    norms = tuple(_norm(found, prefix, number) for number in range(last + 1))
    averaged = any(norm and norm.mean.endswith(_AVERAGE) for norm in norms)
    layout = "A" if averaged else "C" if prefix else "B"
    return Names(layout, dense, convolutions, norms, second if len(denses) > 1 else None)


def listed(names: Collection[str], most: int = 6) -> str:
    """The first few names, and how many more there are."""
    shown = [name[:80] for name in sorted(names)[:most]]
    more = len(names) - len(shown)
    return (", ".join(shown) or "nothing") + (f" and {more} more" if more > 0 else "")


def _prefix(found: Collection[str]) -> str:
    """What stands before g_h0_lin/Matrix: anything, if it is one thing beside a sampler's copy.

    Where that tensor is missing, other tensors of the first layers tell.
    """
    prefixes = next(filter(None, (_before(found, name) for name in (MATRIX, BIAS, SECOND))), [])
    prefixes = [prefix for prefix in prefixes if not _of_sampler(prefix)] or prefixes
    if not prefixes:
        raise UnreadableError(_why_none(found))
    if len(prefixes) > 1:
        raise UnreadableError(
            f"holds {len(prefixes)} generators ({listed([p + MATRIX for p in prefixes])}) where "
            "one was expected; use a checkpoint with one"
        )
    return prefixes[0]


def _before(found: Collection[str], wanted: str) -> list[str]:
    return [name.removesuffix(wanted) for name in found if f"/{name}".endswith(f"/{wanted}")]


def _why_none(found: Collection[str]) -> str:
    return (
        f"holds no DCGAN generator: found {listed(found)}; expected {EXPECTED}, with or without a "
        "prefix such as generator/; is it the right checkpoint?"
    )


def _depth(found: Collection[str], prefix: str) -> int:
    """The highest N of a g_hN/w; 1 when there is none, so that g_h1/w is what is missed."""
    pattern = re.compile(rf"{re.escape(prefix)}g_h([0-9]{{1,4}})/w")
    matches = (pattern.fullmatch(name) for name in found)
    return max((int(match[1]) for match in matches if match), default=1) or 1


def _norm(found: Collection[str], prefix: str, number: int) -> Norm | None:
    name = f"{prefix}g_bn{number}"
    own = Norm(
        *(f"{name}/{tensor}" for tensor in ("gamma", "beta", "moving_mean", "moving_variance"))
    )
    averages = _averages(found, number)
    if not averages and not any(tensor in found for tensor in own):
        return None
    _require(found, own.gamma, own.beta)
    if own.mean in found or own.variance in found:
        _require(found, own.mean, own.variance)
        return own
    if averages:
        return own._replace(mean=averages[0], variance=averages[1])
    raise UnreadableError(
        f"{name} has gamma and beta but no statistics: expected {own.mean} and {own.variance}, or "
        f"g_bn{number}_1/…/moments/…{_AVERAGE}, without which a picture would depend on the others "
        "in its batch; use a checkpoint saved with all variables, not the trainable ones only"
    )


def _averages(found: Collection[str], number: int) -> tuple[str, str] | None:
    """Mean and variance from the first call of a norm, which is the training graph's.

    TensorFlow names them after the operations that made the averaged values, so the path differs
    between versions; the norm's name, `moments` and the end do not.
    """
    pattern = re.compile(
        rf"(?P<call>(?:.*/)?g_bn{number}(?:_[0-9]+)?/(?:.*?/)?moments(?:_[0-9]+)?/)(?:.*/)?"
        rf"(?P<what>mean|variance|Squeeze|Squeeze_1){_AVERAGE}"
    )
    calls: dict[str, dict[str, str]] = {}
    for name in found:
        average = pattern.fullmatch(name)
        if average:
            what = "mean" if average["what"] in ("mean", "Squeeze") else "variance"
            calls.setdefault(average["call"], {})[what] = name
    whole = [call for call, pair in calls.items() if len(pair) == 2]
    if not whole:
        return None
    first = calls[min(whole, key=lambda call: (_of_sampler(call), _natural(call)))]
    return first["mean"], first["variance"]


def _require(found: Collection[str], *wanted: str) -> None:
    for name in wanted:
        if name not in found:
            folder = name.rpartition("/")[0] + "/"
            beside = [other for other in found if other.startswith(folder)]
            raise UnreadableError(
                f"the generator's {name} is missing (found {listed(beside)} in its place); "
                "use a checkpoint saved with all variables"
            )


def _of_sampler(name: str) -> bool:
    """Some programs build the network a second time, to draw samples."""
    return any(segment.startswith("sampler") for segment in name.split("/"))


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts g_bn0_2 before g_bn0_10."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
