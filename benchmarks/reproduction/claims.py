"""The paper's claims, our measurements, and the verdicts: three tables made from kept results.

    python -m benchmarks.reproduction.claims docs/results --out docs/reproduction

The numbers are computed; the words of the claims and the verdicts are written here. Writes
claims.md and claims.json. Needs no TensorFlow.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganinv_cli.analysis.groups import share_gradients
from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import format_number, format_scientific, format_share
from ganinv_cli.report.table import mean_or_none
from ganinv_cli.statistics import EPSILONS, mcnemar

from . import figure2
from .cells import BASE, PAPER_RULES, RULES_IN_RANGE, RULES_UNSEEN, Cell, read_cell
from .protocols import Protocol, read_protocols
from .table2 import RANDOM, measure
from .write import format_counted_share, make_command, write_sections

DESCENTS = ("faces16-authors", "faces16-stable", "faces32-authors", "faces32-stable")
PUBLIC = ("gan-face-normal-preconditioned", "gan-face-uniform-preconditioned")
DEFAULT = "recover"
PAIRS = (("none", "stochastic"), ("standard", "stochastic"))
LEAST = "1e-4"

Row = dict[str, str]
Runs = dict[str, Protocol]


def write_tables(folder: Path, out: Path) -> None:
    """Write claims.md and claims.json."""
    runs = {each.name: each for each in read_protocols(folder) if not each.counts_ever}
    write_sections(
        {
            "Claims of Table 1": make_table1_claims(runs),
            "Claims of Table 2": make_table2_claims(folder),
            "Claims of Figure 2": make_figure2_claims(folder),
        },
        out / "claims.md",
    )


def make_table1_claims(runs: Runs) -> list[Row]:
    """Return the claims of Table 1 and of the text around it."""
    authors, stable = runs["faces16-authors"], runs["faces16-stable"]
    return [
        _make_row(
            "none < standard < stochastic",
            "; ".join(_describe_order(runs[name]) for name in ("faces16-authors", *PUBLIC)),
            "yes for stochastic clipping, if first starts fail",
        ),
        _make_row(
            "the same, if descent converges under every rule",
            "; ".join(_describe_order(runs[name]) for name in DESCENTS[1:]),
            "no difference",
        ),
        _make_row(
            "stochastic clipping recovers every z",
            f"{_list_successes(runs, DESCENTS, 'stochastic')} by descent; "
            f"{_count(runs[DEFAULT], 'stochastic')} by L-BFGS on portraits64, where it acted in "
            f"{_count_acted(runs[DEFAULT], 'stochastic')}",
            "no by descent in 100,000 updates; yes by L-BFGS, which hardly tests the rule",
        ),
        _make_row(
            ".980 without clipping after 100,000 updates",
            _list_successes(runs, DESCENTS, "none"),
            "reached if the rate suits the spectrum; on faces16 the rate alone matters",
        ),
        _make_row(
            'failures have components "stuck at either −1 or 1"',
            "; ".join(
                _describe_stuck(runs[name], rule)
                for name, rule in (
                    ("faces16-authors", "none"),
                    ("faces16-authors", "standard"),
                    ("gan-face-uniform-preconditioned", "none"),
                )
            ),
            "the counts agree; but descent that is continued reaches the true z (below)",
        ),
        _make_row(
            "100,000 updates",
            f"{format_number(_mean_gradients(runs[DEFAULT]))} gradients per trial by L-BFGS on "
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
            "; ".join(_describe_theory(each) for each in (authors, stable)),
            "predicts too much if the budget is short, and too little in no cell",
        ),
    ]


def make_table2_claims(folder: Path) -> list[Row]:
    """Return the claims of Table 2."""
    descent, lbfgs = _group_by_factor(RULES_UNSEEN)
    _, _, in_range, _, _, in_range16 = _group_by_factor(RULES_IN_RANGE)
    base = read_cell(folder, BASE)
    assert base is not None
    return [
        _make_row(
            'inversions "appear unique even for unseen images"',
            f"{format_scientific(measure(base).mean)} in the base cell, random z "
            f"{format_scientific(RANDOM)}; {_describe_minima(folder, descent)}",
            "no, in no cell with an image outside the generator's range",
        ),
        _make_row(
            ", ".join(
                f"{rule} {format_scientific(RULES[rule].paper_distance)}" for rule in PAPER_RULES
            ),
            "; ".join(
                f"{_list_means(folder, cells)} (an image in the generator's range, "
                f"{cells[0].factor})"
                for cells in (in_range, in_range16)
            ),
            "such distances remain after descent on an image in the generator's range",
        ),
        _make_row(
            "none > standard > stochastic",
            f"{_list_means(folder, descent)} by descent on a held-out portrait; "
            f"{_list_means(folder, lbfgs)} by L-BFGS on portraits64",
            "the same order, but distances of the order of random z",
        ),
    ]


def make_figure2_claims(folder: Path) -> list[Row]:
    """Return the claims of Figure 2."""
    sweeps = figure2.read_sweeps(folder)
    return [
        _make_row(
            'the error "grows proportional to added noise"',
            "; ".join(
                f"{sweep.title}: slope to a variance of .01 {_list_slopes(sweep, 'to .01')}, over "
                f"all variances {_list_slopes(sweep, 'all variances')}"
                for sweep in sweeps
                if sweep.pixels == "not clipped"
            ),
            "by L-BFGS while noise is small; by descent less than in proportion",
        ),
        _make_row(
            '"stochastic clipping appears more robust to noise than other methods"',
            "; ".join(_describe_robustness(sweep) for sweep in sweeps),
            "yes by descent; no by L-BFGS, though it acts there as often",
        ),
    ]


def _make_row(claim: str, measured: str, verdict: str) -> Row:
    return {"the paper says": claim, "measured here": measured, "verdict": verdict}


def _count(run: Protocol, rule: str, epsilon: str = LEAST) -> str:
    successes = run.find_successes(rule, EPSILONS[epsilon])
    return f"{int(successes.sum()):,} of {len(successes):,}"


def _count_acted(run: Protocol, rule: str) -> int:
    return int(np.sum(np.asarray(run.results.groups[rule]["first/acted"]) > 0))


def _list_successes(runs: Runs, names: Sequence[str], rule: str) -> str:
    return ", ".join(f"{_share(runs[name], rule)} ({runs[name].title})" for name in names)


def _share(run: Protocol, rule: str) -> str:
    successes = run.find_successes(rule, EPSILONS[LEAST])
    return format_counted_share(int(successes.sum()), len(successes))


def _describe_order(run: Protocol) -> str:
    """Return the shares below the least ε, and McNemar's test of stochastic clipping."""
    found = {rule: run.find_successes(rule, EPSILONS[LEAST]) for rule in PAPER_RULES}
    shares = ", ".join(format_share(float(each.mean())) for each in found.values())
    tests = " and ".join(f"{mcnemar(found[one], found[other]).p:.1g}" for one, other in PAIRS)
    return f"{run.title}: {shares} (stochastic against the others: p = {tests})"


