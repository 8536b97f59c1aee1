"""Infer all conventions, norm by norm, and how certain each of them is."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights.inference.compare import CLEARLY, count_deviations
from ganinv_cli.formats.weights.inference.measure import Measurements
from ganinv_cli.formats.weights.inference.search import (
    MAX_FINALISTS,
    PRIOR,
    ROUND_PRIORS,
    Scored,
    SegmentSearch,
)
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.slots import EPSILONS, Key, Slot
from ganinv_cli.network.convention import Alternative, Convention, Source
from ganinv_cli.network.norm_statistics import are_initial
from ganinv_cli.settings.conventions import Conventions

# In residual networks read as chains, the norms before the first sum differ by .01. The norm after
# it differs by .35 to .42; .21 to .33 of that is in the means, which dropout does not change. If
# the skipped block has little effect, another stride and activation came as near as .11.
SHARP, REFUSED_MEAN = 0.06, 0.15
MARGIN, RELATIVE_MARGIN = 0.01, 0.3  # difference at which one discrepancy is clearly larger
PROMISING = (
    1.0  # loss above the best by a quick measurement up to which a value is measured exactly
)


class Inference(NamedTuple):
    """The conventions inferred from stored statistics."""

    settings: dict[Key, str]  # to plan the generator with
    conventions: dict[Key, Convention]  # those that a norm was compared for
    contradictions: tuple[str, ...] = ()  # given values that the statistics contradict


def infer_conventions(plan: Plan) -> Inference:
    """Return the conventions inferred from the stored statistics.

    Raises UnreadableError if they fit no chain of the layers.
    """
    return _Inferring(plan).run()


class _Inferring:
    """Goes from norm to norm."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._measurements = Measurements(plan)
        self._decided: dict[Key, str] = {}
        self._conventions: dict[Key, Convention] = {}
        self._contradictions: list[str] = []
        self._given_prior = plan.conventions.prior
        self._misfits: list[float] = []

    def run(self) -> Inference:
        """Return the conventions."""
        for number, layer in enumerate(self._plan.weighted_layers):
            if "variance" not in layer.weights:
                continue
            statistics = (layer.weights[role].read() for role in ("mean", "variance"))
            if are_initial(*statistics) or not self._add_norm(number):
                break
        return Inference(self._decided, self._conventions, tuple(self._contradictions))

    def _add_norm(self, number: int) -> bool:
        """Infer what lies before a norm; return whether to go on."""
        search = SegmentSearch(self._plan, self._measurements, number + 1, dict(self._decided))
        start = {PRIOR: self._given_prior or "normal:1"} | self._decided
        found = search.find_best(start, self._given_prior)
        if not found:
            return False
        pool = self._measure_pool(search, found)
        current = self._prefer_usual(search, self._choose_best(pool), pool)
        best = pool[0]
        fits = current.fits
        contradicting = None if fits else self._search_without_given(number)
        if contradicting:
            self._add_contradictions(current, contradicting)
        if not (fits or best.fits or contradicting):
            if not self._misfits:
                return False
            if max(self._misfits) < SHARP and best.discrepancy.mean > REFUSED_MEAN:
                raise self._no_chain_error(number, best)
        self._misfits.append(current.misfit)
        if not fits:  # the best of hypotheses that do not fit is no better than the usual values
            usual = search.measure_exactly([start])
            current = usual[0] if usual else current
        for slot in self._list_slots(search, current):
            self._decide(slot, current, pool, search.is_exhaustive)
        return True

    def _measure_pool(self, search: SegmentSearch, found: Sequence[Scored]) -> list[Scored]:
        """Return hypotheses measured exactly: the best, and those that differ in one convention."""
        finalists = [each.settings for each in found[:MAX_FINALISTS]]
        pool = search.measure_exactly(finalists)
        measured = {each.identity for each in pool}
        for _ in range(3):
            best = next(each for each in pool if not self._is_what_if(each))
            neighbours = self._choose_neighbours(search, best)
            new = [
                each for each in search.measure_exactly(neighbours) if each.identity not in measured
            ]
            measured |= {each.identity for each in new}
            pool = sorted([*pool, *new], key=lambda each: each.loss)
            if best is next(each for each in pool if not self._is_what_if(each)):
                break
        return pool

    def _choose_neighbours(self, search: SegmentSearch, best: Scored) -> list[Mapping[Key, str]]:
        """Return the neighbours of a hypothesis that may fit, and the two best of each slot."""
        by_key: dict[Key, list[Scored]] = {}
        for scored in search.score_neighbours(best):
            changed = [k for k, v in scored.settings.items() if best.settings.get(k) != v]
            for key in changed:
                by_key.setdefault(key, []).append(scored)
        chosen = []
        for rivals in by_key.values():
            rivals.sort(key=lambda each: each.loss)
            least = rivals[0].loss
            chosen += [
                each.settings
                for place, each in enumerate(rivals)
                if place < 2 or each.loss < min(least, best.loss) + PROMISING
            ]
        return chosen

    def _choose_best(self, pool: Sequence[Scored]) -> Scored:
        """Return the hypothesis with the least loss; for a fitted prior, the least discrepancy.

        Fitted priors differ by rounding, so their losses are about equal.
        """
        possible = [each for each in pool if not self._is_what_if(each)]
        if possible[0].settings[PRIOR] in (*ROUND_PRIORS, self._given_prior):
            return possible[0]
        return min(possible, key=lambda each: each.discrepancy.total)

    def _prefer_usual(self, search: SegmentSearch, best: Scored, pool: list[Scored]) -> Scored:
        """Return a hypothesis as good as the best, with usual values in undecided conventions."""
        current = best
        for slot in search.list_open_slots(best.plan):
            if slot.value == slot.usual or slot.source == "given":
                continue
            for scored in search.measure_exactly([{**current.settings, slot.key: slot.usual}]):
                if not _is_clearly_worse(scored, best):
                    current = scored
                    pool.append(scored)
        return current

    def _list_slots(self, search: SegmentSearch, current: Scored) -> list[Slot]:
        slots = search.list_open_slots(current.plan)
        if PRIOR in self._decided:
            return slots
        given = self._given_prior
        value = current.settings[PRIOR]
        prior = Slot(*PRIOR, "", value, given or "normal:1", (), "given" if given else "assumed")
        return [prior, *slots]

    def _decide(
        self, slot: Slot, current: Scored, pool: Sequence[Scored], is_exhaustive: bool
    ) -> None:
        """Decide whether a value is inferred, and record the value that it was compared with.

        If not all combinations were tried, an untried one may fit better.
        """
        rivals = [each for each in pool if self._differs(slot, each, current)]
        runner_up = min(rivals, key=lambda each: each.loss, default=None)
        is_sure = is_exhaustive and current.misfit <= SHARP  # else a wrong chain may fit as well
        is_sure = is_sure and all(_is_clearly_worse(rival, current) for rival in rivals)
        if slot.key == PRIOR:
            is_sure = is_sure and slot.value in ROUND_PRIORS
        if slot.name == "epsilon":  # values without effect were not tried
            is_sure = is_sure and len(slot.alternatives) == len(EPSILONS) - 1
        source: Source = slot.source
        if source == "assumed" and is_sure and (rivals or slot.key == PRIOR):
            source = "inferred"
        total = current.discrepancy.total
        alternative = (
            Alternative(_find_value(slot.key, runner_up), runner_up.discrepancy.total)
            if runner_up
            else None
        )
        self._conventions[slot.key] = Convention(
            slot.name, slot.layer, slot.value, source, total, alternative
        )
        self._decided[slot.key] = slot.value

    def _differs(self, slot: Slot, rival: Scored, current: Scored) -> bool:
        value = _find_value(slot.key, rival)
        if value in ("", slot.value) or rival.identity == current.identity:
            return False
        if slot.source != "given" and self._is_what_if(rival):
            return False
        return slot.key != PRIOR or value in ROUND_PRIORS or slot.value not in ROUND_PRIORS

    def _is_what_if(self, scored: Scored) -> bool:
        """Return whether a hypothesis contradicts a given value."""
        if self._given_prior and scored.settings[PRIOR] != self._given_prior:
            return True
        return any(s.source == "given" and s.value != s.usual for s in scored.plan.slots)

    def _search_without_given(self, number: int) -> Scored | None:
        """Return a hypothesis that fits if the given values are ignored, if there is one."""
        given = self._plan.conventions
        free = self._plan._replace(conventions=Conventions(labels=given.labels))
        if given == free.conventions:
            return None
        search = SegmentSearch(free, self._measurements, number + 1, dict(self._decided))
        found = search.find_best({PRIOR: "normal:1"} | self._decided, "")
        settings = [each.settings for each in found[:MAX_FINALISTS]]
        return next((each for each in search.measure_exactly(settings) if each.fits), None)

    def _add_contradictions(self, current: Scored, better: Scored) -> None:
        """Record the given values that differ from the values that fit."""
        given = [slot for slot in current.plan.slots if slot.source == "given"]
        if PRIOR not in self._decided and self._given_prior:
            given.append(Slot(*PRIOR, "", self._given_prior, self._given_prior))
        for slot in given:
            value = _find_value(slot.key, better)
            if slot.key in self._decided or value in ("", slot.value):
                continue
            place = f" of {slot.layer}" if slot.layer else ""
            self._contradictions.append(
                f"its batch norms speak against --{slot.name} {slot.value}{place} (discrepancy "
                f"{current.discrepancy.total:.2f}): {value} fits ({better.discrepancy.total:.2f})"
            )

    def _no_chain_error(self, number: int, best: Scored) -> UnreadableError:
        layer = self._plan.weighted_layers[number]
        return UnreadableError(
            f"the statistics of {layer.name} fit no chain of its layers (discrepancy "
            f"{best.discrepancy.total:.2f}, and those before it fit): it has branches, or an "
            f"activation that --activation can give; {self._plan.framework.remedy}"
        )


def _is_clearly_worse(scored: Scored, than: Scored) -> bool:
    return (
        scored.misfit > than.misfit + max(MARGIN, RELATIVE_MARGIN * than.misfit)
        and scored.discrepancy.total > than.discrepancy.total
        and count_deviations(than.losses, scored.losses) > CLEARLY
    )


def _find_value(key: Key, scored: Scored) -> str:
    """Return the value of a convention in a hypothesis, or "" if it has none."""
    if key == PRIOR:
        return scored.settings[PRIOR]
    return next((slot.value for slot in scored.plan.slots if slot.key == key), "")
