"""Infer all conventions, norm by norm, and how certain each of them is.

Two hypotheses are compared channel by channel (Vuong 1989): z = √n · mean(d) / σ(d), with d the
difference of their losses in a channel.
"""

import math
from collections.abc import Sequence

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights.build import build, count_labels
from ganinv_cli.formats.weights.hypotheses import (
    BEAM,
    USUAL_PRIOR,
    Hypothesis,
    Scored,
    Segment,
    sort_distinct,
)
from ganinv_cli.formats.weights.labels import detect_labels
from ganinv_cli.formats.weights.moments import EXACT, QUICK, Measurements
from ganinv_cli.formats.weights.step import (
    EPSILONS,
    LABELS,
    PRIOR,
    ROUND_PRIORS,
    Choice,
    Decision,
    Design,
    Inference,
    format_value,
)
from ganinv_cli.network.checkpoint import Alternative, Convention, Source
from ganinv_cli.network.norms.check import Moments, are_initial

# In residual networks read as chains, the norms before the first sum differ by .01. The norm after
# it differs by .35 to .42; .21 to .33 of that is in the means, which dropout does not change. If
# the skipped block has little effect, another stride and activation came as near as .11.
SHARP, REFUSED_MEAN = 0.06, 0.15
MANY_TIMES = 5.0  # a value that differs so many times more is wrong, although the right one differs
MARGIN, RELATIVE_MARGIN = 0.01, 0.3  # difference at which one discrepancy is clearly larger
CLEARLY = 4.0  # z above which one hypothesis fits better
MAX_INDEPENDENT = 64  # channels that count as independent: all come from the same batches
PROMISING = 1.0  # loss above the best, measured quickly, up to which a value is measured exactly


def infer_conventions(design: Design) -> Inference:
    """Return the conventions inferred from the stored statistics.

    Raises UnreadableError if they fit no chain of the layers.
    """
    return _Inferring(design).run()


class _Inferring:
    def __init__(self, design: Design) -> None:
        self._design = design
        inputs = build(design).inputs
        labels = count_labels(design.conventions, inputs)
        self._measurements = Measurements(design.framework.is_torch, inputs - labels, labels)
        self._decisions: Inference = {}
        self._misfits: list[float] = []

    def run(self) -> Inference:
        """Return the conventions."""
        for number, step in enumerate(self._design.steps):
            if not step.norm_layer:
                continue
            weights = step.norm_layer.weights
            stored = Moments(weights["mean"].read(), weights["variance"].read())
            if are_initial(stored) or not self._add_norm(number, step.norm_layer.name):
                break
        return self._decisions

    def _add_norm(self, number: int, name: str) -> bool:
        """Infer what lies before the norm of a step; return whether to go on."""
        decided = {key: each.value for key, each in self._decisions.items() if key != LABELS}
        segment = Segment(self._design, self._measurements, number, decided)
        pool = _measure_pool(segment)
        if not pool:
            return False
        best, current = pool[0], _prefer_usual(segment, pool)
        is_torch = self._design.framework.is_torch
        is_label_open = self._design.conventions.labels is None and not self._design.labels
        if not decided and is_label_open:
            row = detect_labels(best.chain.layers, is_torch)
            self._decisions[LABELS] = Decision(row.value, row)
        # TensorFlow's averages lag some 100 steps behind the weights, PyTorch's some 10, so there a
        # wrong chain may fit better than the right one
        if self._misfits and not is_torch and best.misfit > SHARP:
            return False
        # what is given may be wrong
        if not (current.fits or best.fits or self._design.given or self._design.conventions.prior):
            if not self._misfits:
                return False
            if max(self._misfits) < SHARP and best.discrepancy.mean > REFUSED_MEAN:
                raise UnreadableError(
                    f"the statistics of {name} fit no chain of its layers (discrepancy "
                    f"{best.discrepancy.total:.2f}, and those before it fit): it has branches, or "
                    f"an activation that --activation can give; {self._design.framework.remedy}"
                )
        # of several open layers, wrong ones may fit
        self._misfits.append(current.misfit if segment.is_single else math.inf)
        times = math.inf if math.inf in self._misfits else MANY_TIMES
        if not current.fits:  # the best of hypotheses that do not fit is no better than the usual
            current = next(iter(segment.score([segment.usual], EXACT)), current)
        choices = segment.list_choices(current.chain)
        if PRIOR not in decided:
            given = self._design.conventions.prior
            source: Source = "given" if given else "assumed"
            prior, usual = current.hypothesis.prior, given or USUAL_PRIOR
            choices = [Choice(*PRIOR, "", prior, usual, (), source), *choices]
        for choice in choices:
            self._decisions[choice.key] = _decide(segment, choice, current, pool, times)
        return True


