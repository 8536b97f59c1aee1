"""When does a redraw help? The further course of first starts that failed."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from benchmarks.records import format_exact_interval
from benchmarks.reproduction.runs import Run
from ganinv_cli.number_format import format_number, format_share
from ganinv_cli.report.table import mean_or_none
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON, is_recovered, mcnemar

BUDGETS = (100, 200, 400, 1000, 5000)  # gradients per trial
RESTARTED, REDRAWN = "none", "stochastic"
Rows = list[dict[str, str]]


def make_sections(runs: Sequence[Run], ends: Sequence[dict[str, Any]]) -> dict[str, Rows]:
    """Return the tables by their titles; `ends` has the counts of continued first starts."""
    known = [run for run in runs if not run.counts_ever and REDRAWN in run.rules]
    both = [run for run in known if RESTARTED in run.rules]
    return {
        "Failed first starts": list(_list_failures(known)),
        "Do redraws cost trials?": list(_list_redraws(known)),
        f"Recovered below {SMALLEST_EPSILON} within a number of gradients": list(
            _list_budgets(both)
        ),
        "Descent: one start with redraws, or several shorter ones": list(_list_restarts(both)),
        "Where failed first starts lead inside the bounds": [_make_end(row) for row in ends],
    }


def _list_failures(runs: Sequence[Run]) -> Iterator[dict[str, str]]:
    """Yield the first starts that failed without redraws, and how many of them are at a bound.

    `redraws recover` is the number of trials with a component at a bound that the stochastic rule
    recovered from the same start.
    """
    for run in runs:
        for rule in (each for each in (RESTARTED, "standard") if each in run.rules):
            for epsilon in ("1e-3", "1e-1"):
                failed = ~run.find_successes(rule, epsilon)
                if not failed.any():
                    continue
                bound = run.read(rule, "first/at_bound")
                freed = run.find_successes(REDRAWN, epsilon)
                at_bound, others = failed & (bound > 0), failed & (bound == 0)
                yield {
                    "generator, method": run.title,
                    "clipping": rule,
                    "failed at": f"{epsilon}: {failed.sum():,} of {len(failed):,}",
                    "at a bound": f"{at_bound.sum():,}",
                    "components there": format_number(mean_or_none(bound[failed])),
                    "of recovered ones": format_number(mean_or_none(bound[~failed])),
                    "redraws recover": f"{(at_bound & freed).sum():,} of {at_bound.sum():,}",
                    "and of the others": f"{(others & freed).sum():,} of {others.sum():,}",
                }


def _list_redraws(runs: Sequence[Run]) -> Iterator[dict[str, str]]:
    """Yield the number of updates with a redraw, in failed and in recovered first starts."""
    for run in runs:
        actions = run.read(REDRAWN, "first/actions")
        failed = ~run.find_successes(REDRAWN, "1e-3")
        if failed.any() and not failed.all():
            test = mannwhitneyu(actions[failed], actions[~failed])
            yield {
                "generator, method": run.title,
                "failed at 1e-3": f"{failed.sum():,} of {len(failed):,}",
                "updates that redrew, median": format_number(float(np.median(actions[failed]))),
                "of recovered ones": format_number(float(np.median(actions[~failed]))),
                "p (Mann and Whitney)": f"{test.pvalue:.2g}",
            }


def _list_budgets(runs: Sequence[Run]) -> Iterator[dict[str, str]]:
    """Yield success of both rules within a number of gradients per trial, restarts included.

    Under both rules, a start that stalls is replaced by a new one; the stochastic rule redraws
    components first. Runs without restarts, or without redraws, are left out.
    """
    for run in runs:
        if run.config["restarts"] == 0 or not run.read(REDRAWN, "actions").any():
            continue
        for budget in BUDGETS:
            restarted, redrawn = (_find_within(run, rule, budget) for rule in (RESTARTED, REDRAWN))
            test = mcnemar(restarted, redrawn)
            yield {
                "generator, method": run.title,
                "gradients": f"{budget:,}",
                "restarts alone": _format_count(restarted),
                "redraws, then restarts": _format_count(redrawn),
                "only restarts": f"{test.only_first:,}",
                "only redraws": f"{test.only_second:,}",
                "p": f"{test.p:.2g}" if test.only_first + test.only_second else "-",
            }


def _find_within(run: Run, rule: str, budget: float) -> np.ndarray:
    recovered = is_recovered(run.read(rule, "z_error"), EPSILONS[SMALLEST_EPSILON])
    return np.asarray(recovered & (run.read(rule, "gradients") <= budget))


def _format_count(found: np.ndarray) -> str:
    count, trials = int(found.sum()), len(found)
    return f"{count:,} of {trials:,} {format_exact_interval(count, trials)}"


def _list_restarts(runs: Sequence[Run]) -> Iterator[dict[str, str]]:
    """Yield success of descent with redraws, and with the same gradients in shorter starts.

    Short starts are trials of the rule none at its last snapshot. They are treated as independent.
    Starts for the same z are not independent, so this is an upper limit for restarts.
    """
    for run in (each for each in runs if each.snapshots):
        shares = run.snapshots or {}
        updates = shares["gradients"][-1]
        starts = int((run.config["budget"] - 1) // updates)
        for epsilon in EPSILONS:
            short = shares[RESTARTED][epsilon][-1]
            yield {
                "generator, method": run.title,
                "below": epsilon,
                f"{REDRAWN}, all updates": _format_count(run.find_successes(REDRAWN, epsilon)),
                f"{RESTARTED}, after {updates:,.0f}": format_share(short),
                "starts": f"{starts}",
                "all of them, at most": format_share(1 - (1 - short) ** starts),
            }


def _make_end(row: dict[str, Any]) -> dict[str, str]:
    """Return where failed first starts led that were continued inside the bounds."""
    return {
        "generator, method": row["title"],
        "clipping": row["rule"],
        "failed at 1e-3": f"{row['failed']:,}",
        "continued": f"{row['continued']:,}",
        "lead to the true z": f"{row['true']:,}",
        "a minimum, some components at a bound": f"{row['minimum_at_bound']:,}",
        "a minimum, none at a bound": f"{row['minimum_inside']:,}",
        "not settled": f"{row['unsettled']:,}",
        "components at a bound, mean": format_number(row["components_at_bound"]),
    }
