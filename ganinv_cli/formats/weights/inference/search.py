"""Search for the conventions of the layers up to a norm, by a beam of hypotheses."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.weights.build import Chain, Misfit, build
from ganinv_cli.formats.weights.inference.compare import compute_losses, compute_misfit
from ganinv_cli.formats.weights.inference.kept import PRIOR
from ganinv_cli.formats.weights.inference.measure import QUICK, Effort, Measurements, Moments
from ganinv_cli.formats.weights.inference.samples import compute_sigma
from ganinv_cli.formats.weights.step import (
    ACTIVATION_CHOICES,
    Choice,
    Design,
    Key,
    Step,
    Value,
    change_step,
)
from ganinv_cli.network.norm_statistics import FITS_BELOW, Discrepancy, compare_moments

BEAM = 4  # hypotheses that are improved at a time
MAX_ROUNDS = 6
MAX_STARTS = 400  # combinations of activations, orders and geometries, for each prior
MAX_GEOMETRIES = 60
GEOMETRY = ("upsampling", "strides", "epsilon")
SMALL_GAIN = 0.02  # of a quickly measured loss
SMALL_CHANGE = 0.005  # relative change of a norm's output that is too small for its statistics
SAME_SCALE = 0.06  # relative difference of standard deviations at which priors count as equal

USUAL_PRIOR = "normal:1"
# common priors; of a uniform and a normal one of equal variance, the one with round numbers
ROUND_PRIORS = (
    *("normal:1", "uniform:-1,1", "uniform:0,1"),
    *("normal:1,0.9545", "normal:2", "normal:0.5", "normal:0.2", "normal:0.1", "normal:0.05"),
    *("normal:0.25", "normal:0.02", "normal:0.01", "uniform:-2,2", "uniform:-0.5,0.5"),
    *("uniform:-0.1,0.1", "uniform:-0.2,0.2", "uniform:-0.05,0.05"),
    *("uniform:0,2", "uniform:0,0.5", "uniform:0,0.1"),
)

COMMON_PRIORS = 3  # the first ones, to begin with if several layers are open


class Hypothesis(NamedTuple):
    """Values of conventions."""

    steps: tuple[Step, ...]
    prior: str


@dataclass(frozen=True)
class Scored:
    """A hypothesis, and how well it fits the norm."""

    hypothesis: Hypothesis
    chain: Chain  # up to the norm
    moments: Moments

    @cached_property
    def losses(self) -> np.ndarray:
        """The loss of each channel, (channels,)."""
        return compute_losses(self.moments)

    @cached_property
    def loss(self) -> float:
        """The mean loss of a channel."""
        return float(self.losses.mean())

    @cached_property
    def discrepancy(self) -> Discrepancy:
        """The medians over channels, for display."""
        return compare_moments(*self.moments)  # in the order of its arguments

    @cached_property
    def misfit(self) -> float:
        """The discrepancy beyond what small batches explain."""
        return compute_misfit(self.moments)

    @property
    def fits(self) -> bool:
        """Whether the norm's statistics are consistent with this network."""
        return self.misfit <= FITS_BELOW  # false for NaN

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """Key of the function that the layers compute."""
        return (self.hypothesis.prior, *(each.identity for each in self.chain.layers))

    def find_value(self, key: Key) -> Value | None:
        """Return the value of a convention, or None if there is none here."""
        if key == PRIOR:
            return self.hypothesis.prior
        return next((each.value for each in self.chain.choices if each.key == key), None)