def _measure_pool(segment: Segment) -> list[Scored]:
    """Return hypotheses measured exactly: the best, and those that differ in one convention."""
    found = segment.search()
    finalists = [e for e in found[:BEAM] if e.loss < found[0].loss + PROMISING]
    pool = segment.score([each.hypothesis for each in finalists], EXACT)
    best: Scored | None = None
    while pool and best is not pool[0]:
        best = pool[0]
        pool = sort_distinct([*pool, *segment.score(_list_rivals(segment, best), EXACT)])
    return pool


def _prefer_usual(segment: Segment, pool: list[Scored]) -> Scored:
    """Return a hypothesis as good as the best, with usual values in undecided conventions."""
    current = best = pool[0]
    for choice in segment.list_choices(best.chain):
        if choice.value != choice.usual:
            usual = current.hypothesis.change(choice.key, choice.usual)
            for scored in segment.score([usual], EXACT):
                if not _is_clearly_worse(scored, best):
                    current = scored
                    pool.append(scored)
    return current


def _decide(
    segment: Segment, choice: Choice, current: Scored, pool: Sequence[Scored], times: float
) -> Decision:
    """Return a value, whether the statistics decide it, and the value of the second best.

    A norm that does not fit well decides if all rivals differ `times` more.
    """
    rivals = [each for each in pool if _differs(choice, each, current)]
    source, second = choice.source, None
    if source == "assumed" and _is_sure(segment, choice, current, rivals, times):
        source = "confirmed" if choice.value == choice.usual else "inferred"
    if rivals:
        best = min(rivals, key=lambda each: each.loss)
        value = format_value(best.find_value(choice.key))
        second = Alternative(value, best.discrepancy.total)
    value = format_value(choice.value)
    total = current.discrepancy.total
    row = Convention(choice.name, choice.layer, value, source, total, second)
    return Decision(choice.value, row)


def _is_sure(
    segment: Segment, choice: Choice, current: Scored, rivals: Sequence[Scored], times: float
) -> bool:
    """Return whether the statistics decide a value against all others.

    If not all combinations were tried, an untried one may fit better. If the norm does not fit
    well, a wrong chain may fit as well, unless the others differ many times more.
    """
    most = times * current.discrepancy.total
    is_far = bool(rivals) and all(rival.discrepancy.total > most for rival in rivals)
    if not segment.is_exhaustive or not (current.misfit <= SHARP or is_far):
        return False
    if not all(_is_clearly_worse(rival, current) for rival in rivals):
        return False
    if choice.key == PRIOR:
        return choice.value in ROUND_PRIORS
    if choice.name == "epsilon" and len(choice.others) < len(EPSILONS) - 1:
        return False  # values without effect were not tried
    return bool(rivals)


def _list_rivals(segment: Segment, best: Scored) -> list[Hypothesis]:
    """Return the neighbours of a hypothesis that may fit, and the best of each convention."""
    scored = segment.score(segment.list_neighbours(best), QUICK)
    rivals: list[Hypothesis] = []
    for key in (PRIOR, *(choice.key for choice in segment.list_choices(best.chain))):
        value = best.hypothesis.get(key)
        group = [each for each in scored if each.hypothesis.get(key) != value]
        most = min(each.loss for each in (*group[:1], best)) + PROMISING
        rivals += [e.hypothesis for place, e in enumerate(group) if place == 0 or e.loss < most]
    return rivals


def _differs(choice: Choice, rival: Scored, current: Scored) -> bool:
    """Return whether a rival has another value of a convention, which makes another network."""
    value = rival.find_value(choice.key)
    if value in (None, choice.value) or rival.identity == current.identity:
        return False
    return choice.key != PRIOR or value in ROUND_PRIORS or choice.value not in ROUND_PRIORS


def _is_clearly_worse(scored: Scored, than: Scored) -> bool:
    difference = scored.losses - than.losses
    count, spread = min(difference.size, MAX_INDEPENDENT), float(difference.std())
    mean = float(difference.mean())
    return (
        scored.misfit > than.misfit + max(MARGIN, RELATIVE_MARGIN * than.misfit)
        and scored.discrepancy.total > than.discrepancy.total
        and mean > 1e-9
        and math.sqrt(count) * mean > CLEARLY * spread
    )
