"""The paper's Table 1 by the paper's method: every kept run of gradient descent in one table.

    python -m benchmarks.reproduction.table1 docs/results --out docs/reproduction

Reads the results files of `keep.py` in FOLDER, and the theory beside them. Writes table1.md (Table
1, the same for L-BFGS, tests), table1.json and predicted.png: measured success against success
predicted by linear theory. Needs no TensorFlow.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ganinv_cli.clipping import RULES, ClippingRule
from ganinv_cli.number_format import format_share
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON, clopper_pearson, mcnemar

from .protocols import Protocol, read_protocols
from .write import format_counted_share, make_command, write_sections

TESTED = ("1e-4", "1e-3", "1e-2")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SIZES = dict(zip(EPSILONS, (4, 6, 8, 10), strict=True))  # of points
DODGE = 0.009  # between the rules


def write_tables(folder: Path, out: Path) -> None:
    """Write table1.md, table1.json and predicted.png."""
    protocols = list(read_protocols(folder))
    descents = [protocol for protocol in protocols if protocol.is_descent]
    if not descents:
        raise click.ClickException(f"{folder} holds no results of gradient descent")
    sections = {
        "Table 1 by the paper's method": [*make_paper_rows(), *make_shares(descents)],
        "The rules where they differ": make_summary(descents),
        "On the way, after 20,000 updates": make_snapshots(descents),
        "First starts of L-BFGS": make_shares([p for p in protocols if not p.is_descent]),
        "McNemar's exact test of first starts": make_tests(protocols),
    }
    write_sections(sections, out / "table1.md")
    figure = draw_prediction(descents)
    figure.savefig(out / "predicted.png", dpi=150, metadata={"Software": None})


def make_paper_rows() -> list[dict[str, str]]:
    """Return the rows of the paper's Table 1."""
    return [
        {
            "generator, method": "the paper's",
            "clipping": rule.name,
            "trials": "1,000",
            **{
                name: format_counted_share(round(1000 * share), 1000)
                for name, share in zip(EPSILONS, rule.paper_shares or (), strict=True)
            },
        }
        for rule in RULES.values()
        if rule.paper_shares
    ]