class Segment:
    """The layers up to the norm of one step, of which those up to an earlier norm are decided."""

    def __init__(
        self,
        design: Design,
        measurements: Measurements,
        number: int,
        decided: Mapping[Key, Value],
        given_prior: str,
    ) -> None:
        """`number` is that of the step."""
        self._design, self._measurements, self._number = design, measurements, number
        self._given_prior = given_prior
        self.decided = decided
        self._scored: dict[tuple[object, ...], Scored | None] = {}
        earlier = [n for n in range(number) if design.steps[n].norm_layer]
        self.is_exhaustive = True  # whether all combinations of activations were tried
        # whether a single matrix or convolution is open; errors of several can compensate
        self.is_single = number - max(earlier, default=-1) == 1
        steps = design.steps
        for key, value in decided.items():
            if key != PRIOR:
                steps = change_step(steps, key, value)
        prior = str(decided.get(PRIOR, given_prior or USUAL_PRIOR))
        self.usual = Hypothesis(steps, prior)

    def search(self) -> list[Scored]:
        """Return the best hypotheses by a quick measurement, the best first.

        All of them have the given values.
        """
        scored = [*filter(self.keeps_given, self.score(self._list_starts(), QUICK))]
        for _ in range(MAX_ROUNDS):
            best = scored[:BEAM]
            neighbours = [each for one in best for each in self.list_neighbours(one)]
            new = filter(self.keeps_given, self.score(neighbours, QUICK))
            scored = sort_distinct([*scored, *new])
            if not best or scored[0].loss > best[0].loss - SMALL_GAIN:
                break
        return scored

    def score(self, hypotheses: Iterable[Hypothesis], effort: Effort) -> list[Scored]:
        """Return how well hypotheses fit, the best first, without those of unfit layers."""
        scored = [self._score_one(each, effort) for each in hypotheses]
        return sort_distinct([each for each in scored if each])

    def _score_one(self, hypothesis: Hypothesis, effort: Effort) -> Scored | None:
        key = (hypothesis.prior, effort, *map(_list_values, hypothesis.steps))
        if key not in self._scored:
            self._scored[key] = self._measure(hypothesis, effort)
        return self._scored[key]

    def _measure(self, hypothesis: Hypothesis, effort: Effort) -> Scored | None:
        chain = self._build(hypothesis)
        if not chain:
            return None
        moments = self._measurements.measure(chain.layers, hypothesis.prior, effort)
        return Scored(hypothesis, chain, moments)

    def _build(self, hypothesis: Hypothesis) -> Chain | None:
        """Return the layers up to the norm, or None if they do not fit together."""
        try:
            chain = build(self._design._replace(steps=hypothesis.steps), self._number + 1)
        except Misfit:
            return None
        count = len(chain.layers)
        while not isinstance(chain.layers[count - 1].usage, float):
            count -= 1  # a slope may follow the norm
        return chain._replace(layers=chain.layers[:count])

    def keeps_given(self, scored: Scored) -> bool:
        """Return whether a hypothesis has all given values."""
        if self._given_prior and scored.hypothesis.prior != self._given_prior:
            return False
        return all(e.value == e.usual for e in scored.chain.choices if e.source == "given")

    def list_choices(self, chain: Chain) -> list[Choice]:
        """Return the choices that affect this norm, with the values to try."""
        choices = []
        for choice in chain.choices:
            if choice.key in self.decided or choice.key == ("epsilon", self._number):
                continue
            if choice.name == "epsilon":
                choice = choice._replace(others=self._list_epsilons(choice, chain))
            choices.append(choice)
        return choices

    def list_neighbours(self, scored: Scored) -> Iterator[Hypothesis]:
        """Yield the hypotheses that differ in a single convention, given ones included."""
        steps, prior = scored.hypothesis
        for choice in self.list_choices(scored.chain):
            for value in choice.others:
                yield Hypothesis(change_step(steps, choice.key, value), prior)
        if PRIOR not in self.decided:
            for other in self._list_priors(scored):
                yield Hypothesis(steps, other)

    def _list_priors(self, scored: Scored) -> Iterator[str]:
        """Yield the priors with round numbers; if none fits, also a normal prior that does."""
        yield from ROUND_PRIORS
        with np.errstate(all="ignore"):
            ratio = scored.moments.stored_variance / scored.moments.variance
        ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
        if not ratio.size:
            return
        fitted = compute_sigma(scored.hypothesis.prior) * math.sqrt(float(np.median(ratio)))
        is_round = any(abs(fitted / compute_sigma(each) - 1) < SAME_SCALE for each in ROUND_PRIORS)
        if 1e-4 < fitted < 1e4 and not is_round:
            yield f"normal:{fitted:.2g}"

    def _list_starts(self) -> list[Hypothesis]:
        """Return all geometries, all activations or one for all places, and common priors."""
        starts = [self.usual.steps]
        for name in (*GEOMETRY, "norm"):
            starts = self._expand(starts, name)
        starts = starts[:MAX_GEOMETRIES]
        places = [self._list_open(steps, "activation") for steps in starts]
        count = sum(math.prod(1 + len(each.others) for each in choices) for choices in places)
        self.is_exhaustive = max(map(len, places), default=0) <= 1 or count <= MAX_STARTS
        if self.is_exhaustive:
            starts = self._expand(starts, "activation")
        else:
            starts = [
                reduce(lambda changed, each: change_step(changed, each.key, value), choices, steps)
                for steps, choices in zip(starts, places, strict=True)
                for value in ACTIVATION_CHOICES
            ]
        priors: Sequence[str] = ROUND_PRIORS if self.is_single else ROUND_PRIORS[:COMMON_PRIORS]
        if PRIOR in self.decided or self._given_prior:
            priors = (self.usual.prior,)
        return [Hypothesis(steps, prior) for steps in starts for prior in priors]

    def _expand(self, starts: list[tuple[Step, ...]], name: str) -> list[tuple[Step, ...]]:
        """Return the steps with every combination of the values of one kind of convention."""
        expanded = []
        while starts:
            steps, *starts = starts
            choices = self._list_open(steps, name)
            if choices:
                values = (choices[0].value, *choices[0].others)
                starts += [change_step(steps, choices[0].key, value) for value in values]
            else:
                expanded.append(steps)
        return expanded

    def _list_open(self, steps: tuple[Step, ...], name: str) -> list[Choice]:
        """Return the choices of one kind that are neither given nor made by these steps."""
        chain = self._build(self.usual._replace(steps=steps))
        return [
            choice
            for choice in (self.list_choices(chain) if chain else ())
            if choice.name == name
            and choice.source != "given"
            and getattr(steps[choice.number], name) is None
        ]

    def _list_epsilons(self, choice: Choice, chain: Chain) -> tuple[Value, ...]:
        """Return the epsilons that would change the output of a norm."""
        built = next(each for each in chain.layers if each.name == choice.layer)
        variance = self._measurements.find_norm(built).variance
        with np.errstate(all="ignore"):
            return tuple(
                value
                for value in choice.others
                if not _is_small(
                    np.sqrt((variance + float(value)) / (variance + float(choice.value)))
                )
            )


def sort_distinct(scored: list[Scored]) -> list[Scored]:
    """Return hypotheses sorted by loss, only one of those with the same network."""
    distinct: dict[tuple[object, ...], Scored] = {}
    for each in scored:
        distinct.setdefault(each.identity, each)
    return sorted(distinct.values(), key=lambda each: each.loss)


def _is_small(change: np.ndarray) -> bool:
    return abs(float(np.nanmedian(change)) - 1) < SMALL_CHANGE


def _list_values(step: Step) -> tuple[Value | None, ...]:
    return (
        *(step.upsampling, step.strides, step.padding),
        *(step.activation, step.norm, step.epsilon),
    )
