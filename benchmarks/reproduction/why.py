"""Why stochastic clipping helps: the first plan of docs/reproduction/jumps.md.

Every number is from kept results of seed 2: `faces16-five.h5` and the files beside it.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import binom

from benchmarks.records import format_counted_share
from benchmarks.reproduction.extrapolation import list_extrapolations
from benchmarks.reproduction.runs import Run
from ganinv_cli.generators import formats
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.results.number_format import format_scientific, format_share
from ganinv_cli.results.statistics import EPSILONS, holm, mcnemar, wilcoxon
from ganinv_cli.results.store import read_results
from ganinv_cli.settings.shipped import find

FIVE, STABLE = "faces16-five", "faces16-stable-four"  # the same trials at two rates
LARGER = "faces32-authors-100"  # a larger generator
OTHERS = (  # c, f, b of the plan
    "portraits64-three",
    "gan-face-uniform-five",
    "gan-face-normal-five",
    STABLE,
    LARGER,
)
SIGNIFICANT = 0.05  # p of a test is below it
NOISY = "figure2-zero.h5"
PRIORS = "figure2-priors.npz"
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
        "Power of McNemar's test": list(_list_powers(by_name[STABLE], by_name[LARGER])),
        "Noise: rules and proper priors": list(_compare_priors(folder)),
        "Extrapolated from 20,000 updates": [
            row for run in by_name.values() for row in list_extrapolations(run)
        ],
        "Batch statistics, without one scale and one shift of z": list(
            _list_rescaled(by_name["faces16-code"])
        ),
    }


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


def _list_powers(run: Run, tested: Run) -> Iterator[dict[str, str]]:
    """Yield the power of the tests of `tested`, if its rules differ as much as those of `run`."""
    for first, second in combinations(tested.rules, 2):
        for name in TESTED:
            found = mcnemar(*(run.find_successes(rule, name) for rule in (first, second)))
            shares = found.only_first / run.trials, found.only_second / run.trials
            yield {
                "rules": f"{first}, {second}",
                "below": name,
                f"only each, of {run.trials}": f"{found.only_first}, {found.only_second}",
                f"power, {tested.trials} trials": f"{find_power(*shares, tested.trials):.2f}",
            }


def find_power(only_first: float, only_second: float, trials: int) -> float:
    """Return how often McNemar's exact test is significant, from the shares of trials that differ.

    The number of trials that differ is binomial, and so is how many of them the first rule wins.
    """
    power = 0.0
    for differing in range(1, trials + 1):
        won = np.arange(differing + 1)
        p = 2 * binom.cdf(np.minimum(won, differing - won), differing, 0.5)
        chance = binom.pmf(won, differing, only_first / (only_first + only_second))
        power += (
            binom.pmf(differing, trials, only_first + only_second) * chance[p < SIGNIFICANT].sum()
        )
    return float(power)


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
