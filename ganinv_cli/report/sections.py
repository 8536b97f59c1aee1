"""The numbers of a report in words: titled tables of text cells, the same for every format.

A cell, or a heading, may have several lines, which a format stacks or joins.
"""

import math
from pathlib import Path
from typing import NamedTuple

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.tables import Report, Row
from ganinv_cli.statistics import EPSILONS, SMALLEST

WORDS = {"first_start": "First start", "recovered": "With restarts"}


class Section(NamedTuple):
    """One table; the first column is words, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def sections(report: Report) -> list[Section]:
    """Table 1 for both ways of counting, how the trials ended, what they cost, the paired tests."""
    tables = [
        *(_shares(report.table1, counted) for counted in WORDS),
        *(_endings(report.table1, counted) for counted in WORDS),
        _costs(report.table1),
    ]
    return [*tables, _tests(report.mcnemar)] if report.mcnemar else tables


def notes(report: Report) -> list[str]:
    """What is missing, what was run, and how to read the tables."""
    run = report.run
    lines = [*_missing(run), _described(run)]
    if run["config"].get("success") == "ever":
        lines.append(
            "Recovered: z was below the bound at any update, be it not at the end, as the paper's "
            'code counted (success = "ever").'
        )
    lines.append(
        "[a, b]: exact 95 % interval (Clopper-Pearson). Elsewhere: converged, by the image loss, "
        f"to a z whose error is not below {SMALLEST}. At bound: mean number of components of z "
        f"at a bound of the prior, over the first starts that did not reach {SMALLEST}."
    )
    return lines


def _shares(table1: list[Row], counted: str) -> Section:
    return Section(
        f"The paper's Table 1, {WORDS[counted].lower()}: trials with mean squared z error below",
        ("technique", "trials", *EPSILONS),
        [
            (row["technique"], f"{row['trials']:,}", *(_share(row, counted, e) for e in EPSILONS))
            for row in table1
        ],
    )


def _share(row: Row, counted: str, bound: str) -> str:
    count = row[counted][bound]
    low, high = row["intervals"][counted][bound]
    lines = [f"{count:,} {_decimal(count / row['trials'])}", f"[{_decimal(low)}, {_decimal(high)}]"]
    if counted == "first_start" and row["paper"]:  # the paper's runs had no restarts
        lines.append(f"paper {_decimal(row['paper'][bound])}")
    return "\n".join(lines)


def _endings(table1: list[Row], counted: str) -> Section:
    first = counted == "first_start"
    names = [outcome.name.replace("_", "\n") for outcome in Outcome]
    return Section(
        f"{WORDS[counted]}: how the trials ended",
        ("technique", *names, "elsewhere", *(["at bound"] if first else [])),
        [
            (
                row["technique"],
                *(f"{count:,}" for count in row["outcomes"][counted].values()),
                f"{row['elsewhere'][counted]:,}",
                *([_number(row["at_bound"])] if first else []),
            )
            for row in table1
        ],
    )


def _costs(table1: list[Row]) -> Section:
    header = {
        "gradients\nmean": "gradients",
        "gradients\nmedian": "gradients_median",
        "first start\nmean": "gradients_first_start",
        "seconds\nmean": "seconds",
        "restarts\nmean": "restarts",
        "redraws\nmean": "redraws",
    }
    return Section(
        "What a trial cost",
        ("technique", *header),
        [(row["technique"], *(_number(row[key]) for key in header.values())) for row in table1],
    )


def _tests(mcnemar: list[Row]) -> Section:
    return Section(
        f"McNemar's exact test between techniques at {SMALLEST}, paired by trial",
        ("techniques", "counted", "trials", "only the\nfirst", "only the\nsecond", "p"),
        [
            (
                f"{row['first']}, {row['second']}",
                WORDS[row["counted"]].lower(),
                *(f"{row[key]:,}" for key in ("trials", "only_first", "only_second")),
                f"{row['p']:.2g}",
            )
            for row in mcnemar
        ],
    )


def _missing(run: Row) -> list[str]:
    """A sentence where a run goes on, or stopped before it had all its trials."""
    done, asked = run["trials"], run["config"].get("trials")
    if run["complete"] and (asked is None or min(done.values()) >= asked):
        return []
    counts = [f"{technique} {count:,}" for technique, count in done.items()]
    if len(set(done.values())) == 1:
        counts = [f"{max(done.values()):,}"]
    of = f" of {asked:,}" if asked is not None else ""
    start = "Trials are missing" if run["complete"] else "Run in progress"
    return [f"{start}: {', '.join(counts)}{of} trials so far."]


def _described(run: Row) -> str:
    """One sentence; what a file does not say is left out."""
    config = run["config"]
    parts = {
        "checkpoint": _checkpoint(run),
        "solver": config.get("solver"),
        "seed": run.get("seed"),
        "trials": config.get("trials"),
        "batch norm": config.get("batch_norm"),
        "device": run.get("device"),
        "wall clock": _duration(run["wall_seconds"]),
        "time in solvers": _duration(run["solving_seconds"]),
    }
    said = (f"{word} {value}" for word, value in parts.items() if value not in (None, ""))
    return f"Run: {', '.join(said)}."


def _checkpoint(run: Row) -> str:
    name, sha256 = run["config"].get("checkpoint"), run.get("checkpoint_sha256")
    known = [Path(str(name)).name] if name else []
    return " ".join([*known, f"(sha256 {sha256[:12]})"] if sha256 else known)


def _duration(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _decimal(share: float) -> str:
    """.980; 0 and 1.0 only when the share is just that: .9999 is not rounded up."""
    if share in (0, 1):
        return "1.0" if share else "0"
    return f"{min(max(share, 0.001), 0.999):.3f}".removeprefix("0")


def _number(value: float | None) -> str:
    """Three digits or more; a dash where there is nothing to take a mean of."""
    if value is None:
        return "-"
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(digits, 3)}f}"
