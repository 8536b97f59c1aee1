"""Infer all conventions, norm by norm, and how certain each of them is."""

import math
from collections.abc import Sequence

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights.build import build
from ganinv_cli.formats.weights.given import count_labels
from ganinv_cli.formats.weights.inference.compare import CLEARLY, count_deviations
from ganinv_cli.formats.weights.inference.kept import PRIOR, Inference
from ganinv_cli.formats.weights.inference.measure import EXACT, QUICK, Measurements
from ganinv_cli.formats.weights.inference.search import (
    BEAM,
    ROUND_PRIORS,
    USUAL_PRIOR,
    Hypothesis,
    Scored,
    Segment,
    sort_distinct,
)
from ganinv_cli.formats.weights.step import (
    EPSILONS,
    Choice,
    Design,
    Key,
    Value,
    change_step,
    format_value,
)
from ganinv_cli.network.convention import Alternative, Convention, Source
from ganinv_cli.network.norm_statistics import are_initial
from ganinv_cli.settings.conventions import Conventions

# In residual networks read as chains, the norms before the first sum differ by .01. The norm after
# it differs by .35 to .42; .21 to .33 of that is in the means, which dropout does not change. If
# the skipped block has little effect, another stride and activation came as near as .11.
SHARP, REFUSED_MEAN = 0.06, 0.15
MANY_TIMES = 5.0  # a value that differs so many times more is wrong, although the right one differs
MARGIN, RELATIVE_MARGIN = 0.01, 0.3  # difference at which one discrepancy is clearly larger
PROMISING = 1.0  # loss above the best, measured quickly, up to which a value is measured exactly


def infer_conventions(design: Design) -> Inference:
    """Return the conventions inferred from the stored statistics.

    Raises UnreadableError if they fit no chain of the layers.
    """
    return _Inferring(design).run()


