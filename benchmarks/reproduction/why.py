"""Why stochastic clipping helps: the study whose endpoints docs/reproduction/plan.md fixed.

Every number is from kept results of seed 2: `faces16-five.h5` and the files beside it.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.jumps.tables import count_best_rates, read_blocks
from benchmarks.records import format_counted_share
from benchmarks.reproduction.extrapolation import list_extrapolations
from benchmarks.reproduction.runs import Run
from ganinv_cli import formats
from ganinv_cli.clipping import RULES
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.number_format import format_scientific, format_share
from ganinv_cli.settings.shipped import find
from ganinv_cli.statistics import (
    EPSILONS,
    clopper_pearson,
    holm,
    mcnemar,
    wilcoxon,
)
from ganinv_cli.store import read_results

FIVE, STABLE = "faces16-five", "faces16-stable-four"  # the same trials at two rates
OTHERS = (  # c, f, b of the plan
    "portraits64-three",
    "gan-face-uniform-five",
    "gan-face-normal-five",
    STABLE,
)
NOISY = "figure2-zero.h5"
PRIORS = "figure2-priors.npz"
MIXTURES, SHARES = "mixtures.h5", (1, 0.98, 0.9, 0.75, 0.5, 0)  # of G(z); the rest is a portrait
DRAWN = (FIVE, STABLE, "faces32-authors", "faces32-stable")
BEST = "rates-faces16"
PRIMARY = "1e-3"
SHOWN, TESTED = ("1e-4", "1e-3", "1e-2"), ("1e-4", "1e-3")
Rows = list[dict[str, str]]


def make_sections(runs: Sequence[Run], folder: Path) -> dict[str, Rows]:
    """Return the tables by their titles."""
    by_name = {run.name: run for run in runs}  # counted at the end, which comes last
    five = by_name[FIVE]
    others = [by_name[name] for name in OTHERS if name in by_name]
    return {
        "Pairs of rules": list(_list_pairs(five)),
        "The way, or the end?": list(_compare_ends(five)),
        "Other runs": [
            {"generator, method": run.title} | row for run in others for row in _list_shares(run)
        ],
        "Pairs of rules in other runs": [
            {"generator, method": run.title} | row for run in others for row in _list_pairs(run)
        ],
        "Noise: rules and proper priors": list(_compare_priors(folder)),
        "From a picture of the generator to a portrait": list(_count_minima(folder)),
        "Extrapolated from 20,000 updates": [
            row for run in by_name.values() for row in list_extrapolations(run)
        ],
        "Batch statistics, without one scale and one shift of z": list(
            _list_rescaled(by_name["faces16-code"])
        ),
    }


def draw_rules(runs: Sequence[Run], folder: Path) -> Figure:
    """Draw the share below ε by run and rule, with intervals, and at best rates against updates."""
    by_name = {run.name: run for run in runs}
    figure = Figure(figsize=(9.2, 3.8), layout="constrained")
    shares, curves = figure.subplots(1, 2, width_ratios=(3, 2))
    for column, name in enumerate(DRAWN):
        run = by_name[name]
        for place, rule in enumerate(run.rules):
            count = int(run.find_successes(rule, PRIMARY).sum())
            low, high = clopper_pearson(count, run.trials)
            share = count / run.trials
            x = column + 0.14 * (place - (len(run.rules) - 1) / 2)
            ends = [[share - low], [high - share]]
            shares.errorbar(x, share, ends, fmt="o", markersize=5, color=RULES[rule].colour)
    for rule in by_name[FIVE].rules:
        shares.errorbar([], [], fmt="o", markersize=5, color=RULES[rule].colour, label=rule)
    tested = [*count_best_rates(read_blocks(folder / "jumps" / BEST))]
    for rule in tested[0].below:
        colour = RULES[rule].colour if rule in RULES else "black"
        below = [each.below[rule].mean() for each in tested]
        curves.plot(
            [each.updates for each in tested], below, "o-", markersize=4, color=colour, label=rule
        )
    shares.set_xticks(
        range(len(DRAWN)), [by_name[name].title.replace(", ", ",\n") for name in DRAWN]
    )
    shares.set(ylabel=f"share of trials with an error of z below {PRIMARY}", ylim=(0, 1.03))
    curves.set(xscale="log", xlabel="updates", ylim=(0, 1.03))
    curves.set_title("faces16, each rule at its best rate")
    shares.legend(fontsize=8, loc="lower left")
    curves.legend(fontsize=8, loc=(0.22, 0.4))
    return figure


def _list_shares(run: Run) -> Iterator[dict[str, str]]:
    for rule in run.rules:
        counts = {name: int(run.find_successes(rule, name).sum()) for name in SHOWN}
        yield {
            "clipping": rule,
            **{name: format_counted_share(count, run.trials) for name, count in counts.items()},
            "median error": format_scientific(np.median(run.read(rule, "z_error"))),
            "image loss": format_scientific(np.median(run.read(rule, "image_loss"))),
        }


def _list_pairs(run: Run) -> Iterator[dict[str, str]]:
    """Yield the tests of each pair of rules, paired by trial.

    Holm's correction is for the pairs that the plan names, of the first study alone: `zero` with
    each other rule, and `stochastic` with `none` and `standard`.
    """
    tests = {}
    for first, second in combinations(run.rules, 2):
        logs = (np.log(run.read(rule, "z_error")) for rule in (first, second))
        tests[first, second] = wilcoxon(*logs)
    named = [
        pair
        for pair in tests
        if run.name == FIVE
        and ("zero" in pair or set(pair) in ({"none", "stochastic"}, {"standard", "stochastic"}))
    ]
    corrected = dict(zip(named, holm([tests[pair].p for pair in named]), strict=True))
    for pair, test in tests.items():
        first, second = pair
        nearer = np.sum(run.read(second, "z_error") < run.read(first, "z_error"))
        below = {
            name: mcnemar(*(run.find_successes(rule, name) for rule in pair)) for name in TESTED
        }
        in_plan = {"p, Holm": f"{corrected[pair]:.2g}" if pair in corrected else "-"}
        yield {
            "rules": f"{first}, {second}",
            "second nearer": f"{nearer:,} of {test.trials:,}",
            "ratio of errors, median": f"{np.exp(-test.median_difference):.2f}",
            "p": f"{test.p:.2g}",
            **(in_plan if corrected else {}),
            **{
                f"only each below {name}": f"{each.only_first}, {each.only_second} (p {each.p:.2g})"
                for name, each in below.items()
            },
        }


def _compare_priors(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the median error of each rule, and of two methods that know the prior, by variance.

    The test is of the nearest rule and the penalty, on the logarithms of the errors, paired.
    """
    results, others = read_results(folder / NOISY), np.load(folder / PRIORS)
    for place, variance in enumerate(others["variances"]):
        errors = {
            rule: np.asarray(results.groups[f"variance={variance:g}/{rule}"]["first/z_error"])
            for rule in results.attributes["config"]["clip"]
        }
        errors |= zip(others["methods"], others["errors"][:, place], strict=True)
        medians = {name: float(np.median(each)) for name, each in errors.items()}
        rule = min(results.attributes["config"]["clip"], key=lambda name: medians[name])
        nearer = np.sum(errors[rule] < errors["penalty"])
        test = wilcoxon(*(np.log(errors[name]) for name in (rule, "penalty")))
        yield {
            "variance": f"{variance:g}",
            **{name: format_scientific(median) for name, median in medians.items()},
            "nearest rule": rule,
            "nearer than the penalty": f"{nearer} of {test.trials}",
            "p": f"{test.p:.2g}",
        }


