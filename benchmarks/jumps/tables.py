"""The tables of the experiment, from the blocks that are finished."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.jumps.arms import EARLY, LATER, STOCHASTIC, TUNING, WHOLE, ZERO
from benchmarks.jumps.reasons import (
    Errors,
    compare_planned,
    divide,
    judge_reasons,
    measure_slow_share,
)
from benchmarks.records import format_counted_share
from ganinv_cli.number_format import format_scientific
from ganinv_cli.statistics import EPSILONS, holm, mcnemar, wilcoxon
from ganinv_cli.statistics.paired import McNemarResult

PERIODS = 0, 100, 1_000, EARLY, 20_000  # updates
NEAR, FAR = 0.1, 0.5  # of a true value from the bound at which its component was
BUDGETS = 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000  # updates
COUNTED = EPSILONS["1e-3"]
Rows = list[dict[str, str]]
Arrays = dict[str, np.ndarray]


class BestRates(NamedTuple):
    """Each rule at the best of its rates for a budget, on the trials that did not choose it."""

    updates: int
    arms: dict[str, str]  # rule -> its arm
    below: Arrays  # rule -> whether the error is below 1e-3 (trials,)

    def compare(self) -> dict[str, McNemarResult]:
        """Return the test of each other rule and stochastic clipping."""
        ours = STOCHASTIC.name
        others = {rule: below for rule, below in self.below.items() if rule != ours}
        return {rule: mcnemar(below, self.below[ours]) for rule, below in others.items()}

    @property
    def p(self) -> float:
        """The largest p of the tests of stochastic clipping; 1 if it does not recover most."""
        tests = self.compare().values()
        return max(each.p if each.only_second > each.only_first else 1.0 for each in tests)


def make_sections(folder: Path) -> dict[str, Rows]:
    """Return the tables by their titles, of the studies that have a finished block."""
    sections: dict[str, Rows] = {}
    for rate in ("1", "2.17"):
        studies = [read_blocks(folder / f"{name}-{rate}") for name in ("phases", "whole")]
        errors = {
            name: (each["trials"], np.log(each["error"][:, place, -1]))
            for each in studies
            for place, name in enumerate(each.get("arms", ()))
        }
        title = f"faces16, rate {rate}"
        sections[f"{title}: after the last update"] = [*map(_count_shares, errors, errors.values())]
        sections[f"{title}: comparisons"] = list(_list_comparisons(errors))
        sections[f"{title}: the reasons"] = list(_judge(studies, errors))
        sections[f"{title}: jumps"] = [row for each in studies for row in _list_jumps(each)]
        gains = [row for each in studies for row in _compare_gains(each)]
        sections[f"{title}: gain of a jump, by the true value of its component"] = gains
    for name in ("faces16", "faces32"):
        study = read_blocks(folder / f"rates-{name}")
        sections[f"{name}: the trials that choose the rates"] = list(_count_chosen(study))
        tested = [*count_best_rates(study)]
        sections[f"{name}: each rule at its best rate"] = list(_list_best_rates(tested))
        pairs = list(_compare_best_rates(tested))
        sections[f"{name}: stochastic and each other rule, at their best rates"] = pairs
    return {title: rows for title, rows in sections.items() if rows}


def read_blocks(folder: Path) -> Arrays:
    """Return the arrays of all finished blocks of a study, joined by trial.

    The first has all arms; arms that another has not are NaN.
    """
    blocks = [dict(np.load(path)) for path in sorted(folder.glob("*.npz"))]
    if not blocks:
        return {}
    arms = blocks[0]["arms"].tolist()
    blocks = [each | {"error": _spread_errors(each, arms)} for each in blocks]
    joined = {"trials", "error"} | {name for name in blocks[0] if "jump_" in name}
    return blocks[0] | {name: np.concatenate([each[name] for each in blocks]) for name in joined}


def choose_arms(study: Arrays) -> set[str]:
    """Return the arms that are the best of their rule in the tuning trials, at any budget."""
    budgets = _list_budgets(study)
    return {arm for budget in budgets for arm in _choose_arms(_read_errors(study, budget)).values()}


def _spread_errors(block: Arrays, arms: list[str]) -> np.ndarray:
    trials, _, points = block["error"].shape
    errors = np.full((trials, len(arms), points), np.nan)
    errors[:, [arms.index(name) for name in block["arms"]]] = block["error"]
    return errors


def _count_shares(name: str, found: tuple[np.ndarray, np.ndarray]) -> dict[str, str]:
    errors = np.exp(found[1])
    counts = {epsilon: int(np.sum(errors < limit)) for epsilon, limit in EPSILONS.items()}
    shares = {epsilon: format_counted_share(n, len(errors)) for epsilon, n in counts.items()}
    median = format_scientific(np.median(errors))
    return {"arm": name, "trials": f"{len(errors)}", **shares, "median error": median}


def _list_comparisons(errors: Errors) -> Iterator[dict[str, str]]:
    """Yield the planned tests, and those that were added later, without correction."""
    later = [pair for pair in LATER if errors.keys() >= set(pair)]
    ratios = compare_planned(errors) | {pair: divide(errors, *pair[::-1]) for pair in later}
    for (first, second), ratio in ratios.items():
        yield {
            "arms": f"{first} – {second}",
            "second nearer": f"{ratio.nearer} of {ratio.trials}",
            "second / first, median": ratio.format_median(),
            "p": f"{ratio.p:.2g}",
            "p, Holm": "later" if (first, second) in later else f"{ratio.corrected:.2g}",
        }


def _judge(studies: Sequence[Arrays], errors: Errors) -> Iterator[dict[str, str]]:
    for study in studies:
        if {arm.name for arm in WHOLE} <= {*study.get("arms", ())}:
            own = study["jump_arm"] == study["arms"].tolist().index(ZERO.name)
            shares = study["jump_values"][own, -1].astype(float)
            yield from judge_reasons(errors, measure_slow_share(shares, study["jump_trial"][own]))


def _list_jumps(study: Arrays) -> Iterator[dict[str, str]]:
    """Yield the means over the jumps of each arm in each period."""
    for place, name in enumerate(study.get("arms", ())):
        for first, end in pairwise(PERIODS):
            update = study["jump_update"]
            chosen = (study["jump_arm"] == place) & (first <= update) & (update < end)
            if chosen.any():
                before, after, true, share = study["jump_values"][chosen].T.astype(float)
                own, standard = study["jump_losses"][chosen, 1:].T.astype(float)
                cells = {
                    "per trial": chosen.sum() / len(study["trials"]),
                    "squared error before": np.mean((before - true) ** 2),
                    "after": np.mean((after - true) ** 2),
                    "share in slow directions": share.mean(),
                    "log loss after 100 updates": own.mean(),
                    "of standard": standard.mean(),
                }
                about = {"arm": name, "updates": f"{first:,} to {end:,}"}
                yield about | {column: f"{value:.3g}" for column, value in cells.items()}


def _compare_gains(study: Arrays) -> Iterator[dict[str, str]]:
    """Yield, for each arm, whether jumps gain less if the true value is near the bound.

    A gain is the change of log loss in 100 updates less that of `standard`, in the mean of a trial.
    """
    for place, name in enumerate(study.get("arms", ())):
        own = study["jump_arm"] == place
        gain = study["jump_losses"][own, 1].astype(float) - study["jump_losses"][own, 2]
        before, _, true, _ = study["jump_values"][own].T.astype(float)
        distance = abs(before - true)
        means = []
        for trial in study["trials"]:
            of_trial = study["jump_trial"][own] == trial
            near, far = of_trial & (distance < NEAR), of_trial & (distance > FAR)
            if near.any() and far.any():
                means.append((gain[near].mean(), gain[far].mean()))
        if means:
            near, far = np.transpose(means)
            cells = {"near": near.mean(), "far": far.mean(), "p": wilcoxon(near, far).p}
            formatted = {column: f"{value:.3g}" for column, value in cells.items()}
            yield {"arm": name, "trials with both": f"{len(means)}"} | formatted


def _count_chosen(study: Arrays) -> Iterator[dict[str, str]]:
    """Yield how many tuning trials are below 1e-3 by each arm, after each budget."""
    for name in study.get("arms", ()):
        row = {"arm": name}
        for budget in _list_budgets(study):
            errors = _read_errors(study, budget)[name][:TUNING]
            row[f"{budget:,}"] = f"{np.sum(errors < COUNTED)} of {len(errors)}"
        yield row


def count_best_rates(study: Arrays) -> Iterator[BestRates]:
    """Yield the rules at the rates that did best in the tuning trials, after each budget."""
    if len(study.get("trials", ())) > TUNING:
        for budget in _list_budgets(study):
            errors = _read_errors(study, budget)
            arms = _choose_arms(errors)
            below = {rule: errors[arm][TUNING:] < COUNTED for rule, arm in arms.items()}
            yield BestRates(budget, arms, below)


def _list_best_rates(tested: Sequence[BestRates]) -> Iterator[dict[str, str]]:
    corrected = holm([each.p for each in tested])
    for each, p in zip(tested, corrected, strict=True):
        shares = {
            rule: format_counted_share(int(below.sum()), len(below)) + each.arms[rule][len(rule) :]
            for rule, below in each.below.items()
        }
        tests = {"p": f"{each.p:.2g}", "p, Holm": f"{p:.2g}"}
        yield {"updates": f"{each.updates:,}", **shares, **tests}


def _compare_best_rates(tested: Sequence[BestRates]) -> Iterator[dict[str, str]]:
    """Yield how many z only stochastic clipping recovers, and only each other rule (no plan)."""
    for each in tested:
        for rule, test in each.compare().items():
            if test.only_first or test.only_second:
                yield {
                    "updates": f"{each.updates:,}",
                    "rule": rule,
                    "only by it": f"{test.only_first}",
                    "only by stochastic": f"{test.only_second}",
                    "p": f"{test.p:.2g}",
                }


def _choose_arms(errors: Arrays) -> dict[str, str]:
    """Return the arm of each rule that did best in the tuning trials."""
    arms: dict[str, list[str]] = {}
    for name in errors:
        arms.setdefault(name.partition(", rate ")[0], []).append(name)
    return {
        rule: max(names, key=lambda name: _rank(errors[name][:TUNING]))
        for rule, names in arms.items()
    }


def _list_budgets(study: Arrays) -> list[int]:
    return [budget for budget in BUDGETS if budget in study["points"]]


def _read_errors(study: Arrays, budget: int) -> Arrays:
    """Return the errors (trials,) of each arm after so many updates."""
    errors = study["error"][:, :, study["points"].tolist().index(budget)]
    return dict(zip(study["arms"].tolist(), errors.T, strict=True))


def _rank(errors: np.ndarray) -> tuple[float, float]:
    return float(np.mean(errors < COUNTED)), -float(np.median(errors))
