"""Which reasons for a jump docs/reproduction/plan.md lets the experiment refute."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from benchmarks.jumps.arms import PLANNED
from ganinv_cli.number_format import format_interval, format_scientific
from ganinv_cli.statistics import (
    Floats,
    Integers,
    bootstrap,
    holm,
    match_trials,
    mean,
    wilcoxon,
)

SIGNIFICANT = 0.05
EQUAL = 0.8, 1.25  # ratios of errors, of which the interval is inside
FREED, SLOW, FRICTION = (
    "(a) it frees a component that blocks others",
    "(b) it adds motion in slow directions",
    "(c) it resets the friction of a wall",
)
MOMENTA = "momentum", "momentum, same rate", "momentum, same speed"
Share = tuple[float, float, float]  # its mean, and the ends of its interval
Errors = Mapping[str, tuple[np.ndarray, np.ndarray]]  # arm -> trials, log errors of z


class Ratio(NamedTuple):
    """The errors of an arm over those of another, paired by trial."""

    arms: str
    nearer: int  # trials in which the first arm is
    trials: int
    median: float
    low: float  # of its bootstrap interval
    high: float
    p: float  # Wilcoxon's signed-rank test of the log errors
    corrected: float  # by Holm, if the plan names the pair; else p

    def is_nearer(self) -> bool:
        """Return whether the first arm is nearer."""
        return self.median < 1 and self.corrected < SIGNIFICANT

    def is_equal(self) -> bool:
        """Return whether the interval says that the two are equal."""
        return EQUAL[0] < self.low and self.high < EQUAL[1]

    def format_median(self) -> str:
        """Return the median ratio with its interval."""
        ends = format_interval((self.low, self.high))
        return f"{format_scientific(self.median)} {ends}"

    def __str__(self) -> str:
        """Return the ratio in words."""
        return f"{self.arms}: {self.format_median()}, p {self.corrected:.2g}"


def divide(errors: Errors, first: str, second: str) -> Ratio:
    """Return the errors of the first arm over those of the second, without correction."""
    own, other = match_trials(*errors[first], *errors[second])
    test = wilcoxon(own, other)
    median, low, high = map(float, np.exp([test.median_difference, test.low, test.high]))
    nearer = int(np.sum(own < other))
    return Ratio(f"{first} / {second}", nearer, test.trials, median, low, high, test.p, test.p)


def compare_planned(errors: Errors) -> dict[tuple[str, str], Ratio]:
    """Return the planned ratios, second over first, of which both arms are run.

    Holm's correction is for all pairs of the plan, also those that are not run yet.
    """
    known = [pair for pair in PLANNED if errors.keys() >= set(pair)]
    ratios = {(first, second): divide(errors, second, first) for first, second in known}
    corrected = holm([ratios[pair].p if pair in ratios else 1.0 for pair in PLANNED])
    return {
        pair: ratios[pair]._replace(corrected=p)
        for pair, p in zip(PLANNED, corrected, strict=True)
        if pair in ratios
    }


def judge_reasons(errors: Errors, slow_share: Share) -> Iterator[dict[str, str]]:
    """Yield what refutes each reason, with what was found.

    `slow_share` is that of the moves of `zero` in the ten slowest directions.
    """
    planned = compare_planned(errors)

    def ratio(first: str, second: str) -> Ratio:
        own = divide(errors, first, second)
        named = planned.get((first, second)) or planned.get((second, first))
        return own._replace(corrected=named.corrected) if named else own

    def row(reason: str, condition: str, holds: bool, *found: object) -> dict[str, str]:
        cells = {"reason": reason, "refuted if": condition, "found": "; ".join(map(str, found))}
        return cells | {"refuted": "yes" if holds else "no"}

    place, elsewhere = ratio("place", "standard"), ratio("place", "zero")
    holds = place.is_nearer() and (elsewhere.is_equal() or elsewhere.is_nearer())
    condition = "place is nearer than standard, and equal to zero or nearer"
    yield row(FREED, condition, holds, place, elsewhere)

    slow = [ratio("slow", "standard")]
    slow += [ratio("slow, early", "standard")] if "slow, early" in errors else []
    holds = not any(each.is_nearer() for each in slow)
    yield row(SLOW, "neither slow nor slow, early is nearer than standard", holds, *slow)
    one = ratio("slow", "random")
    yield row(SLOW, "slow is not nearer than random", not one.is_nearer(), one)
    share = f"{slow_share[0]:.3f} {format_interval(slow_share[1:])}"
    condition = "the moves of zero have no more than .1 in the ten slowest directions"
    yield row(SLOW, condition, slow_share[1] <= 0.1, share)
    momenta = [ratio(name, "none") for name in MOMENTA]
    condition = "no momentum is nearer than none"
    yield row("… as momentum does", condition, not any(m.is_nearer() for m in momenta), *momenta)

    for first in ("at 0.9", "none"):
        one = ratio("zero", first)
        yield row(FRICTION, f"{first} is farther than zero", one.is_nearer(), one)
    for first in ("place", "random"):
        one = ratio(first, "standard")
        yield row(FRICTION, f"{first} is nearer than standard", one.is_nearer(), one)
    one = ratio("zero", "momentum")
    yield row("zero is the better advice", "momentum is not farther", not one.is_nearer(), one)


def measure_slow_share(shares: Floats, trials: Integers) -> Share:
    """Return the mean over trials of the mean share of a move (moves,), with its interval."""
    means = np.array([shares[trials == trial].mean() for trial in np.unique(trials)])
    low, high = bootstrap(means, mean)
    return float(means.mean()), float(low), float(high)
