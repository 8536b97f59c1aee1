"""When does a redraw help? The further course of first starts that failed.

    python -m benchmarks.reproduction.redraws docs/results --out docs/reproduction

Reads the results files of `keep.py`, and ends.json of `ends.py` in the output folder. Writes
redraws.md and redraws.json: failed first starts and their components at a bound; success within a
number of gradients, with redraws and with restarts alone; and whether ends at a bound are minima
inside the bounds. Needs no TensorFlow.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from ganinv_cli.number_format import format_number, format_share
from ganinv_cli.report.table import mean_or_none
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON, is_recovered, mcnemar

from .protocols import Protocol, read_protocols
from .write import format_exact_interval, make_command, write_sections

BUDGETS = (100, 200, 400, 1000, 5000)  # gradients per trial
RESTARTED, REDRAWN = "none", "stochastic"


def write_tables(folder: Path, out: Path, ends: Path) -> None:
    """Write redraws.md and redraws.json; `ends` is the file of `ends.py`, if it exists."""
    protocols = [each for each in read_protocols(folder) if not each.counts_ever]
    sections = {
        "Failed first starts": make_failures(protocols),
        "Do redraws cost trials?": make_redraws(protocols),
        f"Recovered below {SMALLEST_EPSILON} within a number of gradients": make_budgets(protocols),
        "Descent: one start with redraws, or several shorter ones": make_restarts(protocols),
        "Where failed first starts lead inside the bounds": (
            make_ends(json.loads(ends.read_text("utf-8"))) if ends.exists() else []
        ),
    }
    write_sections(sections, out / "redraws.md")


def make_failures(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return the first starts that failed without redraws, and how many of them are at a bound.

    Runs without failures are left out. `redraws recover` is the number of trials with a component
    at a bound that the stochastic rule recovered from the same start.
    """
    rows = []
    for protocol in protocols:
        for rule, epsilon in ((r, e) for r in (RESTARTED, "standard") for e in ("1e-3", "1e-1")):
            if rule not in protocol.rules or REDRAWN not in protocol.rules:
                continue
            failed = ~protocol.find_successes(rule, EPSILONS[epsilon])
            if not failed.any():
                continue
            bound = np.asarray(protocol.results.groups[rule]["first/at_bound"])
            freed = protocol.find_successes(REDRAWN, EPSILONS[epsilon])
            at_bound, others = failed & (bound > 0), failed & (bound == 0)
            rows.append(
                {
                    "generator, method": protocol.title,
                    "clipping": rule,
                    "failed at": f"{epsilon}: {failed.sum():,} of {len(failed):,}",
                    "at a bound": f"{at_bound.sum():,}",
                    "components there": format_number(mean_or_none(bound[failed])),
                    "of recovered ones": format_number(mean_or_none(bound[~failed])),
                    "redraws recover": f"{(at_bound & freed).sum():,} of {at_bound.sum():,}",
                    "and of the others": f"{(others & freed).sum():,} of {others.sum():,}",
                }
            )
    return rows


def make_redraws(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return the number of updates with a redraw, in failed and in recovered first starts."""
    rows = []
    for protocol in protocols:
        if REDRAWN not in protocol.rules:
            continue
        actions = np.asarray(protocol.results.groups[REDRAWN]["first/actions"])
        failed = ~protocol.find_successes(REDRAWN, EPSILONS["1e-3"])
        if failed.any() and not failed.all():
            test = mannwhitneyu(actions[failed], actions[~failed])
            rows.append(
                {
                    "generator, method": protocol.title,
                    "failed at 1e-3": f"{failed.sum():,} of {len(failed):,}",
                    "updates that redrew, median": format_number(float(np.median(actions[failed]))),
                    "of recovered ones": format_number(float(np.median(actions[~failed]))),
                    "p (Mann and Whitney)": f"{test.pvalue:.2g}",
                }
            )
    return rows


def make_budgets(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return success of both rules within a number of gradients per trial, restarts included.

    Under both rules, a start that stalls is replaced by a new one; the stochastic rule redraws
    components first. Runs without restarts, or without redraws, are left out.
    """
    rows = []
    for protocol in protocols:
        if protocol.config["restarts"] == 0 or not {RESTARTED, REDRAWN} <= set(protocol.rules):
            continue
        if not np.any(np.asarray(protocol.results.groups[REDRAWN]["actions"])):
            continue
        for budget in BUDGETS:
            restarted, redrawn = (
                _find_within(protocol, rule, budget) for rule in (RESTARTED, REDRAWN)
            )
            test = mcnemar(restarted, redrawn)
            rows.append(
                {
                    "generator, method": protocol.title,
                    "gradients": f"{budget:,}",
                    "restarts alone": _format_count(restarted),
                    "redraws, then restarts": _format_count(redrawn),
                    "only restarts": f"{test.only_first:,}",
                    "only redraws": f"{test.only_second:,}",
                    "p": f"{test.p:.2g}" if test.only_first + test.only_second else "-",
                }
            )
    return rows


def _find_within(protocol: Protocol, rule: str, budget: float) -> np.ndarray:
    group = protocol.results.groups[rule]
    recovered = is_recovered(np.asarray(group["z_error"]), EPSILONS[SMALLEST_EPSILON])
    return np.asarray(recovered & (np.asarray(group["gradients"]) <= budget))


def _format_count(found: np.ndarray) -> str:
    count, trials = int(found.sum()), len(found)
    return f"{count:,} of {trials:,} {format_exact_interval(count, trials)}"


def make_restarts(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return success of descent with redraws, and with the same gradients in shorter starts.

    Short starts are trials of the rule none at its last snapshot. They are treated as independent.
    Starts for the same z are not independent, so this is an upper limit for restarts.
    """
    rows = []
    for protocol in protocols:
        shares = protocol.snapshots
        if not shares or not {RESTARTED, REDRAWN} <= set(protocol.rules):
            continue
        short_updates = shares["gradients"][-1]
        starts = int((protocol.config["budget"] - 1) // short_updates)
        for epsilon in EPSILONS:
            short = shares[RESTARTED][epsilon][-1]
            redrawn = protocol.find_successes(REDRAWN, EPSILONS[epsilon])
            rows.append(
                {
                    "generator, method": protocol.title,
                    "below": epsilon,
                    f"{REDRAWN}, all updates": _format_count(redrawn),
                    f"{RESTARTED}, after {short_updates:,.0f}": format_share(short),
                    "starts": f"{starts}",
                    "all of them, at most": format_share(1 - (1 - short) ** starts),
                }
            )
    return rows


def make_ends(ends: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the ends of the failed starts that `ends.py` continued inside the bounds."""
    return [
        {
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
        for row in ends
    ]


main = make_command(lambda folder, out: write_tables(folder, out, out / "ends.json"))

if __name__ == "__main__":
    main()
