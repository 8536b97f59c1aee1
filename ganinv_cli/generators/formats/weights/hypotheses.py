"""Search for the conventions of the layers up to a norm, by a beam of hypotheses.

Stored statistics come from a few batches, so they differ from exact ones by chance, differently for
each channel. All variances may be slightly low, because the mean of each batch was subtracted.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ganinv_cli.generators.formats.interface import UnreadableError
from ganinv_cli.generators.formats.weights.moments import QUICK, Effort, Measurements
from ganinv_cli.generators.formats.weights.plan_layers import LayerSequence, plan_layers
from ganinv_cli.generators.formats.weights.step import (
    ACTIVATION_CHOICES,
    PRIOR,
    ROUND_PRIORS,
    Choice,
    Design,
    Key,
    Step,
    Value,
    change_step,
)
from ganinv_cli.generators.network.layers import BatchNorm
from ganinv_cli.generators.network.norms.check import (
    FITS_BELOW,
    Discrepancy,
    Moments,
    compare_channels,
    compare_moments,
)

BEAM = 4  # hypotheses that are improved at a time
MAX_ROUNDS = 6
MAX_STARTS = 400  # combinations of activations, orders and geometries, for each prior
MAX_GEOMETRIES = 200
MAX_PRIOR_STARTS = 1200  # starts with all priors; if there are more, only the first priors
MAX_DESCENTS = 12  # geometries that are improved by themselves
MAX_PAIRS, MAX_PAIR_ROUNDS = 400, 3  # pairs of changes in a round, and rounds
GEOMETRY = ("upsampling", "strides", "epsilon")
SMALL_GAIN = 0.02  # of a quickly measured loss
SMALL_CHANGE = 0.005  # relative change of a norm's output that is too small for its statistics

TOLERANCE = 0.05  # difference of a channel's moments that chance explains
LOW_VARIANCE = 0.07  # relative; batches of 16 with equal pixels underestimate variances by this
HIGH_VARIANCE = 0.02  # relative; of variances from before the last training steps

USUAL_PRIOR = "normal:1"


class Hypothesis(NamedTuple):
    """Values of conventions."""

    steps: tuple[Step, ...]
    prior: str

    def change(self, key: Key, value: Value) -> "Hypothesis":
        """Return the hypothesis with another value."""
        if key == PRIOR:
            return self._replace(prior=str(value))
        return self._replace(steps=change_step(self.steps, key, value))

    def get(self, key: Key) -> Value | None:
        """Return a value, or None if the usual one of the place is taken."""
        name, number = key
        return self.prior if key == PRIOR else getattr(self.steps[number], name)


@dataclass(frozen=True)
class Scored:
    """A hypothesis, and how well it fits the norm."""

    hypothesis: Hypothesis
    sequence: LayerSequence  # up to the norm
    measured: Moments
    stored: Moments

    @cached_property
    def _deviations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which channels vary, v and m, each (channels,).

        v is the log ratio of the variances, minus the part that all channels share and that small
        batches explain; m is the difference of the means in standard deviations.
        """
        ratio, shift = compare_channels(self.measured, self.stored)
        known = (self.stored.variance > 0) & np.isfinite(shift)
        ratio = np.nan_to_num(ratio, nan=1e3, posinf=1e3, neginf=-1e3)
        if known.any():
            ratio = ratio - np.clip(np.median(ratio[known]), -HIGH_VARIANCE, LOW_VARIANCE)
        return known, ratio, shift

    @cached_property
    def losses(self) -> np.ndarray:
        """The loss of each channel, ln(1 + (v/t)²) + ln(1 + (m/t)²), with tolerance t."""
        known, ratio, shift = self._deviations
        losses = np.log1p((ratio / TOLERANCE) ** 2) + np.log1p((shift / TOLERANCE) ** 2)
        return np.where(known, losses, 0.0)

    @cached_property
    def loss(self) -> float:
        """The mean loss of a channel."""
        return float(self.losses.mean())

    @cached_property
    def misfit(self) -> float:
        """The discrepancy beyond what small batches explain; NaN if no channel varies."""
        known, *deviations = self._deviations
        if not known.any():
            return math.nan
        return sum(float(np.median(np.abs(each[known]))) for each in deviations)

    @property
    def fits(self) -> bool:
        """Whether the norm's statistics are consistent with this network."""
        return self.misfit <= FITS_BELOW  # false for NaN

    def unsettle(self, most: float) -> "Scored":
        """Return how well it fits averages that keep a share, at most this, of their first values.

        Those are a mean of 0 and a variance of 1; the share is that of the median channel.
        """
        mean, variance = self.measured
        with np.errstate(all="ignore"):
            shares = (self.stored.variance - variance) / (1 - variance)
        share = np.clip(np.median(np.nan_to_num(shares)), 0, most)
        unsettled = Moments((1 - share) * mean, (1 - share) * variance + share)
        return replace(self, measured=unsettled)

    @cached_property
    def discrepancy(self) -> Discrepancy:
        """The medians over channels, for display."""
        return compare_moments(self.measured, self.stored)

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """Key of the function that the layers compute."""
        return (self.hypothesis.prior, *(each.identity for each in self.sequence.layers))

    def find_value(self, key: Key) -> Value | None:
        """Return the value of a convention, or None if there is none here."""
        if key == PRIOR:
            return self.hypothesis.prior
        return next((each.value for each in self.sequence.choices if each.key == key), None)


