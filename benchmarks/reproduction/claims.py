"""The paper's claims, our measurements, and the verdicts.

The numbers come from the rows of the other tables; the words of the claims and the verdicts are
written here.
"""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.records import format_counted_share
from benchmarks.reproduction.redraws import mean_or_none
from benchmarks.reproduction.runs import Run
from benchmarks.reproduction.table2 import PAPER_RULES, RANDOM
from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import format_number, format_scientific, format_share
from ganinv_cli.report import summarize
from ganinv_cli.statistics import mcnemar

DESCENTS = ("faces16-authors", "faces16-stable", "faces32-authors", "faces32-stable")
NORMAL, UNIFORM = "gan-face-normal-preconditioned", "gan-face-uniform-preconditioned"
Row = dict[str, str]
Rows = Sequence[Row]


def make_sections(
    all_runs: Iterable[Run], table2: Mapping[str, Rows], figure2: Mapping[str, Rows]
) -> dict[str, Rows]:
    """Return the tables by their titles."""
    runs = {run.name: run for run in all_runs if not run.counts_ever}
    return {
        "Claims of Table 1": _list_table1(runs),
        "Claims of Table 2": _list_table2(table2),
        "Claims of Figure 2": _list_figure2(figure2),
    }


def _list_table1(runs: Mapping[str, Run]) -> Rows:
    authors, default = runs["faces16-authors"], runs["recover"]
    successes = default.find_successes("stochastic", "1e-4")
    acted = (default.read("stochastic", "first/acted") > 0).sum()
    (row,) = (
        each
        for each in summarize(default.results, "").tables["table1"]
        if each["technique"] == "stochastic"
    )
    stuck = (authors, "none"), (authors, "standard"), (runs[UNIFORM], "none")
    return [
        _make_row(
            "none < standard < stochastic",
            "; ".join(_describe_order(run) for run in (authors, runs[NORMAL], runs[UNIFORM])),
            "yes for stochastic clipping, if first starts fail",
        ),
        _make_row(
            "the same, if descent converges under every rule",
            "; ".join(_describe_order(runs[name]) for name in DESCENTS[1:]),
            "no difference",
        ),
        _make_row(
            "stochastic clipping recovers every z",
            f"{_list_shares(runs, 'stochastic')} by descent; {successes.sum():,} of "
            f"{len(successes):,} by L-BFGS on portraits64, where it acted in {acted}",
            "no by descent in 100,000 updates; yes by L-BFGS, which hardly tests the rule",
        ),
        _make_row(
            ".980 without clipping after 100,000 updates",
            _list_shares(runs, "none"),
            "reached if the rate suits the spectrum; on faces16 the rate alone matters",
        ),
        _make_row(
            'failures have components "stuck at either −1 or 1"',
            "; ".join(_describe_stuck(*each) for each in stuck),
            "the counts agree; but descent that is continued reaches the true z (below)",
        ),
        _make_row(
            "100,000 updates",
            f"{format_number(row['gradients_first_start'])} gradients per trial by L-BFGS on "
            "portraits64, its first start",
            "about a thousandth is enough",
        ),
        _make_row(
            'the reconstruction is "indistinguishable from the original"',
            "Figure 1 below",
            "not tested: people were not asked to compare them",
        ),
        _make_row(
            "(linear theory)",
            "; ".join(_describe_theory(run) for run in (authors, runs["faces16-stable"])),
            "predicts too much if the budget is short, and too little in no cell",
        ),
    ]


