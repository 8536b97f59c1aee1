"""The arms of the experiment, the studies made of them, and the comparisons that were planned."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf, nan

SEED = 3
AXES = ("place", "slow", "random")
EARLY = 5_000  # updates, for jumps that are early only, or late only


@dataclass(frozen=True)
class Arm:
    """z <- rule(z - rate * velocity), velocity <- momentum * velocity + gradient.

    A component at or beyond a bound lands at `landing` times that bound; outside its updates the
    arm clamps. An arm with a `source` clamps as well, and jumps at the updates at which that arm
    of its trial does, as many components by a distance of 1, or by a vector as long.
    """

    name: str
    landing: float = 0.0  # NaN: drawn from the prior
    begin: float = inf  # the first update with jumps; never
    end: float = inf  # the first update after them
    clamping: bool = True
    source: str = ""
    axis: str = ""  # of a jump with a source: other components, the slowest direction, or a random
    momentum: float = 0.0
    rate: float = 1.0  # as a multiple of the study's


@dataclass(frozen=True)
class Study:
    """Arms on the same trials, of which each block is computed and stored at once."""

    arms: tuple[Arm, ...]
    rate: float = 1.0  # on the pixel mean, halved every 50,000 updates
    checkpoint: str = "faces16"
    updates: int = 20_000
    trials: range = range(300)
    block: int = 10  # trials
    tuning: int = 0  # trials, the first, that choose the arms of the others


def limit_jumps(arms: Iterable[Arm], name: str, begin: float, end: float) -> Iterator[Arm]:
    """Yield the arms with jumps during these updates alone, named so."""
    for arm in arms:
        if arm.source:
            yield replace(arm, name=f"{arm.name}, {name}", source=f"{arm.source}, {name}")
        else:
            yield replace(arm, name=f"{arm.name}, {name}", begin=begin, end=end)


NONE, STANDARD = Arm("none", clamping=False), Arm("standard")
STOCHASTIC, ZERO = Arm("stochastic", nan, 0), Arm("zero", 0, 0)
LANDINGS = (STOCHASTIC, ZERO, *(Arm(f"at {c:g}", c, 0) for c in (-0.5, 0.5, 0.9)))
YOKED = tuple(Arm(axis, source="zero", axis=axis) for axis in AXES)
BETA = 0.9  # 1 + BETA times the rate is as far from the limit of stability
INERTIA = (
    replace(NONE, name="momentum", momentum=BETA, rate=1 + BETA),
    replace(NONE, name="momentum, same rate", momentum=BETA),
    replace(NONE, name="momentum, same speed", momentum=BETA, rate=1 - BETA),
    replace(STANDARD, name="momentum, standard", momentum=BETA, rate=1 + BETA),
    replace(ZERO, name="momentum, zero", momentum=BETA, rate=1 + BETA),
)
WHOLE = (NONE, STANDARD, *LANDINGS, *YOKED, *INERTIA)
PHASES = (
    STANDARD,
    *limit_jumps((*LANDINGS, *YOKED), "early", 0, EARLY),
    *limit_jumps(LANDINGS, "late", EARLY, inf),
)
RULES = (NONE, STANDARD, STOCHASTIC, ZERO, INERTIA[0])
TUNING, TESTED = 50, 100  # trials


def cross_rates(rates: Iterable[float]) -> tuple[Arm, ...]:
    """Return each rule at each rate."""
    return tuple(
        replace(arm, name=f"{arm.name}, rate {rate:g}", rate=arm.rate * rate)
        for rate in rates
        for arm in RULES
    )


OTHERS = range(300, 300 + TUNING + TESTED)
STUDIES = {  # in the order in which they are computed
    "whole-1": Study(WHOLE),
    "whole-2.17": Study(WHOLE, 2.17),
    "phases-1": Study(PHASES),
    "phases-2.17": Study(PHASES, 2.17),
    "rates-faces16": Study(
        cross_rates((0.5, 1, 2, 2.17, 3)), 1, "faces16", 100_000, OTHERS, 5, TUNING
    ),
    "rates-faces32": Study(cross_rates((1, 0.727)), 1, "faces32", 50_000, OTHERS, 5, TUNING),
}
LATER = (  # pairs that were compared after a look at the results
    *(("place", other) for other in ("at -0.5", "at 0.9")),
    *(("momentum", other) for other in ("momentum, standard", "momentum, zero")),
    *(("standard", other) for other in ("stochastic", "zero, early")),
)
PLANNED = (  # the pairs of the plan, with Holm's correction at each rate; the primary one first
    *(("zero", other) for other in ("place", "standard", "none", "at 0.9", "momentum")),
    ("zero", "zero, early"),
    *(("standard", other) for other in ("place", "slow", "random", "at 0.9", "zero, late")),
    ("slow", "random"),
    ("standard", "slow, early"),
    ("none", "momentum, same speed"),
)
