"""The paper's Table 1 by the paper's method: every kept run of gradient descent in one table."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.records import format_counted_share
from benchmarks.reproduction.runs import Run
from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import format_share
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON, clopper_pearson, mcnemar

TESTED = ("1e-4", "1e-3", "1e-2")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SIZES = dict(zip(EPSILONS, (4, 6, 8, 10), strict=True))  # of points
DODGE = 0.009  # between the rules
Rows = list[dict[str, str]]


def make_sections(runs: Sequence[Run]) -> dict[str, Rows]:
    """Return the tables by their titles."""
    descents = [run for run in runs if run.is_descent]
    others = [run for run in runs if not run.is_descent]
    paper = list(_list_paper_rows())
    return {
        "Table 1 by the paper's method": [*paper, *_list_shares(descents)],
        "The rules where they differ": list(_compare_with_paper(descents, paper)),
        "On the way, after 20,000 updates": list(_list_snapshots(descents)),
        "First starts of L-BFGS": list(_list_shares(others)),
        "McNemar's exact test of first starts": list(_list_tests(runs)),
    }


def draw_prediction(runs: Sequence[Run]) -> Figure:
    """Draw measured success against predicted success, for each run, rule and ε.

    The shape of a point stands for the run, its colour for the rule, its size for ε. Points of
    different rules are shifted sideways, because the prediction is the same for all.
    """
    figure = Figure(figsize=(8.4, 5.4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="share of trials, predicted by linear theory", ylabel="share of trials, measured"
    )
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    known = [run for run in runs if run.theory and not run.counts_ever]
    rules = [rule for rule in RULES if any(rule in run.rules for run in known)]
    handles = [_make_handle("o", RULES[rule].colour, rule) for rule in rules]
    for marker, run in zip(MARKERS, known, strict=False):
        handles.append(_make_handle(marker, "0.3", run.title))
        for rule in run.rules:
            shift = DODGE * (list(RULES).index(rule) - 1)
            for epsilon, predicted, measured, fill in _locate_points(run, rule):
                low, high = clopper_pearson(round(measured * run.trials), run.trials)
                axes.errorbar(
                    predicted + shift,
                    measured,
                    yerr=[[measured - low], [high - measured]],
                    fmt=marker,
                    markersize=SIZES[epsilon],
                    color=RULES[rule].colour,
                    fillstyle=fill,
                    elinewidth=0.7,
                    alpha=0.7,
                )
    handles += [_make_handle("o", "0.7", epsilon, size) for epsilon, size in SIZES.items()]
    handles.append(_make_handle("o", "0.3", "hollow: after 20,000 updates"))
    handles[-1].set_fillstyle("none")
    figure.legend(handles=handles, fontsize=8, loc="outside right upper")
    return figure


def _list_paper_rows() -> Iterator[dict[str, str]]:
    for rule in RULES.values():
        if rule.paper_shares:
            shares = zip(EPSILONS, rule.paper_shares, strict=True)
            cells = {name: format_counted_share(round(1000 * s), 1000) for name, s in shares}
            head = {"generator, method": "the paper's", "clipping": rule.name, "trials": "1,000"}
            yield head | cells


def _list_shares(runs: Sequence[Run]) -> Iterator[dict[str, str]]:
    """Yield success of each run under each rule, with theory beside it."""
    for run in runs:
        for rule in run.rules:
            trials = run.trials
            counts = {name: int(run.find_successes(rule, name).sum()) for name in EPSILONS}
            row = {"generator, method": run.title, "clipping": rule, "trials": f"{trials:,}"}
            row |= {name: format_counted_share(count, trials) for name, count in counts.items()}
            if run.is_descent:
                row[f"theory, {SMALLEST_EPSILON}"] = _format_theory(run.theory)
            row["acted"] = f"{(run.read(rule, 'first/acted') > 0).sum():,}"
            row["beside the paper"] = _compare(rule, counts[SMALLEST_EPSILON], trials)
            yield row


def _format_theory(theory: dict[str, Any] | None) -> str:
    if theory is None:
        return "-"
    least, most = (format_share(theory[end][SMALLEST_EPSILON]) for end in ("least", "most"))
    return least if least == most else f"{least} to {most}"


def _compare(rule: str, successes: int, trials: int) -> str:
    """Return whether the paper's share at SMALLEST_EPSILON is inside our interval."""
    shares = RULES[rule].paper_shares
    if shares is None:
        return ""
    paper = dict(zip(EPSILONS, shares, strict=True))[SMALLEST_EPSILON]
    low, high = clopper_pearson(successes, trials)
    if high < paper:
        return "fewer"
    return "more" if low > paper else "within our interval"