def _list_table2(tables: Mapping[str, Rows]) -> Rows:
    in_range = tables["Rules on an image in the generator's range"]
    unseen = tables["Rules on an unseen image"]
    base = tables["Table 2, one factor at a time"][0]
    minima = ", ".join(
        f"{row['at a minimum']} ({row['distinct minima']} different)" for row in unseen[:3]
    )
    return [
        _make_row(
            'inversions "appear unique even for unseen images"',
            f"{base['mean distance']} in the base cell, random z {format_scientific(RANDOM)}; at a "
            f"minimum are {minima} of {unseen[0]['recoveries']} (none, standard, stochastic)",
            "no, in no cell with an image outside the generator's range",
        ),
        _make_row(
            ", ".join(f"{r} {format_scientific(RULES[r].paper_distance)}" for r in PAPER_RULES),
            "; ".join(
                f"{_list_distances(rows)} (an image in the generator's range, {rows[0]['changed']})"
                for rows in (in_range[6:9], in_range[15:])
            ),
            "such distances remain after descent on an image in the generator's range",
        ),
        _make_row(
            "none > standard > stochastic",
            f"{_list_distances(unseen[:3])} by descent on a held-out portrait; "
            f"{_list_distances(unseen[3:])} by L-BFGS on portraits64",
            "the same order, but distances of the order of random z",
        ),
    ]


def _list_figure2(tables: Mapping[str, Rows]) -> Rows:
    slopes = _group(tables["Slope of log error against log variance"])
    tests = _group(tables["Standard and stochastic clipping compared"])
    return [
        _make_row(
            'the error "grows proportional to added noise"',
            "; ".join(
                f"{title}: slope to a variance of .01 {', '.join(row['to .01'] for row in rows)}, "
                f"over all variances {', '.join(row['all variances'] for row in rows)}"
                for title, rows in slopes.items()
                if title.endswith("not clipped")
            ),
            "by L-BFGS while noise is small; by descent less than in proportion",
        ),
        _make_row(
            '"stochastic clipping appears more robust to noise than other methods"',
            "; ".join(_describe_robustness(title, rows) for title, rows in tests.items()),
            "yes by descent; no by L-BFGS, though it acts there as often",
        ),
    ]


def _make_row(claim: str, measured: str, verdict: str) -> Row:
    return {"the paper says": claim, "measured here": measured, "verdict": verdict}


def _list_shares(runs: Mapping[str, Run], rule: str) -> str:
    """Return the share of z that each descent recovered."""
    found = {runs[name].title: runs[name].find_successes(rule, "1e-4") for name in DESCENTS}
    return ", ".join(
        f"{format_counted_share(int(each.sum()), len(each))} ({title})"
        for title, each in found.items()
    )


def _describe_order(run: Run) -> str:
    """Return the shares below the least ε, and McNemar's test of stochastic clipping."""
    found = {rule: run.find_successes(rule, "1e-4") for rule in PAPER_RULES}
    shares = ", ".join(format_share(float(each.mean())) for each in found.values())
    tests = (mcnemar(found[rule], found["stochastic"]) for rule in ("none", "standard"))
    p = " and ".join(f"{test.p:.1g}" for test in tests)
    return f"{run.title}: {shares} (stochastic against the others: p = {p})"


def _describe_stuck(run: Run, rule: str) -> str:
    failed = ~run.find_successes(rule, "1e-3")
    bound = run.read(rule, "first/at_bound")
    return (
        f"{run.title}, {rule}: {(failed & (bound > 0)).sum()} of {failed.sum()} failures, "
        f"{format_number(mean_or_none(bound[failed]))} components on average (recovered ones "
        f"{format_number(mean_or_none(bound[~failed]))})"
    )


def _describe_theory(run: Run) -> str:
    shares = (float(run.find_successes(rule, "1e-4").mean()) for rule in PAPER_RULES)
    predicted = format_share((run.theory or {})["most"]["1e-4"])
    return f"{run.title}: {predicted} predicted, {', '.join(map(format_share, shares))} measured"


def _list_distances(rows: Rows) -> str:
    return ", ".join(row["mean distance"] for row in rows)


def _group(rows: Rows) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["method, pixels"], []).append(row)
    return groups


def _describe_robustness(title: str, rows: Rows) -> str:
    """Return the number of variances at which stochastic clipping is nearer than standard."""
    significant = [row for row in rows if float(row["p (Holm)"]) < 0.05]
    nearer = sum(int(r["stochastic nearer"]) > int(r["standard nearer"]) for r in significant)
    return (
        f"{title}: nearer than standard at {nearer} of {len(rows)} variances, "
        f"farther at {len(significant) - nearer} (p < .05 after Holm's correction)"
    )
