"""The paper's Table 1 by the paper's method: every kept run of plain descent in one table.

    python benchmarks/reproduction/table1.py docs/results --out docs/reproduction

Reads the results files of FOLDER that `keep.py` wrote, and the theory beside them. Writes table1.md
(Table 1, failed starts, tests), table1.json and predicted.png: success as linear theory predicts it
against success as it was measured. Needs no TensorFlow.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from matplotlib.figure import Figure
from tabulate import tabulate

from ganinv_cli.clipping import RULES, ClippingRule
from ganinv_cli.report.output.number_format import format_interval, format_number, format_share
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON, clopper_pearson
from ganinv_cli.statistics.paired import mcnemar
from ganinv_cli.store import Results, read_results

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
Group = Any  # the columns of a rule, by name


class Protocol(NamedTuple):
    """One run: a generator, a rate and a way of counting."""

    name: str  # of its file
    generator: str
    rate: float
    counts: str  # "end" or "ever"
    coupled: bool  # whether batch norm takes its statistics from the batch
    results: Results
    theory: dict[str, Any] | None

    @property
    def title(self) -> str:
        """The generator, the rate, and what differs from the paper's text."""
        code = [
            *(["batch statistics"] if self.coupled else []),
            *(["ever"] if self.counts == "ever" else []),
        ]
        return ", ".join((f"{self.generator}, rate {self.rate:g}", *code))

    @property
    def rules(self) -> list[str]:
        """The clipping rules that were run."""
        return list(self.results.attributes["config"]["clip"])

    def find_successes(self, rule: str, epsilon: float) -> np.ndarray:
        """Return which trials count as recovered, bool (trials,)."""
        column = "z_error_least" if self.counts == "ever" else "z_error"
        return np.asarray(self.results.groups[rule][column]) < epsilon


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
def main(folder: Path, out: Path) -> None:
    """Write the tables and the figure."""
    protocols = list(read_protocols(folder))
    if not protocols:
        raise click.ClickException(f"{folder} holds no results of plain descent")
    out.mkdir(parents=True, exist_ok=True)
    sections = {
        "Table 1 by the paper's method": make_shares(protocols),
        "Failed first starts": make_failures(protocols),
        f"McNemar's exact test at {SMALLEST_EPSILON} and 1e-3": make_tests(protocols),
    }
    page = "\n\n".join(
        f"### {title}\n\n{tabulate(rows, 'keys', 'pipe', disable_numparse=True)}"
        for title, rows in sections.items()
        if rows
    )
    (out / "table1.md").write_text(page + "\n", "utf-8")
    (out / "table1.json").write_text(json.dumps(sections, indent=1) + "\n", "utf-8")
    draw_prediction(protocols).savefig(out / "predicted.png", dpi=150, metadata={"Software": None})


def read_protocols(folder: Path) -> Iterator[Protocol]:
    """Yield the runs of plain descent, by the names of their files."""
    for path in sorted(folder.glob("*.h5")):
        results = read_results(path)
        config = results.attributes["config"]
        if results.attributes["command"] != "recover" or config["solver"] != "gd":
            continue
        beside = path.with_suffix(".theory.json")
        yield Protocol(
            path.stem,
            Path(config["checkpoint"]).name,
            config["gd"]["rate"],
            config["success"],
            config["batch_norm"] == "batch",
            results,
            json.loads(beside.read_text("utf-8")) if beside.exists() else None,
        )


