"""The paper's Table 1 by the paper's method: every kept run of gradient descent in one table."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from benchmarks.records import format_counted_share
from benchmarks.reproduction.runs import Run
from ganinv_cli.clipping import RULES
from ganinv_cli.results.statistics import EPSILONS, mcnemar

SMALLEST_EPSILON = next(iter(EPSILONS))
TESTED = ("1e-4", "1e-3", "1e-2")
Rows = list[dict[str, str]]


def make_sections(runs: Sequence[Run]) -> dict[str, Rows]:
    """Return the tables by their titles."""
    descents = [run for run in runs if run.is_descent]
    others = [run for run in runs if not run.is_descent]
    paper = list(_list_paper_rows())
    return {
        "Table 1 by the paper's method": [*paper, *list_shares(descents)],
        "The rules where they differ": list(_compare_with_paper(descents, paper)),
        "First starts of L-BFGS": list(list_shares(others)),
        "McNemar's exact test of first starts": list(_list_tests(runs)),
    }


def _list_paper_rows() -> Iterator[dict[str, str]]:
    for rule in RULES.values():
        if rule.paper_shares:
            shares = zip(EPSILONS, rule.paper_shares, strict=True)
            cells = {name: format_counted_share(round(1000 * s), 1000) for name, s in shares}
            head = {"generator, method": "the paper's", "clipping": rule.name, "trials": "1,000"}
            yield head | cells


def list_shares(runs: Sequence[Run]) -> Iterator[dict[str, str]]:
    """Yield success of each run under each rule, at its end."""
    for run in runs:
        for rule in run.rules:
            trials = run.trials
            counts = {name: int(run.find_successes(rule, name).sum()) for name in EPSILONS}
            row = {"generator, method": run.title, "clipping": rule, "trials": f"{trials:,}"}
            row |= {name: format_counted_share(count, trials) for name, count in counts.items()}
            row["acted"] = f"{(run.read(rule, 'first/acted') > 0).sum():,}"
            yield row


def _compare_with_paper(runs: Sequence[Run], paper: Rows) -> Iterator[dict[str, str]]:
    """Yield the rows of the run with the most rules beside the paper's, for the README."""
    run = max(runs, key=lambda each: len(each.rules))
    theirs = {row["clipping"]: row[SMALLEST_EPSILON].partition(" ")[0] for row in paper}
    for row in list_shares([run]):
        yield {
            "clipping": row["clipping"],
            f"{SMALLEST_EPSILON}, the paper": theirs.get(row["clipping"], "-"),
            f"{SMALLEST_EPSILON}, {run.title}": row[SMALLEST_EPSILON],
            **{name: row[name] for name in ("1e-3", "1e-2")},
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