class _Inferring:
    """Goes from norm to norm."""

    def __init__(self, design: Design) -> None:
        self._design = design
        inputs = build(design).inputs
        labels = count_labels(design.conventions, inputs)
        self._measurements = Measurements(design.framework.is_torch, inputs - labels, labels)
        self._decided: dict[Key, Value] = {}
        self._conventions: dict[Key, Convention] = {}
        self._contradictions: list[str] = []
        self._given_prior = design.conventions.prior
        self._misfits: list[float] = []

    def run(self) -> Inference:
        """Return the conventions."""
        for number, step in enumerate(self._design.steps):
            if not step.norm_layer:
                continue
            statistics = (step.norm_layer.weights[role].read() for role in ("mean", "variance"))
            if are_initial(*statistics) or not self._add_norm(number):
                break
        return Inference(self._decided, self._conventions, tuple(self._contradictions))

    def _add_norm(self, number: int) -> bool:
        """Infer what lies before the norm of a step; return whether to go on."""
        segment = self._make_segment(self._design, number, self._given_prior)
        found = segment.search()
        if not found:
            return False
        pool = self._measure_pool(segment, found)
        best = pool[0]
        current = self._prefer_usual(segment, self._choose_best(segment, pool), pool)
        contradicting = None if current.fits else self._search_without_given(number)
        if contradicting:
            self._add_contradictions(current, contradicting)
        if not (current.fits or best.fits or contradicting):
            if not self._misfits:
                return False
            if max(self._misfits) < SHARP and best.discrepancy.mean > REFUSED_MEAN:
                raise self._make_no_chain_error(number, best)
        # of several open layers, wrong ones may fit
        self._misfits.append(current.misfit if segment.is_single else math.inf)
        if not current.fits:  # the best of hypotheses that do not fit is no better than the usual
            current = next(iter(segment.score([segment.usual], EXACT)), current)
        choices = segment.list_choices(current.chain)
        if PRIOR not in self._decided:
            choices = [self._describe_prior(current), *choices]
        for choice in choices:
            self._decide(segment, choice, current, pool)
        return True

    def _make_segment(self, design: Design, number: int, given_prior: str) -> Segment:
        return Segment(design, self._measurements, number, dict(self._decided), given_prior)

    def _measure_pool(self, segment: Segment, found: Sequence[Scored]) -> list[Scored]:
        """Return hypotheses measured exactly: the best, and those that differ in one convention."""
        finalists = [e for e in found[:BEAM] if e.loss < found[0].loss + PROMISING]
        pool = segment.score([each.hypothesis for each in finalists], EXACT)
        best: Scored | None = None
        while True:
            last, best = best, next(filter(segment.keeps_given, pool))
            if best is last:
                return pool
            pool = sort_distinct([*pool, *segment.score(_list_rivals(segment, best), EXACT)])

    def _choose_best(self, segment: Segment, pool: Sequence[Scored]) -> Scored:
        """Return the hypothesis with the least loss; for a fitted prior, the least discrepancy.

        Fitted priors differ by rounding, so their losses are about equal.
        """
        possible = [*filter(segment.keeps_given, pool)]
        if possible[0].hypothesis.prior in (*ROUND_PRIORS, self._given_prior):
            return possible[0]
        return min(possible, key=lambda each: each.discrepancy.total)

    def _prefer_usual(self, segment: Segment, best: Scored, pool: list[Scored]) -> Scored:
        """Return a hypothesis as good as the best, with usual values in undecided conventions."""
        current = best
        for choice in segment.list_choices(best.chain):
            if choice.value == choice.usual or choice.source == "given":
                continue
            steps, prior = current.hypothesis
            usual = Hypothesis(change_step(steps, choice.key, choice.usual), prior)
            for scored in segment.score([usual], EXACT):
                if not _is_clearly_worse(scored, best):
                    current = scored
                    pool.append(scored)
        return current

    def _describe_prior(self, current: Scored) -> Choice:
        usual = self._given_prior or USUAL_PRIOR
        source: Source = "given" if self._given_prior else "assumed"
        return Choice(*PRIOR, "", current.hypothesis.prior, usual, (), source)

    def _decide(
        self, segment: Segment, choice: Choice, current: Scored, pool: Sequence[Scored]
    ) -> None:
        """Record a value, whether the statistics decide it, and the value of the second best."""
        rivals = [each for each in pool if self._differs(segment, choice, each, current)]
        runner_up = min(rivals, key=lambda each: each.loss, default=None)
        source = choice.source
        if source == "assumed" and self._is_sure(segment, choice, current, rivals):
            source = "confirmed" if choice.value == choice.usual else "inferred"
        alternative = None
        if runner_up:
            second = format_value(runner_up.find_value(choice.key))
            alternative = Alternative(second, runner_up.discrepancy.total)
        self._conventions[choice.key] = Convention(
            choice.name,
            choice.layer,
            format_value(choice.value),
            source,
            current.discrepancy.total,
            alternative,
        )
        self._decided[choice.key] = choice.value

    def _is_sure(
        self, segment: Segment, choice: Choice, current: Scored, rivals: Sequence[Scored]
    ) -> bool:
        """Return whether the statistics decide a value against all others.

        If not all combinations were tried, an untried one may fit better. If the
        norm does not fit well, a wrong chain may fit as well, unless the others differ many times
        more.
        """
        total = current.discrepancy.total
        is_far = all(rival.discrepancy.total > MANY_TIMES * total for rival in rivals)
        if not segment.is_exhaustive or not (current.misfit <= SHARP or (rivals and is_far)):
            return False
        if not all(_is_clearly_worse(rival, current) for rival in rivals):
            return False
        if choice.key == PRIOR:
            return choice.value in ROUND_PRIORS
        if choice.name == "epsilon" and len(choice.others) < len(EPSILONS) - 1:
            return False  # values without effect were not tried
        return bool(rivals)

    def _differs(self, segment: Segment, choice: Choice, rival: Scored, current: Scored) -> bool:
        value = rival.find_value(choice.key)
        if value in (None, choice.value) or rival.identity == current.identity:
            return False
        if choice.source != "given" and not segment.keeps_given(rival):
            return False
        is_prior = choice.key == PRIOR
        return not is_prior or value in ROUND_PRIORS or choice.value not in ROUND_PRIORS

    def _search_without_given(self, number: int) -> Scored | None:
        """Return a hypothesis that fits if the given values are ignored, if there is one."""
        given = self._design.conventions
        free = self._design._replace(conventions=Conventions(labels=given.labels))
        if given == free.conventions:
            return None
        segment = self._make_segment(free, number, "")
        found = [each.hypothesis for each in segment.search()[:BEAM]]
        return next((each for each in segment.score(found, EXACT) if each.fits), None)

    def _add_contradictions(self, current: Scored, better: Scored) -> None:
        """Record the given values that differ from the values that fit."""
        given = [choice for choice in current.chain.choices if choice.source == "given"]
        if self._given_prior:
            given.append(self._describe_prior(current))
        for choice in given:
            value = better.find_value(choice.key)
            if choice.key in self._decided or value in (None, choice.value):
                continue
            place = f" of {choice.layer}" if choice.layer else ""
            self._contradictions.append(
                f"its batch norms speak against --{choice.name} {format_value(choice.value)}{place}"
                f" (discrepancy {current.discrepancy.total:.2f}): {format_value(value)} fits "
                f"({better.discrepancy.total:.2f})"
            )

    def _make_no_chain_error(self, number: int, best: Scored) -> UnreadableError:
        norm = self._design.steps[number].norm_layer
        return UnreadableError(
            f"the statistics of {norm.name if norm else ''} fit no chain of its layers "
            f"(discrepancy {best.discrepancy.total:.2f}, and those before it fit): it has "
            "branches, or an activation that --activation can give; "
            f"{self._design.framework.remedy}"
        )


def _list_rivals(segment: Segment, best: Scored) -> list[Hypothesis]:
    """Return the neighbours of a hypothesis that may fit, and the best of each convention."""
    scored = segment.score(segment.list_neighbours(best), QUICK)
    by_key: dict[Key, list[Scored]] = {}
    for key in (PRIOR, *(choice.key for choice in segment.list_choices(best.chain))):
        by_key[key] = [each for each in scored if _changes(each, best, key)]
    return [
        each.hypothesis
        for rivals in by_key.values()
        for place, each in enumerate(rivals)
        if place == 0 or each.loss < min(rivals[0].loss, best.loss) + PROMISING
    ]


def _changes(scored: Scored, best: Scored, key: Key) -> bool:
    """Return whether a neighbour of the best hypothesis differs in this convention."""
    (steps, prior), (best_steps, best_prior) = scored.hypothesis, best.hypothesis
    name, number = key
    if key == PRIOR:
        return prior != best_prior
    return bool(getattr(steps[number], name) != getattr(best_steps[number], name))


def _is_clearly_worse(scored: Scored, than: Scored) -> bool:
    return (
        scored.misfit > than.misfit + max(MARGIN, RELATIVE_MARGIN * than.misfit)
        and scored.discrepancy.total > than.discrepancy.total
        and count_deviations(than.losses, scored.losses) > CLEARLY
    )
