"""Infer all conventions, norm by norm, and how certain each of them is.

Two hypotheses are compared channel by channel (Vuong 1989): z = √n · mean(d) / σ(d), with d the
difference of their losses in a channel.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ganinv_cli.generators.formats.interface import UnreadableError
from ganinv_cli.generators.formats.weights.hypotheses import (
    BEAM,
    USUAL_PRIOR,
    Hypothesis,
    Scored,
    Segment,
    sort_distinct,
)
from ganinv_cli.generators.formats.weights.labels import detect_labels
from ganinv_cli.generators.formats.weights.moments import EXACT, QUICK, Measurements
from ganinv_cli.generators.formats.weights.plan_layers import count_labels, plan_layers
from ganinv_cli.generators.formats.weights.step import (
    ACTIVATION_CHOICES,
    EPSILONS,
    LABELS,
    PRIOR,
    Choice,
    Decision,
    Design,
    Inference,
    Value,
    format_value,
)
from ganinv_cli.generators.network.definition import Alternative, Convention, Source
from ganinv_cli.generators.network.norms.check import Moments, are_initial

# In residual networks read as sequences, the norms before the first sum differ by .01. The norm
# after it differs by .35 to .42; .21 to .33 of that is in the means, which dropout does not change.
# If the skipped block has little effect, another stride and activation came as near as .11.
SHARP, REFUSED_MEAN = 0.06, 0.15
MANY_TIMES = 5.0  # a value that differs so many times more is wrong, although the right one differs
MARGIN, RELATIVE_MARGIN = 0.01, 0.3  # difference at which one discrepancy is clearly larger
CLEARLY = 4.0  # z above which one hypothesis fits better
MAX_INDEPENDENT = 64  # channels that count as independent: all come from the same batches
PROMISING = 1.0  # loss above the best, measured quickly, up to which a value is measured exactly


def infer_conventions(design: Design) -> Inference:
    """Return the conventions inferred from the stored statistics.

    Layers have several activations only if the statistics refute each of them for all. Raises
    UnreadableError if they fit no sequence of the layers.
    """
    inputs = plan_layers(design).inputs
    labels = count_labels(design.conventions, inputs)
    measurements = Measurements(design.framework.is_torch, inputs - labels, labels)
    inference = _Inferring(design, measurements).run()
    mixed = _list_activations(inference)
    for most in (0.0, SHARP) if len(mixed) > 1 else ():  # first one that fits as well
        for activation in mixed:
            single = _Inferring(design, measurements, _Preferred(activation, most)).run()
            if single.keys() == inference.keys():
                return single
    return inference


def _list_activations(inference: Inference) -> list[Value]:
    """Return the inferred activations but "none", the most common in general first."""
    values = {
        each.value
        for (name, _), each in inference.items()
        if name == "activation" and each.convention.source != "given"
    }
    return [each for each in ACTIVATION_CHOICES if each in values - {"none"}]


class _Preferred(NamedTuple):
    """An activation for all layers, which fits if its misfit is at most this."""

    activation: Value
    misfit: float


class _Inferring:
    def __init__(
        self, design: Design, measurements: Measurements, preferred: _Preferred | None = None
    ) -> None:
        """Infer nothing from the first norm on that refutes a preferred activation."""
        self._design, self._measurements, self._preferred = design, measurements, preferred
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
            if self._preferred and {*_list_activations(self._decisions)} - {
                self._preferred.activation
            }:
                return {}
        return self._decisions

    def _add_norm(self, number: int, name: str) -> bool:
        """Infer what lies before the norm of a step; return whether to go on."""
        decided = {key: each.value for key, each in self._decisions.items() if key != LABELS}
        segment = Segment(self._design, self._measurements, number, decided)
        pool = _measure_pool(segment)
        if not pool:
            return False
        best, current = pool[0], _prefer_usual(segment, pool, self._preferred)
        is_torch = self._design.framework.is_torch
        if not decided:
            row = detect_labels(best.sequence.layers, is_torch, self._design.conventions.labels)
            self._decisions[LABELS] = Decision(row.value, row)
        # TensorFlow's averages lag some 100 steps behind the weights, PyTorch's some 10, so there a
        # wrong sequence may fit better than the right one
        is_late = bool(self._misfits) and not is_torch and best.misfit > SHARP
        if is_late or not current.fits:
            self._refuse_branches(best, name)
            return self._stop()
        # of several open layers, wrong ones may fit
        self._misfits.append(current.misfit if segment.is_single else math.inf)
        times = math.inf if math.inf in self._misfits else MANY_TIMES
        choices = segment.list_choices(current.sequence)
        if PRIOR not in decided:
            given = self._design.conventions.prior
            source: Source = "given" if given else "assumed"
            prior, usual = current.hypothesis.prior, given or USUAL_PRIOR
            choices = [Choice(*PRIOR, "", prior, usual, (), source), *choices]
        decisions = {each.key: _decide(segment, each, current, pool, times) for each in choices}
        if current.misfit > SHARP and any(_is_odd(each, decisions[each.key]) for each in choices):
            return self._stop()
        self._decisions |= decisions
        return True

    def _stop(self) -> bool:
        """Return that no more is inferred: a norm does not fit, so nothing is decided."""
        for key, (value, row) in self._decisions.items():
            if row.source in ("inferred", "confirmed"):
                self._decisions[key] = Decision(value, replace(row, source="assumed"))
        return False

    def _refuse_branches(self, best: Scored, name: str) -> None:
        """Raise UnreadableError if the norm `name` does not fit, but those before it do."""
        framework = self._design.framework
        are_sharp = bool(self._misfits) and max(self._misfits) < SHARP
        is_far = not best.fits and best.discrepancy.mean > REFUSED_MEAN
        # what is given may be wrong
        is_given = self._design.given or self._design.conventions.prior
        if framework.is_torch and are_sharp and is_far and not is_given:
            raise UnreadableError(
                f"the statistics of {name} fit no sequence of its layers (discrepancy "
                f"{best.discrepancy.total:.2f}, and those before it fit): it has branches, or "
                f"an activation that --activation can give; {framework.remedy}"
            )


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


def _prefer_usual(segment: Segment, pool: list[Scored], preferred: _Preferred | None) -> Scored:
    """Return a hypothesis as good as the best, with usual values in undecided conventions.

    A usual value that fits unsettled averages is undecided, too. The preferred activation comes
    before the usual one.
    """
    current = best = pool[0]
    choices = segment.list_choices(best.sequence)
    usual = [(each.key, each.usual) for each in choices]
    if preferred:
        activations = [e.key for e in choices if e.name == "activation" and e.others]
        usual += [(key, preferred.activation) for key in activations]
    for key, value in [(PRIOR, segment.usual.prior), *usual]:
        if current.find_value(key) not in (None, value):
            for scored in segment.score([current.hypothesis.change(key, value)], EXACT):
                is_worse = _is_clearly_worse(scored.unsettle(segment.most_initial), best)
                if preferred and value == preferred.activation:
                    is_worse &= scored.misfit > preferred.misfit
                if not is_worse:
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


def _is_odd(choice: Choice, decision: Decision) -> bool:
    """Return whether an undecided value would change the sides of maps from the usual ones."""
    is_undecided = decision.convention.source == "assumed" and choice.value != choice.usual
    return is_undecided and choice.name in ("strides", "padding")


def _is_sure(
    segment: Segment, choice: Choice, current: Scored, rivals: Sequence[Scored], times: float
) -> bool:
    """Return whether the statistics decide a value against all others.

    If not all combinations were tried, an untried one may fit better. If the norm does not fit
    well, a wrong sequence may fit as well, unless the others differ many times more.
    """
    most = times * current.discrepancy.total
    is_far = bool(rivals) and all(rival.discrepancy.total > most for rival in rivals)
    if not segment.is_exhaustive or not (current.misfit <= SHARP or is_far):
        return False
    if not all(_is_clearly_worse(rival, current) for rival in rivals):
        return False
    if choice.name == "epsilon" and len(choice.others) < len(EPSILONS) - 1:
        return False  # values without effect were not tried
    return bool(rivals)


def _list_rivals(segment: Segment, best: Scored) -> list[Hypothesis]:
    """Return the neighbours of a hypothesis that may fit, and the best of each convention."""
    scored = segment.score(segment.list_neighbours(best), QUICK)
    rivals: list[Hypothesis] = []
    for key in (PRIOR, *(choice.key for choice in segment.list_choices(best.sequence))):
        value = best.hypothesis.get(key)
        group = [each for each in scored if each.hypothesis.get(key) != value]
        most = min(each.loss for each in (*group[:1], best)) + PROMISING
        rivals += [e.hypothesis for place, e in enumerate(group) if place == 0 or e.loss < most]
    return rivals


def _differs(choice: Choice, rival: Scored, current: Scored) -> bool:
    """Return whether a rival has another value of a convention, which makes another network."""
    value = rival.find_value(choice.key)
    return value not in (None, choice.value) and rival.identity != current.identity


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
