"""Search for the conventions of the layers up to a norm."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights.inference.compare import (
    compute_discrepancy,
    compute_losses,
    compute_misfit,
)
from ganinv_cli.formats.weights.inference.measure import Effort, Measurements, Moments
from ganinv_cli.formats.weights.inference.samples import compute_sigma
from ganinv_cli.formats.weights.layers import PlannedLayer
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.sequence import plan_layers
from ganinv_cli.formats.weights.slots import Key, Slot
from ganinv_cli.network.norm_statistics import FITS_BELOW, Discrepancy

PRIOR: Key = ("prior", -1)
QUICK = Effort(samples=48, channels=24, rows=8, values=1 << 21)
EXACT = Effort(samples=1 << 14, channels=64, rows=16, values=1 << 23)
MAX_STARTS = 1200
MAX_COMBINATIONS = 400  # of activations, orders and geometries, for each prior
MAX_FINALISTS = 4
MAX_MOVES = 6
GEOMETRY = ("upsampling", "strides", "epsilon")
SMALL_GAIN = 0.02  # of a quickly measured loss
MAX_PAIRS = 400
MAX_PAIR_MOVES = 3
MAX_DESCENTS = 12
SMALL_CHANGE = 0.005  # relative change of a norm's output that is too small for its statistics

SAME_SCALE = 0.06  # relative difference of standard deviations at which priors count as equal

# common priors; of a uniform and a normal one of equal variance, the one with round numbers
ROUND_PRIORS = (
    *("normal:1", "uniform:-1,1", "uniform:0,1"),
    *("normal:1,0.9545", "normal:2", "normal:0.5", "normal:0.2", "normal:0.1", "normal:0.05"),
    *("normal:0.25", "normal:0.02", "normal:0.01", "uniform:-2,2", "uniform:-0.5,0.5"),
    *("uniform:-0.1,0.1", "uniform:-0.2,0.2", "uniform:-0.05,0.05"),
    *("uniform:0,2", "uniform:0,0.5", "uniform:0,0.1"),
)


class Scored(NamedTuple):
    """A hypothesis: settings, the plan with them, and how well it fits the norm."""

    settings: Mapping[Key, str]
    plan: Plan
    losses: np.ndarray  # (channels,)
    discrepancy: Discrepancy
    moments: Moments
    misfit: float  # the discrepancy beyond what small batches explain

    @property
    def fits(self) -> bool:
        """Whether the norm's statistics are consistent with this network."""
        return self.misfit <= FITS_BELOW  # false for NaN

    @property
    def loss(self) -> float:
        """The mean loss of a channel."""
        return float(self.losses.mean())

    @property
    def identity(self) -> tuple[object, ...]:
        """Key of the function that the plan computes."""
        prior = self.settings.get(PRIOR, "")
        return (prior, *((each.name, each.usage) for each in self.plan.layers))