def _describe_stuck(run: Protocol, rule: str) -> str:
    failed = ~run.find_successes(rule, EPSILONS["1e-3"])
    bound = np.asarray(run.results.groups[rule]["first/at_bound"])
    return (
        f"{run.title}, {rule}: {np.sum(failed & (bound > 0))} of {failed.sum()} failures, "
        f"{format_number(mean_or_none(bound[failed]))} components on average (recovered ones "
        f"{format_number(mean_or_none(bound[~failed]))})"
    )


def _describe_theory(run: Protocol) -> str:
    assert run.theory is not None
    measured = ", ".join(
        format_share(float(run.find_successes(rule, EPSILONS[LEAST]).mean()))
        for rule in PAPER_RULES
    )
    return f"{run.title}: {format_share(run.theory['most'][LEAST])} predicted, {measured} measured"


def _mean_gradients(run: Protocol) -> float:
    """Return the gradients of a first start, with its share of the preconditioner's cost."""
    group = run.results.groups["stochastic"]
    return float(np.mean(group["first/gradients"])) + share_gradients(run.results)


def _group_by_factor(cells: Sequence[Cell]) -> list[list[Cell]]:
    factors = dict.fromkeys(cell.factor for cell in cells)
    return [[cell for cell in cells if cell.factor == factor] for factor in factors]


def _list_means(folder: Path, cells: Sequence[Cell]) -> str:
    found = [read_cell(folder, cell) for cell in cells]
    return ", ".join(format_scientific(measure(data).mean) for data in found if data)


def _describe_minima(folder: Path, cells: Sequence[Cell]) -> str:
    """Return how many recoveries passed the test for a minimum, and how many differ."""
    measured = [measure(data) for cell in cells if (data := read_cell(folder, cell))]
    counts = ", ".join(f"{each.passed} ({each.minima} different)" for each in measured)
    return f"at a minimum are {counts} of {measured[0].recoveries} (none, standard, stochastic)"


def _list_slopes(sweep: figure2.Sweep, over: str) -> str:
    return ", ".join(row[over] for row in figure2.make_slopes(sweep))


def _describe_robustness(sweep: figure2.Sweep) -> str:
    """Return the number of variances at which stochastic clipping is nearer than standard."""
    tests = figure2.make_comparisons(sweep, "standard", "stochastic")
    if not tests:
        return f"{sweep.title}: the two rules did the same"
    significant = [test for test in tests if float(test["p (Holm)"]) < 0.05]
    nearer = [
        test
        for test in significant
        if int(test["stochastic nearer"]) > int(test["standard nearer"])
    ]
    return (
        f"{sweep.title}: nearer than standard at {len(nearer)} of {len(tests)} variances, "
        f"farther at {len(significant) - len(nearer)} (p < .05 after Holm's correction)"
    )


main = make_command(write_tables)

if __name__ == "__main__":
    main()