def make_shares(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return the rows of the opening table: the paper's, then each run's under each rule."""
    rows = [
        {
            "generator, rate": "the paper's",
            "clipping": rule.name,
            "trials": "1,000",
            **{
                name: f"{format_share(share)} {_format_interval(round(1000 * share), 1000)}"
                for name, share in zip(EPSILONS, rule.paper_shares or (), strict=True)
            },
            f"theory, {SMALLEST_EPSILON}": "",
            "acted": "",
            "beside the paper": "",
        }
        for rule in RULES.values()
        if rule.paper_shares
    ]
    for protocol in protocols:
        for rule in protocol.rules:
            rows.append(_make_share_row(protocol, RULES[rule]))
    return rows


def _make_share_row(protocol: Protocol, rule: ClippingRule) -> dict[str, str]:
    group = protocol.results.groups[rule.name]
    trials = len(group["trial"])
    successes = {
        name: int(protocol.find_successes(rule.name, epsilon).sum())
        for name, epsilon in EPSILONS.items()
    }
    return {
        "generator, rate": protocol.title,
        "clipping": rule.name,
        "trials": f"{trials:,}",
        **{
            name: f"{format_share(count / trials)} {_format_interval(count, trials)}"
            for name, count in successes.items()
        },
        f"theory, {SMALLEST_EPSILON}": _format_theory(protocol.theory, SMALLEST_EPSILON),
        "acted": f"{int(np.sum(np.asarray(group['acted']) > 0)):,}" if "acted" in group else "-",
        "beside the paper": _compare(rule, successes[SMALLEST_EPSILON], trials),
    }


def _format_interval(count: int, trials: int) -> str:
    return format_interval(clopper_pearson(count, trials), format_share)


def _format_theory(theory: dict[str, Any] | None, epsilon: str) -> str:
    if theory is None:
        return "-"
    least, most = (format_share(theory[end][epsilon]) for end in ("least", "most"))
    return least if least == most else f"{least} to {most}"


def _compare(rule: ClippingRule, successes: int, trials: int) -> str:
    """Return whether the paper's share at SMALLEST_EPSILON lies in the interval of ours."""
    if rule.paper_shares is None:
        return ""
    paper = dict(zip(EPSILONS, rule.paper_shares, strict=True))[SMALLEST_EPSILON]
    low, high = clopper_pearson(successes, trials)
    if high < paper:
        return "fewer"
    return "more" if low > paper else "within our interval"


def make_failures(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return what became of first starts that failed without redraws: are they at a bound?

    `freed`: of those with a component at a bound, how many the stochastic rule recovered from the
    same start.
    """
    rows = []
    for protocol in protocols:
        for rule, epsilon in ((r, e) for r in ("none", "standard") for e in ("1e-3", "1e-1")):
            if rule not in protocol.rules or "stochastic" not in protocol.rules:
                continue
            failed = ~protocol.find_successes(rule, EPSILONS[epsilon])
            bound = np.asarray(protocol.results.groups[rule]["first/at_bound"])
            freed = protocol.find_successes("stochastic", EPSILONS[epsilon])
            at_bound = failed & (bound > 0)
            others = failed & (bound == 0)
            rows.append(
                {
                    "generator, rate": protocol.title,
                    "clipping": rule,
                    "failed at": f"{epsilon}: {failed.sum():,} of {len(failed):,}",
                    "at a bound": f"{at_bound.sum():,}",
                    "components there": format_number(_mean(bound[failed])),
                    "of recovered ones": format_number(_mean(bound[~failed])),
                    "freed": f"{(at_bound & freed).sum():,} of {at_bound.sum():,}",
                    "of the others": f"{(others & freed).sum():,} of {others.sum():,}",
                }
            )
    return rows


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def make_tests(protocols: Sequence[Protocol]) -> list[dict[str, str]]:
    """Return McNemar's test of each pair of rules in each run, paired by trial."""
    return [
        {
            "generator, rate": protocol.title,
            "rules": f"{first}, {second}",
            "below": epsilon,
            "only the first": f"{test.only_first:,}",
            "only the second": f"{test.only_second:,}",
            "p": f"{test.p:.2g}",
        }
        for protocol in protocols
        for first, second in combinations(protocol.rules, 2)
        for epsilon in (SMALLEST_EPSILON, "1e-3")
        for test in [
            mcnemar(
                protocol.find_successes(first, EPSILONS[epsilon]),
                protocol.find_successes(second, EPSILONS[epsilon]),
            )
        ]
    ]


def draw_prediction(protocols: Sequence[Protocol]) -> Figure:
    """Draw measured success against predicted success, for each run, rule and ε."""
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="share of trials, predicted by linear theory", ylabel="share of trials, measured"
    )
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    known = [protocol for protocol in protocols if protocol.theory]
    for marker, protocol in zip(MARKERS, known, strict=False):
        for rule in protocol.rules:
            points = [_locate(protocol, rule, name) for name in EPSILONS]
            predicted, measured, below, above = zip(*points, strict=True)
            axes.errorbar(
                predicted,
                measured,
                yerr=[below, above],
                fmt=marker,
                color=RULES[rule].colour,
                capsize=2,
                alpha=0.8,
                label=f"{protocol.title}, {rule}",
            )
    axes.legend(fontsize=7, loc="upper left")
    return figure


def _locate(protocol: Protocol, rule: str, epsilon: str) -> tuple[float, float, float, float]:
    """Return predicted and measured share, and the lengths of its interval below and above."""
    assert protocol.theory
    successes = protocol.find_successes(rule, EPSILONS[epsilon])
    share = float(successes.mean())
    low, high = clopper_pearson(int(successes.sum()), len(successes))
    return protocol.theory["most"][epsilon], share, share - low, high - share


if __name__ == "__main__":
    main()