def _count_minima(folder: Path) -> Iterator[dict[str, str]]:
    """Yield how many z explain mixtures of a generator's picture and a portrait, for each pair."""
    rows = summarize(read_results(folder / MIXTURES), MIXTURES).tables["table2"]
    for place, share in enumerate(SHARES):
        yield {"share of G(z)": f"{share:g}"} | {
            f"pair {number}": f"{row['minima']['distinct']} of {row['recoveries']}, "
            f"{format_scientific(row['distance']['mean'])} apart"
            for number, row in enumerate(rows[place :: len(SHARES)], start=1)
        }


def _compare_ends(run: Run) -> Iterator[dict[str, str]]:
    """Yield errors and image losses of `none` with the components outside moved at the end."""
    config = run.config
    generator = make_generator(formats.read(find("checkpoint", config["checkpoint"])))
    z_true = np.asarray(run.results.groups[""]["z_true"], np.float64)
    prior, found = generator.prior, run.read("none", "z_found")
    outside = (found < prior.low) | (found > prior.high)
    ends = {
        "none": found,
        "none, then outside to the bound": found.clip(prior.low, prior.high),
        "none, then outside to 0": np.where(outside, 0, found),
        **{rule: run.read(rule, "z_found") for rule in run.rules if rule != "none"},
    }
    targets = generator.render(z_true, len(z_true)).astype(np.float64)
    for name, z in ends.items():
        pictures = generator.render(z, len(z)).astype(np.float64)
        yield {
            "z": name,
            "median error": format_scientific(np.median(np.mean((z - z_true) ** 2, axis=1))),
            "median image loss": format_scientific(
                np.median(np.sum((pictures - targets) ** 2, axis=(1, 2, 3)))
            ),
        }


def _list_rescaled(run: Run) -> Iterator[dict[str, str]]:
    """Yield shares after the scale of all z, and a shift of each component, are fitted to z_true.

    Batch statistics hide both: a batch norm subtracts the mean of its batch, and divides by its
    deviation.
    """
    z_true = np.asarray(run.results.groups[""]["z_true"], np.float64)
    right = z_true - z_true.mean(axis=0)
    for rule in run.rules:
        found = run.read(rule, "z_found")
        moved = found - found.mean(axis=0)
        scale = np.sum(moved * right) / np.sum(moved**2)
        errors = np.mean((scale * moved - right) ** 2, axis=1)
        yield {
            "clipping": rule,
            "trials": f"{len(errors):,}",
            "scale": f"{1 / scale:.3f}",
            **{name: format_share(np.mean(errors < each)) for name, each in EPSILONS.items()},
        }