class SegmentSearch:
    """Tries the open conventions of the layers up to one norm."""

    def __init__(
        self, plan: Plan, measurements: Measurements, count: int, decided: Mapping[Key, str]
    ) -> None:
        """`count` is the number of layers with weights up to and including this norm."""
        self._plan, self._measurements, self._count = plan, measurements, count
        self.decided = decided
        self._given_prior = ""
        self.is_exhaustive = True  # whether all combinations of activations were tried

    def score(self, settings: Mapping[Key, str], effort: Effort) -> Scored | None:
        """Return how well settings fit, or None if their layers do not fit together."""
        try:
            plan = plan_layers(self._plan, self._count, settings)
        except UnreadableError:
            return None
        moments = self._measurements.measure(plan.layers, settings[PRIOR], effort)
        losses = compute_losses(moments)
        discrepancy, misfit = compute_discrepancy(moments), compute_misfit(moments)
        return Scored(settings, plan, losses, discrepancy, moments, misfit)

    def find_best(self, start: Mapping[Key, str], given_prior: str) -> list[Scored]:
        """Return the best hypotheses by a quick measurement, the best first.

        All of them have the given values.
        """
        self._given_prior = given_prior
        scored = self._score_all(self._list_starts(start, given_prior), QUICK)
        if not scored:
            return []
        if self.count_linear(scored[0].plan) == 1:
            return self._descend(scored, scored[0])
        # errors of several layers can compensate each other, so each geometry is a separate start
        geometries: dict[tuple[object, ...], Scored] = {}
        for each in scored:
            geometries.setdefault(_list_geometry(each), each)
        for best in [*geometries.values()][:MAX_DESCENTS]:
            scored = self._descend(scored, best, fixed=GEOMETRY)
        for _ in range(MAX_PAIR_MOVES):
            best = scored[0]
            pairs = self._score_all(self._list_pairs(best), QUICK)
            scored = _sort_distinct([*scored, *filter(self._keeps_given, pairs)])
            if scored[0].loss > best.loss - SMALL_GAIN:
                break
            scored = self._descend(scored, scored[0])
        return scored

    def _descend(
        self, scored: list[Scored], best: Scored, fixed: tuple[str, ...] = ()
    ) -> list[Scored]:
        """Change one convention after another while the fit improves; return all hypotheses.

        Conventions with names in `fixed` are kept.
        """
        for _ in range(MAX_MOVES):
            settings = self.list_neighbours(best, fixed)
            neighbours = [*filter(self._keeps_given, self._score_all(settings, QUICK))]
            scored = _sort_distinct([*scored, *neighbours])
            least = min(neighbours, key=lambda each: each.loss, default=best)
            if least.loss > best.loss - SMALL_GAIN:
                break
            best = least
        return scored

    def _keeps_given(self, scored: Scored) -> bool:
        if self._given_prior and scored.settings[PRIOR] != self._given_prior:
            return False
        return all(s.value == s.usual for s in scored.plan.slots if s.source == "given")

    def _list_pairs(self, best: Scored) -> list[dict[Key, str]]:
        """Return settings that differ in two conventions, the most promising ones."""
        changes = []
        for each in self.score_neighbours(best):
            change = {k: v for k, v in each.settings.items() if best.settings.get(k) != v}
            changes.append((each.loss, change))
        pairs = [
            (one_loss + two_loss, {**one, **two})
            for place, (one_loss, one) in enumerate(changes)
            for two_loss, two in changes[place + 1 :]
            if not one.keys() & two.keys()
        ]
        pairs.sort(key=lambda each: each[0])
        return [{**best.settings, **change} for _, change in pairs[:MAX_PAIRS]]

    def count_linear(self, plan: Plan) -> int:
        """Return the number of matrices and convolutions between the last norm and this one."""
        kinds = ["variance" in each.weights for each in plan.weighted_layers[: self._count - 1]]
        return kinds[::-1].index(True) if True in kinds else len(kinds)

    def measure_exactly(self, settings: Iterable[Mapping[Key, str]]) -> list[Scored]:
        """Return hypotheses measured on many samples, the best first."""
        return self._score_all(settings, EXACT)

    def list_open_slots(self, plan: Plan) -> list[Slot]:
        """Return the slots that affect this norm, with the values to try."""
        last = self._count - 1
        slots = []
        for slot in plan.slots:
            if slot.key in self.decided or slot.key == ("epsilon", last):
                continue
            if slot.name == "epsilon":
                slot = slot._replace(alternatives=self._list_epsilons(slot, plan))
            slots.append(slot)
        return slots

    def score_neighbours(self, scored: Scored) -> list[Scored]:
        """Return the hypotheses that differ in a single convention, by a quick measurement."""
        return self._score_all(self.list_neighbours(scored), QUICK)

    def list_neighbours(
        self, scored: Scored, fixed: tuple[str, ...] = ()
    ) -> Iterator[dict[Key, str]]:
        """Yield the settings that differ in a single convention, given ones included."""
        for slot in self.list_open_slots(scored.plan):
            for value in () if slot.name in fixed else slot.alternatives:
                yield {**scored.settings, slot.key: value}
        if PRIOR not in self.decided:
            for prior in self.list_priors(scored):
                yield {**scored.settings, PRIOR: prior}

    def list_priors(self, scored: Scored) -> Iterator[str]:
        """Yield the priors with round numbers; if none fits, also a normal prior that does."""
        yield from ROUND_PRIORS
        with np.errstate(all="ignore"):
            ratio = scored.moments.stored_variance / scored.moments.variance
        ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
        if not ratio.size:
            return
        fitted = compute_sigma(scored.settings[PRIOR]) * math.sqrt(float(np.median(ratio)))
        is_round = any(abs(fitted / compute_sigma(each) - 1) < SAME_SCALE for each in ROUND_PRIORS)
        if 1e-4 < fitted < 1e4 and not is_round:
            yield f"normal:{fitted:.2g}"

    def _list_starts(self, start: Mapping[Key, str], given_prior: str) -> list[dict[Key, str]]:
        """Return the product of geometries, one activation for all places, and round priors."""
        settings = [dict(start)]
        is_compound = self.count_linear(self._plan) > 1
        for name in (*GEOMETRY, *([] if is_compound else ["padding"])):
            settings = self._expand(settings, name)
        settings = self._expand(settings, "norm")
        settings = self._expand_activations(settings)
        if PRIOR not in self.decided and not given_prior:
            settings = [{**each, PRIOR: prior} for prior in ROUND_PRIORS for each in settings]
        return settings[:MAX_STARTS]

    def _expand(self, settings: list[dict[Key, str]], name: str) -> list[dict[Key, str]]:
        """Return the settings with every combination of the values of one kind of convention."""
        expanded: list[dict[Key, str]] = []
        rest = settings
        while rest and len(expanded) + len(rest) < MAX_STARTS:
            current, rest = rest[0], rest[1:]
            open_slots = [
                slot
                for slot in self._plan_slots(current)
                if slot.name == name and slot.key not in current and slot.source != "given"
            ]
            if not open_slots:
                expanded.append(current)
                continue
            slot = open_slots[0]
            rest = [*rest, *({**current, slot.key: v} for v in (slot.value, *slot.alternatives))]
        return [*expanded, *rest]

    def _expand_activations(self, settings: list[dict[Key, str]]) -> list[dict[Key, str]]:
        """Return the settings with every combination of activations, or one for all places.

        All combinations are tried unless there are too many.
        """
        expanded: list[dict[Key, str]] = []
        slots_of = [
            [s for s in self._plan_slots(each) if s.name == "activation" and s.source != "given"]
            for each in settings
        ]
        counts = [math.prod(1 + len(slot.alternatives) for slot in slots) for slots in slots_of]
        is_single = max(map(len, slots_of), default=0) <= 1
        self.is_exhaustive = is_single or sum(counts) <= MAX_COMBINATIONS
        for current, slots in zip(settings, slots_of, strict=True):
            values = [(slot.value, *slot.alternatives) for slot in slots]
            if self.is_exhaustive:
                chosen = [*itertools.product(*values)]
            else:
                chosen = [(value,) * len(slots) for value in dict.fromkeys(sum(values, ()))]
            for combination in chosen:
                pairs = zip(slots, combination, strict=True)
                expanded.append({**current, **{slot.key: value for slot, value in pairs}})
        return expanded

    def _plan_slots(self, settings: Mapping[Key, str]) -> list[Slot]:
        try:
            plan = plan_layers(self._plan, self._count, settings)
        except UnreadableError:
            return []
        return self.list_open_slots(plan)

    def _list_epsilons(self, slot: Slot, plan: Plan) -> tuple[str, ...]:
        """Return the epsilons that would change the output of a norm."""
        norm = _find_norm(plan, slot)
        variance = self._measurements.read_variance(norm)
        with np.errstate(all="ignore"):
            changes = {
                value: np.sqrt((variance + float(value)) / (variance + float(slot.value)))
                for value in slot.alternatives
            }
        return tuple(value for value, change in changes.items() if not _is_small(change))

    def _score_all(self, settings: Iterable[Mapping[Key, str]], effort: Effort) -> list[Scored]:
        scored = (self.score(each, effort) for each in settings)
        return _sort_distinct([each for each in scored if each])


def _sort_distinct(scored: list[Scored]) -> list[Scored]:
    """Return hypotheses sorted by loss, only one of those with the same network."""
    distinct: dict[tuple[object, ...], Scored] = {}
    for each in scored:
        distinct.setdefault(each.identity, each)
    return sorted(distinct.values(), key=lambda each: each.loss)


def _is_small(change: np.ndarray) -> bool:
    return abs(float(np.nanmedian(change)) - 1) < SMALL_CHANGE


def _list_geometry(scored: Scored) -> tuple[object, ...]:
    return tuple(item for item in scored.settings.items() if item[0][0] in GEOMETRY)


def _find_norm(plan: Plan, slot: Slot) -> PlannedLayer:
    layer = plan.weighted_layers[slot.number]
    return next(each for each in plan.layers if each.weighted_layer is layer)