def make_shares(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return success of each run under each rule, with theory beside it."""
    return [
        _make_share_row(protocol, RULES[rule]) for protocol in protocols for rule in protocol.rules
    ]


def _make_share_row(protocol: Protocol, rule: ClippingRule) -> dict[str, str]:
    group = protocol.results.groups[rule.name]
    trials = len(group["trial"])
    acted = f"{int(np.sum(np.asarray(group['first/acted']) > 0)):,}"
    successes = {
        name: int(protocol.find_successes(rule.name, epsilon).sum())
        for name, epsilon in EPSILONS.items()
    }
    return {
        "generator, method": protocol.title,
        "clipping": rule.name,
        "trials": f"{trials:,}",
        **{name: format_counted_share(count, trials) for name, count in successes.items()},
        **(
            {f"theory, {SMALLEST_EPSILON}": _format_theory(protocol.theory, SMALLEST_EPSILON)}
            if protocol.is_descent
            else {}
        ),
        "acted": acted,
        "beside the paper": _compare(rule, successes[SMALLEST_EPSILON], trials),
    }


def _format_theory(theory: dict[str, Any] | None, epsilon: str) -> str:
    if theory is None:
        return "-"
    least, most = (format_share(theory[end][epsilon]) for end in ("least", "most"))
    return least if least == most else f"{least} to {most}"


def _compare(rule: ClippingRule, successes: int, trials: int) -> str:
    """Return whether the paper's share at SMALLEST_EPSILON is inside our interval."""
    if rule.paper_shares is None:
        return ""
    paper = dict(zip(EPSILONS, rule.paper_shares, strict=True))[SMALLEST_EPSILON]
    low, high = clopper_pearson(successes, trials)
    if high < paper:
        return "fewer"
    return "more" if low > paper else "within our interval"


def make_tests(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return McNemar's test of each pair of rules in each run, paired by trial.

    Pairs that succeed in the same trials are left out: there is nothing to test.
    """
    rows = []
    for protocol in (each for each in protocols if not each.counts_ever):
        for first, second in combinations(protocol.rules, 2):
            for epsilon in TESTED if protocol.is_descent else TESTED[:1]:
                test = mcnemar(
                    protocol.find_successes(first, EPSILONS[epsilon]),
                    protocol.find_successes(second, EPSILONS[epsilon]),
                )
                if test.only_first + test.only_second:
                    rows.append(
                        {
                            "generator, method": protocol.title,
                            "rules": f"{first}, {second}",
                            "below": epsilon,
                            "only the first": f"{test.only_first:,}",
                            "only the second": f"{test.only_second:,}",
                            "p": f"{test.p:.2g}",
                        }
                    )
    return rows


def make_summary(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return the run with the most trials beside the paper's, for the README."""
    protocol = max(protocols, key=lambda each: len(each.results.groups[each.rules[0]]["trial"]))
    paper = {row["clipping"]: row for row in make_paper_rows()}
    rows = [(paper[rule], _make_share_row(protocol, RULES[rule])) for rule in protocol.rules]
    return [
        {
            "clipping": row["clipping"],
            f"{SMALLEST_EPSILON}, the paper": theirs[SMALLEST_EPSILON].partition(" ")[0],
            f"{SMALLEST_EPSILON}, {protocol.title}": row[SMALLEST_EPSILON],
            **{name: row[name] for name in EPSILONS if name != SMALLEST_EPSILON},
            "acted": f"{row['acted']} of {row['trials']}",
        }
        for theirs, row in rows
    ]


def make_snapshots(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return success at the last snapshot of each run that has snapshots, and tests."""
    rows = []
    for protocol in protocols:
        shares = {} if protocol.counts_ever else protocol.snapshots or {}
        for epsilon in EPSILONS if shares else ():
            row = {"generator, method": protocol.title, "below": epsilon}
            for rule in protocol.rules:
                trials = len(protocol.results.groups[rule]["trial"])
                count = round(shares[rule][epsilon][-1] * trials)
                row[rule] = format_counted_share(count, trials)
            for pair, tests in shares["pairs"].items():
                test = tests[epsilon][-1]
                row[f"{pair}: only each, p"] = (
                    f"{test['only_first']:,}, {test['only_second']:,}, {test['p']:.2g}"
                    if test["only_first"] + test["only_second"]
                    else "-"
                )
            rows.append(row)
    return rows


def draw_prediction(protocols: Sequence[Protocol]) -> Figure:
    """Draw measured success against predicted success, for each run, rule and ε.

    The shape of a point stands for the run, its colour for the rule, its size for ε. Points of
    different rules are shifted sideways, because the prediction is the same for all.
    """
    figure = Figure(figsize=(8.4, 5.4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="share of trials, predicted by linear theory", ylabel="share of trials, measured"
    )
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    known = [each for each in protocols if each.theory and not each.counts_ever]
    handles = [_make_handle("o", RULES[rule].colour, rule) for rule in _list_rules(known)]
    for marker, protocol in zip(MARKERS, known, strict=False):
        handles.append(_make_handle(marker, "0.3", protocol.title))
        for rule in protocol.rules:
            place = list(RULES).index(rule)
            for point in _locate(protocol, rule):
                axes.errorbar(
                    point.predicted + DODGE * (place - 1),
                    point.measured,
                    yerr=[
                        [point.measured - point.interval[0]],
                        [point.interval[1] - point.measured],
                    ],
                    fmt=marker,
                    markersize=SIZES[point.epsilon],
                    color=RULES[rule].colour,
                    fillstyle="full" if point.at_end else "none",
                    elinewidth=0.7,
                    alpha=0.7,
                )
    handles += [_make_handle("o", "0.7", epsilon, size) for epsilon, size in SIZES.items()]
    handles.append(_make_handle("o", "0.3", "hollow: after 20,000 updates"))
    handles[-1].set_fillstyle("none")
    figure.legend(handles=handles, fontsize=8, loc="outside right upper")
    return figure


def _list_rules(protocols: Sequence[Protocol]) -> list[str]:
    return [rule for rule in RULES if any(rule in protocol.rules for protocol in protocols)]


def _make_handle(marker: str, colour: str, label: str, size: float = 6) -> Line2D:
    return Line2D([], [], color=colour, marker=marker, markersize=size, linestyle="", label=label)


class Point(NamedTuple):
    """A share of trials, predicted and measured."""

    epsilon: str
    predicted: float
    measured: float
    interval: tuple[float, float]
    at_end: bool  # False: at the last snapshot


def _locate(protocol: Protocol, rule: str) -> Iterator[Point]:
    """Yield success below each ε at the last snapshot, if there is one, and at the end."""
    assert protocol.theory
    trials = len(protocol.results.groups[rule]["trial"])
    for epsilon, limit in EPSILONS.items():
        measured = {True: float(protocol.find_successes(rule, limit).mean())}
        predicted = {True: protocol.theory["most"][epsilon]}
        if protocol.snapshots:
            measured[False] = protocol.snapshots[rule][epsilon][-1]
            predicted[False] = protocol.theory["snapshots"][-1][epsilon]
        for at_end, share in measured.items():
            interval = clopper_pearson(round(share * trials), trials)
            yield Point(epsilon, predicted[at_end], share, interval, at_end)


main = make_command(write_tables)

if __name__ == "__main__":
    main()
