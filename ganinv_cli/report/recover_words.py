"""Table 1 and its companions in words."""

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.runs import run_notes
from ganinv_cli.report.wording import decimal, number
from ganinv_cli.statistics import EPSILONS, SMALLEST

WORDS = {"first_start": "First start", "recovered": "With restarts"}


def sections(table1: list[Row], mcnemar: list[Row]) -> list[Section]:
    """Table 1 for both ways of counting, how the trials ended, what they cost, the paired tests."""
    tables = [
        *(_shares(table1, counted) for counted in WORDS),
        *(_endings(table1, counted) for counted in WORDS),
        _costs(table1),
    ]
    return [*tables, _tests(mcnemar)] if mcnemar else tables


def notes(run: Row) -> list[str]:
    """What is missing, what was run, and how to read the tables."""
    lines = run_notes(run)
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
    lines = [f"{count:,} {decimal(count / row['trials'])}", f"[{decimal(low)}, {decimal(high)}]"]
    if counted == "first_start" and row["paper"]:  # the paper's runs had no restarts
        lines.append(f"paper {decimal(row['paper'][bound])}")
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
                *([number(row["at_bound"])] if first else []),
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
        [(row["technique"], *(number(row[key]) for key in header.values())) for row in table1],
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