def _compare_with_paper(runs: Sequence[Run], paper: Rows) -> Iterator[dict[str, str]]:
    """Yield the rows of the run with the most trials beside the paper's, for the README."""
    run = max(runs, key=lambda each: each.trials)
    theirs = {row["clipping"]: row[SMALLEST_EPSILON].partition(" ")[0] for row in paper}
    for row in _list_shares([run]):
        yield {
            "clipping": row["clipping"],
            f"{SMALLEST_EPSILON}, the paper": theirs[row["clipping"]],
            f"{SMALLEST_EPSILON}, {run.title}": row[SMALLEST_EPSILON],
            **{name: row[name] for name in EPSILONS if name != SMALLEST_EPSILON},
            "acted": f"{row['acted']} of {row['trials']}",
        }


def _list_tests(runs: Sequence[Run]) -> Iterator[dict[str, str]]:
    """Yield McNemar's test of each pair of rules in each run, paired by trial.

    Pairs that succeed in the same trials are left out: there is nothing to test.
    """
    for run in (each for each in runs if not each.counts_ever):
        for first, second in combinations(run.rules, 2):
            for epsilon in TESTED if run.is_descent else TESTED[:1]:
                test = mcnemar(*(run.find_successes(rule, epsilon) for rule in (first, second)))
                if test.only_first + test.only_second:
                    yield {
                        "generator, method": run.title,
                        "rules": f"{first}, {second}",
                        "below": epsilon,
                        "only the first": f"{test.only_first:,}",
                        "only the second": f"{test.only_second:,}",
                        "p": f"{test.p:.2g}",
                    }


def _list_snapshots(runs: Sequence[Run]) -> Iterator[dict[str, str]]:
    """Yield success at the last snapshot of each run that has snapshots, and tests."""
    for run in runs:
        shares = {} if run.counts_ever else run.snapshots or {}
        for epsilon in EPSILONS if shares else ():
            row = {"generator, method": run.title, "below": epsilon}
            for rule in run.rules:
                count = round(shares[rule][epsilon][-1] * run.trials)
                row[rule] = format_counted_share(count, run.trials)
            for pair, tests in shares["pairs"].items():
                first, second = tests[epsilon][-1]["only_first"], tests[epsilon][-1]["only_second"]
                words = f"{first:,}, {second:,}, {tests[epsilon][-1]['p']:.2g}"
                row[f"{pair}: only each, p"] = words if first + second else "-"
            yield row


def _make_handle(marker: str, colour: str, label: str, size: float = 6) -> Line2D:
    return Line2D([], [], color=colour, marker=marker, markersize=size, linestyle="", label=label)


def _locate_points(run: Run, rule: str) -> Iterator[tuple[str, float, float, str]]:
    """Yield ε, the share predicted, the share measured, and how the point is filled.

    Points are for the end, and for the last snapshot if there is one.
    """
    theory, snapshots = run.theory or {}, run.snapshots
    for epsilon in EPSILONS:
        measured = float(run.find_successes(rule, epsilon).mean())
        yield epsilon, theory["most"][epsilon], measured, "full"
        if snapshots:
            predicted = theory["snapshots"][-1][epsilon]
            yield epsilon, predicted, snapshots[rule][epsilon][-1], "none"