class Segment:
    """The layers up to the norm of one step, of which those up to an earlier norm are decided."""

    def __init__(
        self, design: Design, measurements: Measurements, number: int, decided: dict[Key, Value]
    ) -> None:
        """`number` is that of the step."""
        self._design, self._measurements, self._number = design, measurements, number
        self._decided = dict(decided)
        self._scored: dict[tuple[Hypothesis, Effort], Scored | None] = {}
        prior = design.conventions.prior
        self._is_prior_open = not prior and PRIOR not in decided
        self.usual = Hypothesis(design.steps, prior or USUAL_PRIOR)
        for key, value in decided.items():
            self.usual = self.usual.change(key, value)
        norms = [step.norm_layer for step in design.steps if step.norm_layer]
        least = min(float(norm.weights["variance"].read().min()) for norm in norms)
        self.most_initial = min(1.0, max(0.0, least))  # share of averages, whose first value is 1
        earlier = [n for n in range(number) if design.steps[n].norm_layer]
        # whether a single matrix or convolution is open; errors of several can compensate
        self.is_single = number - max(earlier, default=-1) == 1
        self.is_exhaustive = True  # whether all combinations of activations were tried

    def search(self) -> list[Scored]:
        """Return the best hypotheses by a quick measurement, the best first."""
        scored = self.score(self._list_starts(), QUICK)
        if not self.is_single:  # errors of several layers can compensate each other
            for start in self._list_distinct(scored):
                scored = self._improve(scored, [start], GEOMETRY)
        scored = self._improve(scored, scored[:BEAM])
        for _ in range(0 if self.is_single else MAX_PAIR_ROUNDS):
            best = scored[0]
            scored = sort_distinct([*scored, *self.score(self._list_pairs(best), QUICK)])
            if scored[0].loss > best.loss - SMALL_GAIN:
                break
            scored = self._improve(scored, scored[:1])
        return scored

    def _improve(
        self, scored: list[Scored], beam: list[Scored], fixed: Sequence[str] = ()
    ) -> list[Scored]:
        """Change one convention after another of a beam while its best hypothesis improves."""
        for _ in range(MAX_ROUNDS):
            neighbours = [e for one in beam for e in self.list_neighbours(one, fixed)]
            found = self.score(neighbours, QUICK)
            scored, best = sort_distinct([*scored, *found]), beam[:1]
            beam = sort_distinct([*beam, *found])[: len(beam)]
            if not beam or beam[0].loss > best[0].loss - SMALL_GAIN:
                break
        return scored

    @staticmethod
    def _list_distinct(scored: list[Scored]) -> list[Scored]:
        distinct: dict[tuple[object, ...], Scored] = {}
        for each in scored:
            geometry = ((c.key, c.value) for c in each.sequence.choices if c.name in GEOMETRY)
            distinct.setdefault(tuple(geometry), each)
        return [*distinct.values()][:MAX_DESCENTS]

    def _list_pairs(self, best: Scored) -> list[Hypothesis]:
        keys = (PRIOR, *(choice.key for choice in self.list_choices(best.sequence)))
        changes: list[tuple[float, Key, Value]] = []
        for each in self.score(self.list_neighbours(best), QUICK):
            for key in keys:
                value = each.hypothesis.get(key)
                if value not in (None, best.hypothesis.get(key)):
                    changes.append((each.loss, key, value))
        pairs = [
            (one[0] + two[0], best.hypothesis.change(*one[1:]).change(*two[1:]))
            for one, two in itertools.combinations(changes, 2)
            if one[1] != two[1]
        ]
        pairs.sort(key=lambda each: each[0])
        return [hypothesis for _, hypothesis in pairs[:MAX_PAIRS]]

    def score(self, hypotheses: Iterable[Hypothesis], effort: Effort) -> list[Scored]:
        """Return how well hypotheses fit, the best first, without those of unfit layers."""
        scored = []
        for each in hypotheses:
            if (each, effort) not in self._scored:
                self._scored[each, effort] = self._measure(each, effort)
            scored.append(self._scored[each, effort])
        return sort_distinct([each for each in scored if each])

    def _measure(self, hypothesis: Hypothesis, effort: Effort) -> Scored | None:
        sequence = self._plan(hypothesis.steps)
        if not sequence:
            return None
        moments = self._measurements.measure(sequence.layers, hypothesis.prior, effort)
        return Scored(hypothesis, sequence, *moments)

    def _plan(self, steps: tuple[Step, ...]) -> LayerSequence | None:
        try:
            return plan_layers(self._design._replace(steps=steps), self._number + 1)
        except UnreadableError:
            return None

    def list_choices(self, sequence: LayerSequence) -> list[Choice]:
        """Return the choices that affect this norm, with the values to try."""
        choices = []
        for choice in sequence.choices:
            if choice.key in self._decided or choice.key == ("epsilon", self._number):
                continue
            if choice.name == "epsilon":
                choice = choice._replace(others=self._list_epsilons(choice, sequence))
            choices.append(choice)
        return choices

    def list_neighbours(self, scored: Scored, fixed: Sequence[str] = ()) -> Iterator[Hypothesis]:
        """Yield the hypotheses that differ in one convention, but for those with fixed names."""
        for choice in self.list_choices(scored.sequence):
            for value in () if choice.name in fixed else choice.others:
                yield scored.hypothesis.change(choice.key, value)
        if self._is_prior_open:
            for prior in ROUND_PRIORS:
                yield scored.hypothesis._replace(prior=prior)

    def _list_starts(self) -> list[Hypothesis]:
        """Return all geometries, all activations or one for all places, and common priors."""
        names = (*GEOMETRY, "norm", "padding") if self.is_single else (*GEOMETRY, "norm")
        geometries = self._expand(self.usual.steps, names)[:MAX_GEOMETRIES]
        places = [self._list_open(steps, ("activation",)) for steps in geometries]
        count = sum(len(ACTIVATION_CHOICES) ** len(each) for each in places)
        self.is_exhaustive = max(map(len, places), default=0) <= 1 or count <= MAX_STARTS
        groups = [()] if self.is_exhaustive else [(value,) for value in ACTIVATION_CHOICES]
        starts = [
            start
            for steps in geometries
            for values in groups
            for start in self._expand(steps, ("activation",), values)
        ]
        count = max(1, MAX_PRIOR_STARTS // len(starts))
        priors = ROUND_PRIORS[:count] if self._is_prior_open else (self.usual.prior,)
        return [Hypothesis(steps, prior) for steps in starts for prior in priors]

    def _expand(
        self, steps: tuple[Step, ...], names: Sequence[str], values: Sequence[Value] = ()
    ) -> list[tuple[Step, ...]]:
        """Return the steps with every combination of all values, or these, of some conventions."""
        choice = next(iter(self._list_open(steps, names)), None)
        if choice is None:
            return [steps]
        return [
            expanded
            for value in values or (choice.value, *choice.others)
            for expanded in self._expand(change_step(steps, choice.key, value), names, values)
        ]

    def _list_open(self, steps: tuple[Step, ...], names: Sequence[str]) -> list[Choice]:
        sequence = self._plan(steps)
        return [
            each
            for each in (self.list_choices(sequence) if sequence else ())
            if each.name in names and each.others and getattr(steps[each.number], each.name) is None
        ]

    def _list_epsilons(self, choice: Choice, sequence: LayerSequence) -> tuple[Value, ...]:
        """Return the epsilons that would change the output of a norm."""
        planned = next(each for each in sequence.layers if each.name == choice.layer)
        norm = self._measurements.find_layer(planned)
        assert isinstance(norm, BatchNorm)

        def find_change(epsilon: Value) -> float:
            with np.errstate(all="ignore"):
                change = (norm.variance + float(epsilon)) / (norm.variance + float(choice.value))
                return abs(float(np.nanmedian(np.sqrt(change))) - 1)

        return tuple(each for each in choice.others if find_change(each) >= SMALL_CHANGE)


def sort_distinct(scored: list[Scored]) -> list[Scored]:
    """Return hypotheses sorted by loss, only one of those with the same network."""
    distinct: dict[tuple[object, ...], Scored] = {}
    for each in scored:
        distinct.setdefault(each.identity, each)
    return sorted(distinct.values(), key=lambda each: each.loss)
